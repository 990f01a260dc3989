import django.db.models.deletion
from django.db import migrations, models

from audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0005_the_tree_is_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="VerificationTurn",
            fields=[
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("full", "Full"),
                            ("incremental", "Incremental"),
                            ("scrub", "Scrub"),
                        ],
                        max_length=11,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("taken_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Verification",
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
                    "mode",
                    models.CharField(
                        choices=[
                            ("full", "Full"),
                            ("incremental", "Incremental"),
                            ("scrub", "Scrub"),
                        ],
                        max_length=11,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("size", models.PositiveBigIntegerField()),
                ("saw_guard", models.BooleanField()),
                ("is_intact", models.BooleanField()),
                ("first_bad_index", models.PositiveBigIntegerField(null=True)),
                ("faults", models.TextField(blank=True)),
                (
                    "log",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="verifications",
                        to="audit.head",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        append_only("audit_verification"),
    ]
