import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0008_every_version_is_listed"),
        ("tracking", "0016_role_grants"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Delegation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("role", models.CharField(max_length=20)),
                ("printed_name", models.CharField(max_length=300)),
                ("reason", models.CharField(max_length=500)),
                ("method", models.CharField(max_length=50)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("signed_at", models.DateTimeField()),
                (
                    "delegate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delegations_had",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "delegator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delegations_given",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "registered_model",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delegations",
                        to="registry.registeredmodel",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delegations",
                        to="tracking.workspace",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.AddField(
            model_name="signoff",
            name="delegation",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="sign_offs",
                to="registry.delegation",
            ),
        ),
        migrations.CreateModel(
            name="DelegationWithdrawal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("withdrawn_at", models.DateTimeField()),
                (
                    "delegation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="withdrawal",
                        to="registry.delegation",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="registry_a_delegation_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("delegate", models.F("delegator")), _negated=True),
                name="registry_nobody_delegates_to_themselves",
            ),
        ),
        append_only("registry_delegation"),
        append_only_by_every_key("registry_delegation", ("id",)),
        append_only("registry_delegationwithdrawal"),
        append_only_by_every_key(
            "registry_delegationwithdrawal", ("id",), ("delegation_id",)
        ),
    ]
