import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0007_children_of_a_run"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FieldDefinition",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("param", "Param"),
                            ("tag", "Tag"),
                            ("metric", "Metric"),
                        ],
                        max_length=6,
                    ),
                ),
                ("key", models.CharField(max_length=250)),
                ("number", models.PositiveIntegerField()),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("integer", "Integer"),
                            ("number", "Number"),
                            ("boolean", "Boolean"),
                            ("date", "Date"),
                        ],
                        max_length=7,
                    ),
                ),
                ("allowed_values", models.JSONField(null=True)),
                ("minimum", models.FloatField(null=True)),
                ("maximum", models.FloatField(null=True)),
                ("description", models.CharField(blank=True, max_length=1000)),
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
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="field_definitions",
                        to="tracking.workspace",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "kind", "key", "number"),
                        name="tracking_definitions_of_a_field_count_up",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MetadataTemplate",
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
                ("number", models.PositiveIntegerField()),
                ("fields", models.JSONField(default=list)),
                ("artifacts", models.JSONField(default=list)),
                ("blocks_registration", models.BooleanField(default=False)),
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
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="metadata_templates",
                        to="tracking.experiment",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("experiment", "number"),
                        name="tracking_templates_of_an_experiment_count_up",
                    )
                ],
            },
        ),
        append_only("tracking_fielddefinition"),
        append_only_by_every_key(
            "tracking_fielddefinition",
            ("id",),
            ("workspace_id", "kind", "key", "number"),
        ),
        append_only("tracking_metadatatemplate"),
        append_only_by_every_key(
            "tracking_metadatatemplate", ("id",), ("experiment_id", "number")
        ),
    ]
