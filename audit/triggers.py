"""Database triggers that keep evidence as it was written, on PostgreSQL and on SQLite.

Migrations call the functions that return an operation; `trigger_faults()` holds what
is in the database against what those operations have declared.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

APPEND_ONLY_TABLES: set[str] = set()
# Keys by which SQLite's REPLACE could overwrite a row, where there are more than `id`.
REPLACE_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {}
GROWING_TABLES: dict[str, str] = {}
GUARDS: dict[str, "Guard"] = {}
KEEPERS: dict[str, "Keeper"] = {}

# ENABLE ALWAYS: otherwise session_replication_role = replica switches a trigger off.
_ALWAYS = "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"

_REFUSE_CHANGE = """
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END;
"""
_REFUSE_SHRINKING = """
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.{column} >= OLD.{column} THEN RETURN NEW; END IF;
  RAISE EXCEPTION '{table} only grows: % refused', TG_OP
    USING ERRCODE = 'restrict_violation';
END;
"""
_REFUSE_IF = """
BEGIN
  IF {condition} THEN
    RAISE EXCEPTION '{sentence}' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN coalesce(NEW, OLD);
END;
"""
# By its full name: whoever inserts an event chooses no other table.
_AWAIT_INDEX = """
BEGIN
  INSERT INTO {schema}.audit_pending (event_id) VALUES (NEW.id);
  RETURN NULL;
END;
"""

_KEEP = """
BEGIN
  IF TG_OP = 'UPDATE' AND NOT ({changed}) THEN RETURN NULL; END IF;
  INSERT INTO {schema}.{into} (subject, key, value, ended_at)
  VALUES (({subject}), OLD.key, OLD.value, clock_timestamp());
  RETURN NULL;
END;
"""

_SQLITE_KEEP = (
    "CREATE TRIGGER {name} AFTER {when} ON {table} {condition}"
    "BEGIN INSERT INTO {into} (subject, key, value, ended_at) VALUES (({subject}), "
    "OLD.key, OLD.value, strftime('%Y-%m-%d %H:%M:%f', 'now')); END"
)
_SQLITE_REFUSE_IF = (
    "CREATE TRIGGER {name} BEFORE {on} ON {table} WHEN {condition} "
    "BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
)
_SQLITE_REFUSE = (
    "CREATE TRIGGER {table}_{word}_{verb} BEFORE {when} ON {table} {condition}"
    "BEGIN SELECT RAISE(ABORT, '{table} {sentence}: {said} refused'); END"
)


@dataclass(frozen=True)
class Trigger:
    """A trigger as it should be; `function` is PostgreSQL's, by name and body."""

    table: str
    name: str
    event: str
    function: str = ""
    body: str = ""
    is_definer: bool = False
    sqlite: str = ""
    does: str = "refuses changes"

    def create(self, editor: BaseDatabaseSchemaEditor) -> None:
        # None, not (): otherwise percent signs would be placeholders.
        if editor.connection.vendor == "sqlite":
            editor.execute(self.sqlite, params=None)
            return
        # Whoever may call it could fill the queue by a trigger on a table of their own.
        revoke = f"REVOKE EXECUTE ON FUNCTION {self.function}() FROM PUBLIC"
        rights = "SECURITY DEFINER SET search_path = pg_catalog" * self.is_definer
        editor.execute(
            f"CREATE OR REPLACE FUNCTION {self.function}() RETURNS trigger "
            f"AS $${self.body}$$ LANGUAGE plpgsql {rights}",
            params=None,
        )
        if self.is_definer:
            editor.execute(revoke, params=None)
        editor.execute(
            f"CREATE TRIGGER {self.name} {self.event} "
            f"EXECUTE FUNCTION {self.function}()",
            params=None,
        )
        editor.execute(_ALWAYS.format(table=self.table, name=self.name), params=None)

    def drop(self, editor: BaseDatabaseSchemaEditor) -> None:
        on = f" ON {self.table}" if editor.connection.vendor == "postgresql" else ""
        # IF EXISTS: where SQLite makes a table anew, its triggers are gone already.
        editor.execute(f"DROP TRIGGER IF EXISTS {self.name}{on}")


@dataclass(frozen=True)
class Guard:
    """What a table refuses `on` INSERT, UPDATE or DELETE: rows that meet a condition.

    The condition is SQL that both engines read, over NEW and OLD.
    """

    name: str
    table: str
    on: str
    condition: str
    sentence: str

    def trigger(self, vendor: str) -> Trigger:
        parts = {"condition": self.condition, "sentence": self.sentence}
        if vendor == "sqlite":
            statement = _SQLITE_REFUSE_IF.format(
                name=self.name, table=self.table, on=self.on, **parts
            )
            return Trigger(self.table, self.name, self.on, sqlite=statement)
        return Trigger(
            self.table,
            self.name,
            f"BEFORE {self.on} ON {self.table} FOR EACH ROW",
            f"{self.name}_guard",
            _REFUSE_IF.format(**parts),
        )


@dataclass(frozen=True)
class Keeper:
    """What writes into another table what a label was when its row changes or goes.

    `table` has the columns `owner`, `key` and `value`. `subject` is a SELECT that both
    engines read, over OLD, of what the log calls the owner; its tables stand after
    `{schema}`.
    """

    name: str
    table: str
    owner: str
    subject: str
    into: str

    def triggers(self, vendor: str) -> list[Trigger]:
        """Return those of one engine; on PostgreSQL with the rights of the owner.

        Otherwise whoever may write labels could make up former ones.
        """
        columns = (self.owner, "key", "value")
        changed = " OR ".join(f"NEW.{name} <> OLD.{name}" for name in columns)
        if vendor == "sqlite":
            return [
                self._on_sqlite("UPDATE", f"WHEN {changed} "),
                self._on_sqlite("DELETE", ""),
            ]
        schema = _schema()
        return [
            Trigger(
                self.table,
                self.name,
                f"AFTER UPDATE OR DELETE ON {self.table} FOR EACH ROW",
                f"{self.name}_keeper",
                _KEEP.format(
                    changed=changed,
                    schema=schema,
                    into=self.into,
                    subject=self.subject.format(schema=f"{schema}."),
                ),
                is_definer=True,
                does=_KEEPS,
            )
        ]

    def _on_sqlite(self, when: str, condition: str) -> Trigger:
        name = f"{self.name}_{when.lower()}"
        statement = _SQLITE_KEEP.format(
            name=name,
            when=when,
            table=self.table,
            condition=condition,
            into=self.into,
            subject=self.subject.format(schema=""),
        )
        return Trigger(self.table, name, when, sqlite=statement, does=_KEEPS)


_KEEPS = "keeps what a label was"
Declared = Callable[[str], list[Trigger]]


class InstallTriggers(Operation):
    """Makes triggers, anew where they are there already.

    Not a `RunPython`: that makes all models of all apps first, which took most of the
    time of a migration.
    """

    reduces_to_sql = False

    def __init__(self, declared: Declared, *, anew: bool = False) -> None:
        self._declared = declared
        self._anew = anew

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: models know no triggers."""

    def database_forwards(
        self,
        _app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        *_states: ProjectState,
    ) -> None:
        for trigger in self._declared(schema_editor.connection.vendor):
            trigger.drop(schema_editor)
            trigger.create(schema_editor)

    def database_backwards(
        self,
        _app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        *_states: ProjectState,
    ) -> None:
        """Take the triggers away, unless they were there before."""
        if self._anew:
            return
        for trigger in self._declared(schema_editor.connection.vendor):
            trigger.drop(schema_editor)

    def describe(self) -> str:
        return "Install triggers"


def append_only(
    table: str, *, key: str = "id", also_unique: tuple[str, ...] = ()
) -> InstallTriggers:
    """Return a migration operation that refuses to change or remove rows of `table`.

    `also_unique` are columns that are unique together and over which SQLite's REPLACE
    could overwrite a row as well.
    """
    APPEND_ONLY_TABLES.add(table)
    columns = [(key,), also_unique] if also_unique else [(key,)]
    keys = tuple(tuple(name.strip('"') for name in group) for group in columns)
    return InstallTriggers(lambda vendor: _append_only(table, keys, vendor))


def append_only_by_every_key(table: str, *keys: tuple[str, ...]) -> InstallTriggers:
    """Return an operation that installs the triggers of an append-only table anew.

    From then on SQLite's REPLACE is refused over any of the unique keys: it deletes a
    row without firing DELETE triggers unless recursive_triggers is on.
    """
    # Migrations are imported in any order; the later of a table names more keys.
    if len(keys) >= len(REPLACE_KEYS.get(table, ())):
        REPLACE_KEYS[table] = keys
    return InstallTriggers(lambda vendor: _append_only(table, keys, vendor), anew=True)


def never_falls(table: str, column: str) -> InstallTriggers:
    """Return a migration operation after which `column` only grows and no row goes."""
    GROWING_TABLES[table] = column
    return InstallTriggers(lambda vendor: _growing(table, column, vendor))


def never_falls_still(table: str, column: str) -> InstallTriggers:
    """Return an operation that installs the triggers of a growing table anew."""
    return InstallTriggers(lambda vendor: _growing(table, column, vendor), anew=True)


def refuses(guard: Guard) -> InstallTriggers:
    """Return a migration operation after which the database itself keeps a rule.

    Services keep it as well, with a sentence that helps; this holds for the shell too.
    """
    GUARDS[guard.name] = guard
    return InstallTriggers(lambda vendor: [guard.trigger(vendor)])


def keeps(keeper: Keeper) -> InstallTriggers:
    """Return a migration operation after which no label is lost, however it goes.

    A trigger, so that the statements of training stay as they are and a shell is caught.
    """
    KEEPERS[keeper.name] = keeper
    return InstallTriggers(keeper.triggers)


def events_await_their_index() -> InstallTriggers:
    """Return an operation after which the database itself makes each event pending.

    On PostgreSQL with the rights of the tables' owner, so that the application needs
    none on the queue.
    """
    return InstallTriggers(lambda vendor: [_awaiting(vendor)])


def expected_triggers(vendor: str) -> list[Trigger]:
    """Return every trigger that the migrations declare."""
    # Importing the migrations is what fills the sets.
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415 - slow

    MigrationLoader(None)
    expected = [_awaiting(vendor)]
    for table in sorted(APPEND_ONLY_TABLES):
        keys = REPLACE_KEYS.get(table, (("id",),))
        expected += _append_only(table, keys, vendor)
    for table, column in sorted(GROWING_TABLES.items()):
        expected += _growing(table, column, vendor)
    expected += [guard.trigger(vendor) for _, guard in sorted(GUARDS.items())]
    for _, keeper in sorted(KEEPERS.items()):
        expected += keeper.triggers(vendor)
    return expected


def trigger_faults() -> list[str]:
    """Say which triggers are missing, or are not as the migrations made them."""
    find = _postgresql_faults if connection.vendor == "postgresql" else _sqlite_faults
    return list(find(expected_triggers(connection.vendor)))


def _append_only(
    table: str, keys: tuple[tuple[str, ...], ...], vendor: str
) -> list[Trigger]:
    if vendor == "postgresql":
        return _denying(table, "append_only", "attestry_refuse_change", _REFUSE_CHANGE)
    return _sqlite_denying(table, "append_only", "is append-only", _same(keys))


def _growing(table: str, column: str, vendor: str) -> list[Trigger]:
    if vendor == "postgresql":
        body = _REFUSE_SHRINKING.format(table=table, column=column)
        return _denying(table, "only_grows", f"{table}_refuse_shrinking", body)
    falls = f"WHEN NEW.{column} < OLD.{column} "
    return _sqlite_denying(table, "only_grows", "only grows", "id = NEW.id", falls)


def _denying(table: str, word: str, function: str, body: str) -> list[Trigger]:
    return [
        Trigger(
            table,
            f"{table}_{word}",
            f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW",
            function,
            body,
        ),
        Trigger(
            table,
            f"{table}_no_truncate",
            f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
            function,
            body,
        ),
    ]


def _sqlite_denying(
    table: str, word: str, sentence: str, same: str, when_updated: str = ""
) -> list[Trigger]:
    exists = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "  # noqa: S608 - our own names
    forms = (
        ("update", "UPDATE", when_updated),
        ("delete", "DELETE", ""),
        ("replace", "INSERT", exists),
    )
    return [
        Trigger(
            table,
            f"{table}_{word}_{verb}",
            when,
            sqlite=_SQLITE_REFUSE.format(
                table=table,
                word=word,
                verb=verb,
                when=when,
                condition=condition,
                sentence=sentence,
                said=verb.upper(),
            ),
        )
        for verb, when, condition in forms
    ]


def _same(keys: tuple[tuple[str, ...], ...]) -> str:
    conditions = [
        " AND ".join(f'"{name}" = NEW."{name}"' for name in columns) for columns in keys
    ]
    return " OR ".join(f"({condition})" for condition in conditions)


def _awaiting(vendor: str) -> Trigger:
    name = "audit_event_awaits_index"
    if vendor == "sqlite":
        statement = (
            "CREATE TRIGGER audit_event_awaits_index AFTER INSERT ON audit_event "
            "BEGIN INSERT INTO audit_pending (event_id) VALUES (NEW.id); END"
        )
        return Trigger("audit_event", name, "INSERT", sqlite=statement)
    return Trigger(
        "audit_event",
        name,
        "AFTER INSERT ON audit_event FOR EACH ROW",
        "attestry_await_index",
        _AWAIT_INDEX.format(schema=_schema()),
        is_definer=True,
        does="makes events pending",
    )


def _schema() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
    return str(schema)


def _sqlite_faults(expected: list[Trigger]) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'"
        )
        there = {(table, name): sql for table, name, sql in cursor.fetchall()}
    for trigger in expected:
        found = there.pop((trigger.table, trigger.name), None)
        if found is None:
            yield _missing(trigger)
        elif found != trigger.sqlite:
            yield f"The trigger {trigger.name} is not the one that was installed."
    yield from _foreign(there)


_POSTGRESQL_TRIGGERS = """
SELECT relname, tgname, tgenabled, pg_get_triggerdef(t.oid), proname, prosrc, prosecdef,
       coalesce(proconfig, '{}'), has_function_privilege('public', p.oid, 'EXECUTE')
FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid JOIN pg_class c ON c.oid = tgrelid
WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
"""


def _postgresql_faults(expected: list[Trigger]) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRESQL_TRIGGERS)
        there = {row[:2]: row[2:] for row in cursor.fetchall()}
    for trigger in expected:
        found = there.pop((trigger.table, trigger.name), None)
        if found is None:
            yield _missing(trigger)
            continue
        enabled, definition, *function, is_for_everybody = found
        config = ["search_path=pg_catalog"] if trigger.is_definer else []
        if enabled != "A":
            yield f"The trigger {trigger.name} is switched off, or off for replicas."
        elif _events(definition) != _events(trigger.event):
            yield f"The trigger {trigger.name} is not the one that was installed."
        elif function != [trigger.function, trigger.body, trigger.is_definer, config]:
            yield f"The function of the trigger {trigger.name} was changed."
        elif trigger.is_definer and is_for_everybody:
            yield f"Everybody may call the function of the trigger {trigger.name}."
    yield from _foreign(there)


def _events(definition: str) -> tuple[str, frozenset[str], bool, bool]:
    """Return when and by what a trigger is fired, in whatever order it is written."""
    head, _, rest = definition.partition(" ON ")
    moment = "BEFORE" if "BEFORE " in head else "AFTER"
    words = head.partition(f"{moment} ")[2]
    is_for_rows, is_conditional = "FOR EACH ROW" in rest, " WHEN " in rest
    return moment, frozenset(words.split(" OR ")), is_for_rows, is_conditional


def _foreign(there: dict[tuple[str, str], Any]) -> Iterator[str]:
    """Name triggers on evidence that no migration made: they could change what comes."""
    guarded = {guard.table for guard in GUARDS.values()}
    guarded |= {keeper.table for keeper in KEEPERS.values()}
    for table, name in sorted(there):
        if table in APPEND_ONLY_TABLES | GROWING_TABLES.keys() | guarded:
            yield f"There is a trigger {name} on {table} that nobody installed."


def _missing(trigger: Trigger) -> str:
    return f"The trigger {trigger.name}, which {trigger.does}, is missing."
