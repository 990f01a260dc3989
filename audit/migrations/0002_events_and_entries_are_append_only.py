from django.db import migrations

from audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_tables_of_the_log")]

    operations = [
        append_only("audit_event"),
        append_only("audit_entry", key='"index"'),
    ]
