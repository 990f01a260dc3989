import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from audit.triggers import append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0004_permissions_of_governance"),
        ("tracking", "0011_roles_of_governance"),
    ]

    operations = [
        migrations.AddField("policy", "tiers", models.JSONField(default=list)),
        migrations.AddField(
            "policy",
            "workspace",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="policies",
                to="tracking.workspace",
            ),
        ),
        migrations.AlterField(
            "policy",
            "registered_model",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="policies",
                to="registry.registeredmodel",
            ),
        ),
        migrations.AddConstraint(
            "policy",
            models.UniqueConstraint(
                fields=("workspace", "name", "version"),
                name="registry_policy_versions_of_a_workspace_are_unique",
            ),
        ),
        migrations.AddConstraint(
            "policy",
            models.CheckConstraint(
                condition=Q(registered_model__isnull=False, workspace__isnull=True)
                | Q(registered_model__isnull=True, workspace__isnull=False),
                name="registry_a_policy_binds_a_model_or_tiers_of_a_workspace",
            ),
        ),
        # Made anew, because SQLite has built the table anew and left its triggers out.
        append_only_by_every_key(
            "registry_policy",
            ("id",),
            ("registered_model_id", "name", "version"),
            ("workspace_id", "name", "version"),
        ),
    ]
