from django.db import migrations

from audit.triggers import Guard, append_only, append_only_by_every_key, refuses

FROZEN = Guard(
    "tracking_frozen_runs_stay_frozen",
    "tracking_run",
    "UPDATE",
    "OLD.frozen_at IS NOT NULL "
    "AND (NEW.frozen_at IS NULL OR NEW.frozen_at <> OLD.frozen_at)",
    "a frozen run stays frozen",
)
TABLES = {
    "tracking_acknowledgement": (
        ("id",),
        ("use_id",),
    ),
    "tracking_artifact": (("id",),),
    "tracking_artifactremoval": (
        ("id",),
        ("artifact_id",),
    ),
    "tracking_dataset": (
        ("id",),
        ("workspace_id", "name", "digest"),
    ),
    "tracking_datasetcard": (
        ("id",),
        ("dataset_id", "number"),
    ),
    "tracking_datasetinput": (
        ("id",),
        ("run_id", "dataset_id"),
    ),
    "tracking_datasetlabeller": (("id",),),
    "tracking_fielddefinition": (
        ("id",),
        ("workspace_id", "kind", "key", "number"),
    ),
    "tracking_formerauthor": (("id",),),
    "tracking_formerparent": (("id",),),
    "tracking_loggedmodelartifact": (("id",),),
    "tracking_loggedmodelartifactremoval": (
        ("id",),
        ("artifact_id",),
    ),
    "tracking_loggedmodelmetric": (("id",),),
    "tracking_loggedmodelparam": (
        ("id",),
        ("logged_model_id", "key"),
    ),
    "tracking_metadatatemplate": (
        ("id",),
        ("experiment_id", "number"),
    ),
    "tracking_metric": (("id",),),
    "tracking_modeluse": (("id",),),
    "tracking_param": (
        ("id",),
        ("run_id", "key"),
    ),
    "tracking_reproduction": (("id",),),
    "tracking_runseal": (("id",),),
    "tracking_sensitiveuse": (
        ("id",),
        ("run_id", "dataset_id"),
    ),
    "tracking_serviceaccount": (
        ("id",),
        ("user_id",),
    ),
}


class Migration(migrations.Migration):
    dependencies = [("tracking", "0001_all_tables_of_tracking")]

    operations = [
        *(append_only(table) for table in TABLES),
        *(append_only_by_every_key(table, *keys) for table, keys in TABLES.items()),
        refuses(FROZEN),
    ]
