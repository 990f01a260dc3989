from django.db import migrations

from audit.triggers import append_only, never_falls


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_entries_and_edge_of_an_older_log_move")]

    operations = [
        # Its triggers go with it; the new table gets its own.
        migrations.DeleteModel("EntryOfTheOneLog"),
        append_only("audit_entry", key="event_id", also_unique=("log_id", '"index"')),
        append_only("audit_storedtile", also_unique=("log_id", "level", '"index"')),
        append_only("audit_storedcheckpoint", also_unique=("log_id", "size")),
        never_falls("audit_head", "size"),
    ]
