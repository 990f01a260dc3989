import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tracking.models.logged_model
from audit.triggers import append_only, append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0004_latest_metrics_and_experiment_tags"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ArtifactRemoval",
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
                ("removed_at", models.DateTimeField(auto_now_add=True)),
                (
                    "artifact",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="removal",
                        to="tracking.artifact",
                    ),
                ),
                (
                    "removed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="LoggedModel",
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
                    "model_id",
                    models.CharField(
                        default=tracking.models.logged_model.new_model_id,
                        editable=False,
                        max_length=34,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(max_length=500)),
                ("model_type", models.CharField(blank=True, max_length=500)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("READY", "Ready"),
                            ("FAILED", "Failed"),
                        ],
                        default="PENDING",
                        max_length=10,
                    ),
                ),
                (
                    "lifecycle_stage",
                    models.CharField(
                        choices=[("active", "Active"), ("deleted", "Deleted")],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
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
                        related_name="logged_models",
                        to="tracking.experiment",
                    ),
                ),
                (
                    "source_run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="logged_models",
                        to="tracking.run",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="LoggedModelArtifact",
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
                ("path", models.CharField(max_length=1000)),
                ("sha256", models.CharField(db_index=True, max_length=64)),
                ("size_bytes", models.PositiveBigIntegerField()),
                ("uploaded_at", models.DateTimeField(auto_now_add=True)),
                (
                    "logged_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="artifacts",
                        to="tracking.loggedmodel",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="LoggedModelArtifactRemoval",
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
                ("removed_at", models.DateTimeField(auto_now_add=True)),
                (
                    "artifact",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="removal",
                        to="tracking.loggedmodelartifact",
                    ),
                ),
                (
                    "removed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="LoggedModelMetric",
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
                ("value", models.FloatField()),
                ("is_nan", models.BooleanField(default=False)),
                ("timestamp_ms", models.BigIntegerField()),
                ("step", models.BigIntegerField(default=0)),
                ("dataset_name", models.CharField(blank=True, max_length=500)),
                ("dataset_digest", models.CharField(blank=True, max_length=36)),
                (
                    "logged_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="metrics",
                        to="tracking.loggedmodel",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="model_metrics",
                        to="tracking.run",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="LoggedModelParam",
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
                ("value", models.CharField(max_length=6000)),
                (
                    "logged_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="params",
                        to="tracking.loggedmodel",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="LoggedModelTag",
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
                ("value", models.CharField(max_length=8000)),
                (
                    "logged_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tags",
                        to="tracking.loggedmodel",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ModelUse",
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
                    "direction",
                    models.CharField(
                        choices=[("input", "Input"), ("output", "Output")], max_length=6
                    ),
                ),
                ("step", models.BigIntegerField(default=0)),
                (
                    "logged_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uses",
                        to="tracking.loggedmodel",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="model_uses",
                        to="tracking.run",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.AddIndex(
            model_name="loggedmodel",
            index=models.Index(
                fields=["experiment", "-created_at"],
                name="tracking_models_newest_first",
            ),
        ),
        migrations.AddIndex(
            model_name="loggedmodelartifact",
            index=models.Index(
                fields=["logged_model", "path"], name="tracking_model_files_by_path"
            ),
        ),
        migrations.AddIndex(
            model_name="loggedmodelmetric",
            index=models.Index(
                fields=["logged_model", "key", "value"],
                name="tracking_model_metrics_by_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="loggedmodelparam",
            constraint=models.UniqueConstraint(
                fields=("logged_model", "key"),
                name="tracking_a_model_param_has_one_value",
            ),
        ),
        migrations.AddConstraint(
            model_name="loggedmodeltag",
            constraint=models.UniqueConstraint(
                fields=("logged_model", "key"),
                name="tracking_a_model_tag_has_one_value",
            ),
        ),
        migrations.AddConstraint(
            model_name="modeluse",
            constraint=models.UniqueConstraint(
                fields=("run", "logged_model", "direction", "step"),
                name="tracking_a_run_names_a_model_once_at_a_step",
            ),
        ),
        append_only("tracking_loggedmodelparam"),
        append_only("tracking_loggedmodelmetric"),
        append_only("tracking_loggedmodelartifact"),
        append_only("tracking_loggedmodelartifactremoval"),
        append_only("tracking_artifactremoval"),
        append_only("tracking_modeluse"),
        append_only_by_every_key(
            "tracking_loggedmodelparam", ("id",), ("logged_model_id", "key")
        ),
        append_only_by_every_key("tracking_loggedmodelmetric", ("id",)),
        append_only_by_every_key("tracking_loggedmodelartifact", ("id",)),
        append_only_by_every_key(
            "tracking_loggedmodelartifactremoval", ("id",), ("artifact_id",)
        ),
        append_only_by_every_key("tracking_artifactremoval", ("id",), ("artifact_id",)),
        # Its other key holds every column: see 0003.
        append_only_by_every_key("tracking_modeluse", ("id",)),
    ]
