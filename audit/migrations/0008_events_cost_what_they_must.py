from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Beside the index of a text column Django makes one for LIKE, which every event would
# pay for and no query of ours uses.
PATTERN_INDEXES = """
SELECT 'DROP INDEX ' || quote_ident(indexname) FROM pg_indexes
WHERE tablename = 'audit_event' AND schemaname = current_schema()
  AND indexname LIKE '%\\_like'
"""
# What fills these two tables takes its ids from the rows that they refer to, events are
# never deleted, and verify_log finds an entry without its event.
FOREIGN_KEYS = """
SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT '
    || quote_ident(conname)
FROM pg_constraint
WHERE contype = 'f'
  AND conrelid IN ('audit_pending'::regclass, 'audit_entry'::regclass)
"""


def drop(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    for query in (PATTERN_INDEXES, FOREIGN_KEYS):
        with editor.connection.cursor() as cursor:
            cursor.execute(query)
            statements = [statement for (statement,) in cursor.fetchall()]
        for statement in statements:
            editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_the_database_makes_events_pending")]

    operations = [migrations.RunPython(drop, migrations.RunPython.noop)]
