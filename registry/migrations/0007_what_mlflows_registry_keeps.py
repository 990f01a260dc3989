import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0006_requests_end_are_waived_and_attested"),
        ("tracking", "0012_workspaces_may_take_unlinked_versions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="folder",
            field=models.CharField(blank=True, max_length=1000),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="logged_model",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tracking.loggedmodel",
            ),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="run_link",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="source",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="registeredmodel",
            name="archived_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="registeredmodel",
            name="description",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="registeredmodel",
            name="updated_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="artifact",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tracking.artifact",
            ),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="artifact_sha256",
            field=models.CharField(blank=True, db_index=True, max_length=64, null=True),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="source_run",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="model_versions",
                to="tracking.run",
            ),
        ),
        migrations.AlterField(
            model_name="registeredmodel",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="owned_models",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="registeredmodel",
            name="purpose",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="registeredmodel",
            name="tier",
            field=models.PositiveSmallIntegerField(
                blank=True,
                choices=[(1, "Critical"), (2, "High"), (3, "Moderate"), (4, "Low")],
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="Alias",
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
                ("name", models.CharField(max_length=255)),
                (
                    "registered_model",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="aliases",
                        to="registry.registeredmodel",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="aliases",
                        to="registry.modelversion",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "aliases",
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("registered_model", "name"),
                        name="registry_an_alias_means_one_version",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FormerName",
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
                ("name", models.CharField(max_length=250)),
                ("given_up_at", models.DateTimeField(auto_now_add=True)),
                (
                    "given_up_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "registered_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="former_names",
                        to="registry.registeredmodel",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tracking.workspace",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "name"),
                        name="registry_a_former_name_is_of_one_model",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelTag",
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
                ("key", models.CharField(max_length=250)),
                ("value", models.TextField()),
                (
                    "registered_model",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tags",
                        to="registry.registeredmodel",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("registered_model", "key"),
                        name="registry_a_model_tag_has_one_value",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="VersionListing",
            fields=[
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="listing",
                        serialize=False,
                        to="registry.modelversion",
                    ),
                ),
                ("description", models.TextField(blank=True)),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            ("None", "None"),
                            ("Staging", "Staging"),
                            ("Production", "Production"),
                            ("Archived", "Archived"),
                        ],
                        default="None",
                        max_length=10,
                    ),
                ),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                (
                    "registered_model",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.registeredmodel",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("archived_at", None)),
                        fields=["registered_model", "stage", "-version"],
                        name="registry_latest_of_each_stage",
                    ),
                    models.Index(
                        condition=models.Q(("archived_at", None)),
                        fields=["-updated_at", "-version"],
                        name="registry_versions_as_updated",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("stage__in", ["Archived", "None", "Production", "Staging"])
                        ),
                        name="registry_a_stage_is_one_of_mlflows",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="VersionTag",
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
                ("key", models.CharField(max_length=250)),
                ("value", models.TextField()),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tags",
                        to="registry.modelversion",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("version", "key"),
                        name="registry_a_version_tag_has_one_value",
                    )
                ],
            },
        ),
        # Made anew, because SQLite has built the table anew and left its triggers out.
        append_only_by_every_key(
            "registry_modelversion",
            ("id",),
            ("registered_model_id", "number"),
            ("registered_model_id", "artifact_sha256"),
        ),
        append_only("registry_formername"),
        append_only_by_every_key(
            "registry_formername", ("id",), ("workspace_id", "name")
        ),
    ]
