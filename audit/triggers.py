"""Database triggers that make a table append-only, on PostgreSQL and on SQLite.

Migrations call `append_only(table)`, and `never_falls(table, column)` for what may only
grow; `missing_triggers()` says which are not there.
"""

from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

APPEND_ONLY_TABLES: set[str] = set()
GROWING_TABLES: set[str] = set()

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION attestry_refuse_change() RETURNS trigger AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END;
$$ LANGUAGE plpgsql
"""

# ENABLE ALWAYS: otherwise session_replication_role = replica switches a trigger off.
_POSTGRESQL = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION attestry_refuse_change();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION attestry_refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate
"""

# REPLACE deletes a row without firing DELETE triggers unless recursive_triggers is on,
# so an insert over an existing key is refused by a trigger of its own.
_SQLITE = (
    """CREATE TRIGGER {table}_append_only_update BEFORE UPDATE ON {table}
       BEGIN SELECT RAISE(ABORT, '{table} is append-only: UPDATE refused'); END""",
    """CREATE TRIGGER {table}_append_only_delete BEFORE DELETE ON {table}
       BEGIN SELECT RAISE(ABORT, '{table} is append-only: DELETE refused'); END""",
    """CREATE TRIGGER {table}_append_only_replace BEFORE INSERT ON {table}
       WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
       BEGIN SELECT RAISE(ABORT, '{table} is append-only: REPLACE refused'); END""",
)

_POSTGRESQL_GROWING = """
CREATE OR REPLACE FUNCTION {table}_refuse_shrinking() RETURNS trigger AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.{column} >= OLD.{column} THEN RETURN NEW; END IF;
  RAISE EXCEPTION '{table} only grows: % refused', TG_OP
    USING ERRCODE = 'restrict_violation';
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION {table}_refuse_shrinking();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse_shrinking();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_only_grows;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate
"""

_SQLITE_GROWING = (
    """CREATE TRIGGER {table}_only_grows_update BEFORE UPDATE ON {table}
       WHEN NEW.{column} < OLD.{column}
       BEGIN SELECT RAISE(ABORT, '{table} only grows: UPDATE refused'); END""",
    """CREATE TRIGGER {table}_only_grows_delete BEFORE DELETE ON {table}
       BEGIN SELECT RAISE(ABORT, '{table} only grows: DELETE refused'); END""",
    """CREATE TRIGGER {table}_only_grows_replace BEFORE INSERT ON {table}
       WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)
       BEGIN SELECT RAISE(ABORT, '{table} only grows: REPLACE refused'); END""",
)


def append_only(
    table: str, *, key: str = "id", also_unique: tuple[str, ...] = ()
) -> migrations.RunPython:
    """Return a migration operation that refuses to change or remove rows of `table`.

    `also_unique` are columns that are unique together and over which SQLite's REPLACE
    could overwrite a row as well.
    """
    APPEND_ONLY_TABLES.add(table)
    same = f"{key} = NEW.{key}"
    if also_unique:
        together = " AND ".join(f"{name} = NEW.{name}" for name in also_unique)
        same = f"{same} OR ({together})"

    def install(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            # None, not (): otherwise the percent signs would be placeholders.
            editor.execute(_POSTGRESQL_FUNCTION, params=None)
            editor.execute(_POSTGRESQL.format(table=table), params=None)
            return
        for statement in _SQLITE:
            editor.execute(statement.format(table=table, same=same))

    def remove(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        for name in _deny_triggers(table, editor.connection.vendor):
            on = f" ON {table}" if editor.connection.vendor == "postgresql" else ""
            editor.execute(f"DROP TRIGGER {name}{on}")

    return migrations.RunPython(install, remove)


def never_falls(table: str, column: str) -> migrations.RunPython:
    """Return a migration operation after which `column` only grows and no row goes."""
    GROWING_TABLES.add(table)

    def install(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            statement = _POSTGRESQL_GROWING.format(table=table, column=column)
            editor.execute(statement, params=None)
            return
        for statement in _SQLITE_GROWING:
            editor.execute(statement.format(table=table, column=column))

    def remove(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        for name in _growth_triggers(table, editor.connection.vendor):
            on = f" ON {table}" if editor.connection.vendor == "postgresql" else ""
            editor.execute(f"DROP TRIGGER {name}{on}")

    return migrations.RunPython(install, remove)


def _growth_triggers(table: str, vendor: str) -> set[str]:
    if vendor == "postgresql":
        return {f"{table}_only_grows", f"{table}_no_truncate"}
    return {f"{table}_only_grows_{verb}" for verb in ("update", "delete", "replace")}


def _deny_triggers(table: str, vendor: str) -> set[str]:
    if vendor == "postgresql":
        return {f"{table}_append_only", f"{table}_no_truncate"}
    return {f"{table}_append_only_{verb}" for verb in ("update", "delete", "replace")}


def missing_triggers() -> list[str]:
    """Return the names of deny triggers that should be in the database and are not."""
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {row[0] for row in cursor.fetchall()}
    expected = {
        name
        for table in _migrated_append_only_tables()
        for name in _deny_triggers(table, connection.vendor)
    }
    for table in GROWING_TABLES:
        expected |= _growth_triggers(table, connection.vendor)
    return sorted(expected - present)


def _migrated_append_only_tables() -> set[str]:
    """Load every migration, because that is where tables are declared append-only."""
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415 - slow

    MigrationLoader(None)
    return APPEND_ONLY_TABLES
