from django.db import migrations

from audit.triggers import (
    append_only_by_every_key,
    events_await_their_index,
    never_falls_still,
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_verifications_of_the_log")]

    operations = [
        append_only_by_every_key("audit_event", ("id",), ("uid",)),
        append_only_by_every_key("audit_entry", ("event_id",), ("log_id", "index")),
        append_only_by_every_key(
            "audit_storedtile", ("id",), ("log_id", "level", "index")
        ),
        append_only_by_every_key("audit_storedcheckpoint", ("id",), ("log_id", "size")),
        append_only_by_every_key("audit_verification", ("id",)),
        never_falls_still("audit_head", "size"),
        events_await_their_index(),
    ]
