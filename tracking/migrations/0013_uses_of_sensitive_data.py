import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


def key():
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0012_workspaces_may_take_unlinked_versions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SensitiveUse",
            fields=[
                ("id", key()),
                ("labels", models.JSONField()),
                ("noticed_at", models.DateTimeField()),
                ("acknowledge_by", models.DateTimeField()),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sensitive_uses",
                        to="tracking.dataset",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sensitive_uses",
                        to="tracking.run",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "dataset"),
                        name="tracking_a_sensitive_use_is_noticed_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Acknowledgement",
            fields=[
                ("id", key()),
                ("note", models.CharField(max_length=1000)),
                ("acknowledged_at", models.DateTimeField()),
                (
                    "acknowledged_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "use",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acknowledgement",
                        to="tracking.sensitiveuse",
                    ),
                ),
            ],
            options={"default_permissions": ("view",)},
        ),
        append_only("tracking_sensitiveuse"),
        append_only_by_every_key(
            "tracking_sensitiveuse", ("id",), ("run_id", "dataset_id")
        ),
        append_only("tracking_acknowledgement"),
        append_only_by_every_key("tracking_acknowledgement", ("id",), ("use_id",)),
    ]
