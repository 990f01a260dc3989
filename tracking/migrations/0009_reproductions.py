import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0008_metadata_templates"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Reproduction",
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
                (
                    "level_reached",
                    models.CharField(
                        choices=[
                            ("bitwise", "Bitwise"),
                            ("tolerance", "Tolerance"),
                            ("statistical", "Statistical"),
                            ("none", "None"),
                        ],
                        max_length=11,
                    ),
                ),
                ("tolerances", models.JSONField()),
                ("comparison", models.JSONField()),
                ("content", models.CharField(max_length=71)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "original",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reproductions",
                        to="tracking.run",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reproduces",
                        to="tracking.run",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("run", models.F("original")), _negated=True
                        ),
                        name="tracking_no_run_reproduces_itself",
                    )
                ],
            },
        ),
        append_only("tracking_reproduction"),
        append_only_by_every_key("tracking_reproduction", ("id",)),
    ]
