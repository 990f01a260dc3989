import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models
from django.db.models import F

import tracking.models.logged_model
import tracking.models.run
from audit.tables import CreateTables

KEY = (
    "id",
    models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    ),
)
# A pattern such as 'team-%' is answered by an index of PostgreSQL whatever the locale of
# the database only if the index compares by character, which its operator class says.
BY_VALUE = 'CREATE INDEX {name} ON {table} (key, ("left"(value, 64)) text_pattern_ops)'
NAMES = {
    "tracking_param": "tracking_params_by_value",
    "tracking_tag": "tracking_tags_by_value",
}


def index_values(_apps, schema_editor):
    """On PostgreSQL only: SQLite does not know the expression in a query that binds 64."""
    if schema_editor.connection.vendor == "postgresql":
        for table, name in NAMES.items():
            schema_editor.execute(BY_VALUE.format(name=name, table=table))


def drop_them(_apps, schema_editor):
    for name in NAMES.values():
        schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


def by_value(name):
    return models.Index(
        F("key"), django.db.models.functions.text.Left("value", 64), name=name
    )


class Migration(migrations.Migration):
    replaces = [
        ("tracking", "0001_tables_of_tracking"),
        ("tracking", "0002_evidence_of_runs_is_append_only"),
        ("tracking", "0003_evidence_is_replaced_by_no_key"),
        ("tracking", "0004_latest_metrics_and_experiment_tags"),
        ("tracking", "0005_logged_models_and_removals"),
        ("tracking", "0006_dataset_cards"),
        ("tracking", "0007_children_of_a_run"),
        ("tracking", "0008_metadata_templates"),
        ("tracking", "0009_reproductions"),
        ("tracking", "0010_one_index_for_all_points"),
        ("tracking", "0011_roles_of_governance"),
        ("tracking", "0012_workspaces_may_take_unlinked_versions"),
        ("tracking", "0013_uses_of_sensitive_data"),
        ("tracking", "0014_scopes_of_tokens"),
        ("tracking", "0015_second_factors"),
        ("tracking", "0016_role_grants"),
        ("tracking", "0017_administrators_connect_systems"),
        ("tracking", "0018_runs_of_a_commit"),
        ("tracking", "0019_indexes_for_searches"),
        ("tracking", "0020_former_authors_of_commits"),
        ("tracking", "0021_former_parents_of_runs"),
        ("tracking", "0022_data_are_found_by_digest"),
        ("tracking", "0023_spell_api_tokens"),
        ("tracking", "0024_programs_stay_programs"),
        ("tracking", "0025_seals_that_are_stale"),
        ("tracking", "0026_runs_to_be_sealed_again"),
        ("tracking", "0027_frozen_runs_stay_frozen"),
    ]

    dependencies = [
        ("audit", "0002_events_and_entries_are_append_only"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("auth", "__first__"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("guardian", "0001_initial"),
    ]

    operations = [
        CreateTables(
            [
                migrations.CreateModel(
                    name="Dataset",
                    fields=[
                        KEY,
                        ("name", models.CharField(max_length=500)),
                        ("digest", models.CharField(max_length=36)),
                        ("source_type", models.CharField(max_length=500)),
                        ("source", models.TextField()),
                        ("schema", models.TextField(blank=True)),
                        ("profile", models.TextField(blank=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "workspace",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="datasets",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(
                                fields=["workspace", "digest"],
                                name="tracking_data_by_digest",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("workspace", "name", "digest"),
                                name="tracking_a_dataset_is_its_name_and_digest",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Workspace",
                    fields=[
                        KEY,
                        ("name", models.SlugField(max_length=100, unique=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("allow_unlinked_versions", models.BooleanField(default=False)),
                    ],
                    options={
                        "permissions": [
                            ("create_experiment", "May create experiments here"),
                            (
                                "describe_dataset",
                                "May register and describe datasets here",
                            ),
                            ("register_model", "May register models here"),
                            ("draft_policy", "May draft policies here"),
                            ("publish_policy", "May publish policies here"),
                            (
                                "grant_role",
                                "May ask for and approve grants of roles here",
                            ),
                            (
                                "export_log",
                                "May export what the log says of this workspace",
                            ),
                            ("operate_log", "May rotate keys, back up and verify"),
                            (
                                "connect_systems",
                                "May connect webhooks and tickets here",
                            ),
                        ],
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="ApiToken",
                    fields=[
                        KEY,
                        ("name", models.CharField(max_length=100)),
                        ("prefix", models.CharField(max_length=12)),
                        ("sha256", models.CharField(max_length=64, unique=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("expires_at", models.DateTimeField()),
                        ("revoked_at", models.DateTimeField(blank=True, null=True)),
                        ("last_used_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="api_tokens",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        ("scopes", models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "verbose_name": "API token",
                    },
                ),
                migrations.CreateModel(
                    name="Experiment",
                    fields=[
                        KEY,
                        ("name", models.CharField(max_length=500)),
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
                            "workspace",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="experiments",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "permissions": [("log_run", "May log runs in this experiment")],
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("workspace", "name"),
                                name="tracking_experiment_names_are_unique_in_a_workspace",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Run",
                    fields=[
                        KEY,
                        (
                            "run_id",
                            models.CharField(
                                default=tracking.models.run.new_run_id,
                                editable=False,
                                max_length=32,
                                unique=True,
                            ),
                        ),
                        ("name", models.CharField(max_length=250)),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("RUNNING", "Running"),
                                    ("SCHEDULED", "Scheduled"),
                                    ("FINISHED", "Finished"),
                                    ("FAILED", "Failed"),
                                    ("KILLED", "Killed"),
                                ],
                                default="RUNNING",
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
                        ("started_at", models.DateTimeField()),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        ("frozen_at", models.DateTimeField(blank=True, null=True)),
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
                                related_name="runs",
                                to="tracking.experiment",
                            ),
                        ),
                        (
                            "has_stale_seal",
                            models.BooleanField(default=False, editable=False),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(
                                fields=["experiment", "-started_at"],
                                name="tracking_runs_newest_first",
                            ),
                            models.Index(
                                fields=["experiment", "name"],
                                name="tracking_runs_by_name",
                            ),
                            models.Index(
                                condition=models.Q(("has_stale_seal", True)),
                                fields=["id"],
                                name="tracking_runs_to_seal_again",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Param",
                    fields=[
                        KEY,
                        ("key", models.CharField(max_length=250)),
                        ("value", models.CharField(max_length=6000)),
                        (
                            "run",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="params",
                                to="tracking.run",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("run", "key"),
                                name="tracking_a_param_has_one_value",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Metric",
                    fields=[
                        KEY,
                        ("key", models.CharField(max_length=250)),
                        ("value", models.FloatField()),
                        ("is_nan", models.BooleanField(default=False)),
                        ("timestamp_ms", models.BigIntegerField()),
                        ("step", models.BigIntegerField(default=0)),
                        (
                            "run",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="metrics",
                                to="tracking.run",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=(
                                    "run",
                                    "key",
                                    "timestamp_ms",
                                    "step",
                                    "value",
                                    "is_nan",
                                ),
                                name="tracking_an_identical_point_is_stored_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DatasetInput",
                    fields=[
                        KEY,
                        ("tags", models.JSONField(default=dict)),
                        (
                            "dataset",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="uses",
                                to="tracking.dataset",
                            ),
                        ),
                        (
                            "run",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="dataset_inputs",
                                to="tracking.run",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("run", "dataset"),
                                name="tracking_a_run_names_a_dataset_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Artifact",
                    fields=[
                        KEY,
                        ("path", models.CharField(max_length=1000)),
                        ("sha256", models.CharField(db_index=True, max_length=64)),
                        ("size_bytes", models.PositiveBigIntegerField()),
                        ("uploaded_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "uploaded_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "run",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="artifacts",
                                to="tracking.run",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(
                                fields=["run", "path"],
                                name="tracking_artifacts_by_path",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RunSeal",
                    fields=[
                        KEY,
                        ("digest", models.CharField(max_length=71)),
                        ("sealed_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "run",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="seals",
                                to="tracking.run",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="ServiceAccount",
                    fields=[
                        KEY,
                        ("purpose", models.CharField(max_length=500)),
                        (
                            "user",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="service_account",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="Tag",
                    fields=[
                        KEY,
                        ("key", models.CharField(max_length=250)),
                        ("value", models.CharField(max_length=8000)),
                        (
                            "run",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="tags",
                                to="tracking.run",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(
                                django.db.models.functions.text.Left("value", 64),
                                condition=models.Q(("key", "mlflow.parentRunId")),
                                name="tracking_children_of_a_run",
                            ),
                            models.Index(
                                django.db.models.functions.text.Left("value", 64),
                                condition=models.Q(("key", "mlflow.source.git.commit")),
                                name="tracking_runs_of_a_commit",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("run", "key"),
                                name="tracking_a_tag_has_one_value",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ExperimentTag",
                    fields=[
                        KEY,
                        ("key", models.CharField(max_length=250)),
                        ("value", models.TextField()),
                        (
                            "experiment",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="tags",
                                to="tracking.experiment",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("experiment", "key"),
                                name="tracking_an_experiment_tag_has_one_value",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LatestMetric",
                    fields=[
                        KEY,
                        ("key", models.CharField(max_length=250)),
                        ("value", models.FloatField()),
                        ("is_nan", models.BooleanField(default=False)),
                        ("timestamp_ms", models.BigIntegerField()),
                        ("step", models.BigIntegerField(default=0)),
                        (
                            "run",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="latest_metrics",
                                to="tracking.run",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(
                                fields=["key", "value"], name="tracking_latest_by_value"
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("run", "key"),
                                name="tracking_a_metric_has_one_latest_point",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ArtifactRemoval",
                    fields=[
                        KEY,
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
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="LoggedModel",
                    fields=[
                        KEY,
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
                        "indexes": [
                            models.Index(
                                fields=["experiment", "-created_at"],
                                name="tracking_models_newest_first",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LoggedModelArtifact",
                    fields=[
                        KEY,
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
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(
                                fields=["logged_model", "path"],
                                name="tracking_model_files_by_path",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LoggedModelArtifactRemoval",
                    fields=[
                        KEY,
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
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="LoggedModelMetric",
                    fields=[
                        KEY,
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
                        "indexes": [
                            models.Index(
                                fields=["logged_model", "key", "value"],
                                name="tracking_model_metrics_by_key",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LoggedModelParam",
                    fields=[
                        KEY,
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
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("logged_model", "key"),
                                name="tracking_a_model_param_has_one_value",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LoggedModelTag",
                    fields=[
                        KEY,
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
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("logged_model", "key"),
                                name="tracking_a_model_tag_has_one_value",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ModelUse",
                    fields=[
                        KEY,
                        (
                            "direction",
                            models.CharField(
                                choices=[("input", "Input"), ("output", "Output")],
                                max_length=6,
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
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("run", "logged_model", "direction", "step"),
                                name="tracking_a_run_names_a_model_once_at_a_step",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DatasetCard",
                    fields=[
                        KEY,
                        ("number", models.PositiveIntegerField()),
                        ("rows", models.PositiveBigIntegerField(null=True)),
                        ("window_start", models.DateField(null=True)),
                        ("window_end", models.DateField(null=True)),
                        ("labels", models.TextField(blank=True)),
                        ("licence", models.CharField(blank=True, max_length=200)),
                        ("sensitivity", models.JSONField(null=True)),
                        ("known_gaps", models.TextField(blank=True)),
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
                            "dataset",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="cards",
                                to="tracking.dataset",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("dataset", "number"),
                                name="tracking_card_numbers_are_unique_for_a_dataset",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("window_start__isnull", True),
                                    ("window_end__isnull", True),
                                    ("window_start__lte", models.F("window_end")),
                                    _connector="OR",
                                ),
                                name="tracking_a_window_starts_before_it_ends",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DatasetLabeller",
                    fields=[
                        KEY,
                        (
                            "card",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="labellers",
                                to="tracking.datasetcard",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="labelled",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("card", "user"),
                                name="tracking_a_card_names_a_labeller_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FieldDefinition",
                    fields=[
                        KEY,
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
                        KEY,
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
                migrations.CreateModel(
                    name="Reproduction",
                    fields=[
                        KEY,
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
                migrations.CreateModel(
                    name="SensitiveUse",
                    fields=[
                        KEY,
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
                        KEY,
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
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="FailedTries",
                    fields=[
                        KEY,
                        ("number", models.PositiveIntegerField(default=0)),
                        ("first_at", models.DateTimeField(null=True)),
                        ("locked_until", models.DateTimeField(null=True)),
                        (
                            "user",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="failed_tries",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="SecondFactor",
                    fields=[
                        KEY,
                        ("encrypted_secret", models.BinaryField(max_length=300)),
                        ("last_step", models.BigIntegerField(default=0)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                        ("removed_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="second_factors",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": (),
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("removed_at", None)),
                                fields=("user",),
                                name="tracking_an_account_has_one_second_factor",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="NamePrefix",
                    fields=[
                        KEY,
                        ("prefix", models.CharField(max_length=200)),
                        (
                            "workspace",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="prefixes",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "permissions": [
                            (
                                "create_experiment",
                                "May create experiments below this prefix",
                            ),
                            ("register_model", "May register models below this prefix"),
                        ],
                        "default_permissions": (),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("workspace", "prefix"),
                                name="tracking_a_prefix_stands_once_in_a_workspace",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RoleGrant",
                    fields=[
                        KEY,
                        ("role", models.CharField(max_length=20)),
                        (
                            "granted_on",
                            models.CharField(
                                choices=[
                                    ("workspace", "Workspace"),
                                    ("experiment", "Experiment"),
                                    ("registeredmodel", "Model"),
                                    ("nameprefix", "Prefix"),
                                ],
                                default="workspace",
                                max_length=20,
                            ),
                        ),
                        ("object_pk", models.BigIntegerField(default=0)),
                        ("object_name", models.CharField(max_length=500)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("asked", "Asked"),
                                    ("approved", "Approved"),
                                    ("effective", "Effective"),
                                    ("refused", "Refused"),
                                    ("revoked", "Revoked"),
                                ],
                                default="asked",
                                max_length=10,
                            ),
                        ),
                        ("reason", models.CharField(blank=True, max_length=1000)),
                        ("by_installation", models.BooleanField(default=False)),
                        ("asked_at", models.DateTimeField(auto_now_add=True)),
                        ("approved_at", models.DateTimeField(blank=True, null=True)),
                        ("effective_at", models.DateTimeField(blank=True, null=True)),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "account",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="role_grants",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "approved_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "asked_by",
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
                                related_name="role_grants",
                                to="tracking.workspace",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(
                                    ("state__in", ["approved", "asked", "effective"])
                                ),
                                fields=(
                                    "workspace",
                                    "role",
                                    "account",
                                    "granted_on",
                                    "object_pk",
                                ),
                                name="tracking_a_role_is_granted_once_at_a_time",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("by_installation", True),
                                    ("approved_by", None),
                                    models.Q(
                                        ("approved_by", models.F("asked_by")),
                                        _negated=True,
                                    ),
                                    _connector="OR",
                                ),
                                name="tracking_two_people_grant_a_role",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("by_installation", True),
                                    models.Q(
                                        models.Q(
                                            ("account", models.F("asked_by")),
                                            _negated=True,
                                        ),
                                        models.Q(
                                            ("approved_by", None),
                                            models.Q(
                                                ("account", models.F("approved_by")),
                                                _negated=True,
                                            ),
                                            _connector="OR",
                                        ),
                                    ),
                                    _connector="OR",
                                ),
                                name="tracking_nobody_grants_themselves_a_role",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state__in", ["asked", "revoked"]),
                                    ("approved_by__isnull", False),
                                    _connector="OR",
                                ),
                                name="tracking_no_role_without_approval",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "approved",
                                            "asked",
                                            "effective",
                                            "refused",
                                            "revoked",
                                        ],
                                    )
                                ),
                                name="tracking_a_grant_is_in_a_known_state",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FormerAuthor",
                    fields=[
                        KEY,
                        ("value", models.CharField(max_length=8000)),
                        ("replaced_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "run",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="former_authors",
                                to="tracking.run",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
                migrations.CreateModel(
                    name="FormerParent",
                    fields=[
                        KEY,
                        (
                            "parent_run_id",
                            models.CharField(db_index=True, max_length=32),
                        ),
                        ("replaced_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "run",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="former_parents",
                                to="tracking.run",
                            ),
                        ),
                    ],
                    options={
                        "default_permissions": ("view",),
                    },
                ),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(index_values, drop_them)],
            state_operations=[
                migrations.AddIndex("param", by_value("tracking_params_by_value")),
                migrations.AddIndex("tag", by_value("tracking_tags_by_value")),
            ],
        ),
    ]
