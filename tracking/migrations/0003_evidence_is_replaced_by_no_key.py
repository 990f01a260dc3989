from django.db import migrations

from audit.triggers import append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [("tracking", "0002_evidence_of_runs_is_append_only")]

    operations = [
        append_only_by_every_key("tracking_param", ("id",), ("run_id", "key")),
        # Its other key holds every column, so that REPLACE by it changes nothing, and
        # INSERT OR IGNORE by it is how an identical point is stored once.
        append_only_by_every_key("tracking_metric", ("id",)),
        append_only_by_every_key("tracking_artifact", ("id",)),
        append_only_by_every_key(
            "tracking_dataset", ("id",), ("workspace_id", "name", "digest")
        ),
        append_only_by_every_key(
            "tracking_datasetinput", ("id",), ("run_id", "dataset_id")
        ),
        append_only_by_every_key("tracking_runseal", ("id",)),
    ]
