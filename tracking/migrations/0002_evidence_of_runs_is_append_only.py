from django.db import migrations

from audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0001_tables_of_tracking"),
        ("audit", "0002_events_and_entries_are_append_only"),
    ]

    operations = [
        append_only("tracking_param"),
        append_only("tracking_metric"),
        append_only("tracking_artifact"),
        append_only("tracking_dataset"),
        append_only("tracking_datasetinput"),
        append_only("tracking_runseal"),
    ]
