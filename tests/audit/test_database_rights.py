# ruff: noqa: S608, ISC004 - the tables are our own, and statements stand in lists
"""Roles on PostgreSQL: the application records, the sequencer seals, nobody alters."""

import contextlib
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, models, transaction

from audit.models import Pending
from audit.proofs import database_faults
from audit.triggers import APPEND_ONLY_TABLES, REPLACE_KEYS, expected_triggers
from tests import factories
from tests.audit.happenings import execute, note
from tracking.models import FormerTag

pytestmark = pytest.mark.django_db

APPLICATION, SEQUENCER, OWNER = "attestry_app", "attestry_sequencer", "attestry"
expected_triggers("sqlite")  # imports the migrations, which fills the set
KEYS = {"audit_entry": "event_id"}
EVIDENCE = sorted(APPEND_ONLY_TABLES)


@pytest.fixture
def rights() -> None:
    """Give both roles their rights in the database of this test."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no roles")
    call_command(
        "grant_database_rights",
        application=APPLICATION,
        sequencer=SEQUENCER,
        verbosity=0,
    )


@contextlib.contextmanager
def acting_as(role: str) -> Iterator[None]:
    execute(f"SET ROLE {role}")
    try:
        yield
    finally:
        execute("RESET ROLE")


def refusal_of(statement: str) -> str:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        execute(statement)
    return str(refusal.value)


def faults() -> list[tuple[str, str]]:
    return [(fault.code, fault.sentence) for fault in database_faults()]


@pytest.mark.parametrize("role", [APPLICATION, SEQUENCER])
def test_no_role_of_a_process_alters_evidence(rights, role):
    said = {}
    with acting_as(role):
        for table in EVIDENCE:
            for statement in (
                f"UPDATE {table} SET {KEYS.get(table, 'id')} = NULL",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
            ):
                said[statement] = refusal_of(statement)

    assert {
        statement
        for statement, words in said.items()
        if "permission denied" not in words
    } == set()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "INSERT INTO audit_event SELECT * FROM audit_event "
            "ON CONFLICT (id) DO UPDATE SET kind = 'x'",
            "permission denied",
        ),
        (
            "MERGE INTO audit_event e USING audit_event n ON e.id = n.id "
            "WHEN MATCHED THEN UPDATE SET kind = 'x'",
            "permission denied",
        ),
        ("SET session_replication_role = replica", "permission denied"),
        ("ALTER TABLE audit_event DISABLE TRIGGER ALL", "must be owner"),
        ("DROP TRIGGER audit_event_append_only ON audit_event", "must be owner"),
        ("DROP TABLE audit_event", "must be owner"),
        ("DELETE FROM audit_pending", "permission denied"),
        ("INSERT INTO audit_pending SELECT id FROM audit_event", "permission denied"),
        ("INSERT INTO audit_entry SELECT * FROM audit_entry", "permission denied"),
        ("UPDATE audit_head SET root = root", "permission denied"),
        ("CREATE TABLE shadow ()", "permission denied"),
        ("DELETE FROM django_migrations", "permission denied"),
    ],
)
def test_application_does_what_it_must_and_no_more(rights, statement, words):
    with acting_as(APPLICATION):
        assert words in refusal_of(statement)


def test_application_fills_the_queue_by_no_trigger_of_its_own(rights):
    with acting_as(APPLICATION):
        execute("CREATE TEMP TABLE own (id bigint)")
        assert "permission denied" in refusal_of(
            "CREATE TRIGGER own AFTER INSERT ON own FOR EACH ROW "
            "EXECUTE FUNCTION public.attestry_await_index()"
        )


def test_application_makes_up_no_former_tag_and_loses_none(rights, workspace, cast):
    run = factories.run(workspace, cast.alice)
    with acting_as(APPLICATION):
        assert "permission denied" in refusal_of(
            "INSERT INTO tracking_formertag (subject, key, value, ended_at) "
            "VALUES ('run/1', 'team', 'credit', now())"
        )
        execute("CREATE TEMP TABLE own (run_id bigint, key text, value text)")
        assert "permission denied" in refusal_of(
            "CREATE TRIGGER own AFTER DELETE ON own FOR EACH ROW "
            "EXECUTE FUNCTION public.tracking_former_tags_of_runs_are_kept_keeper()"
        )
        execute("CREATE TEMP TABLE tracking_formertag (LIKE tracking_formertag)")
        execute(f"DELETE FROM tracking_tag WHERE run_id = {run.pk}")
    execute("DROP TABLE pg_temp.tracking_formertag")

    assert FormerTag.objects.of([run.subject]).get().value == "run"


def test_trigger_stops_the_owner_too(rights):
    note(1)

    with acting_as(OWNER):
        assert "append-only" in refusal_of("UPDATE audit_event SET kind = 'x'")
        assert "permission denied" in refusal_of(
            "SET session_replication_role = replica"
        )


def test_event_of_the_application_is_made_pending_by_the_database(rights):
    with acting_as(APPLICATION):
        event = note(1)

    assert Pending.objects.filter(event=event).exists()


def test_event_is_made_pending_on_every_database(db):
    assert Pending.objects.filter(event=note(1)).exists()


@pytest.mark.parametrize("role", [APPLICATION, SEQUENCER])
def test_granted_role_has_exactly_its_rights(rights, role):
    with acting_as(role):
        assert faults() == []


def test_right_too_many_or_too_few_is_named(rights):
    execute(f"GRANT UPDATE, DELETE ON tracking_param TO {APPLICATION}")
    execute(f"REVOKE INSERT ON tracking_run FROM {APPLICATION}")
    execute(f"GRANT UPDATE (kind) ON audit_event TO {APPLICATION}")

    with acting_as(APPLICATION):
        assert faults() == [
            (
                "E002",
                "The application role may UPDATE on audit_event, which it must not.",
            ),
            (
                "E002",
                "The application role may DELETE and UPDATE on tracking_param, which "
                "it must not.",
            ),
            (
                "E002",
                "The application role may not INSERT on tracking_run, which it needs.",
            ),
        ]


def test_owner_of_the_tables_is_warned(db):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no roles")
    assert [fault.code for fault in database_faults()] == ["W001"]
    assert not database_faults()[0].is_serious


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "ALTER TABLE audit_event DISABLE TRIGGER audit_event_append_only",
            "The trigger audit_event_append_only is switched off, or off for replicas.",
        ),
        (
            "ALTER TABLE audit_event ENABLE TRIGGER audit_event_append_only",
            "The trigger audit_event_append_only is switched off, or off for replicas.",
        ),
        (
            "DROP TRIGGER tracking_param_no_truncate ON tracking_param",
            "The trigger tracking_param_no_truncate, which refuses changes, is missing.",
        ),
        (
            "CREATE OR REPLACE TRIGGER audit_event_append_only BEFORE UPDATE ON "
            "audit_event FOR EACH ROW EXECUTE FUNCTION attestry_refuse_change(); "
            "ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_append_only",
            "The trigger audit_event_append_only is not the one that was installed.",
        ),
        (
            "CREATE OR REPLACE FUNCTION attestry_await_index() RETURNS trigger AS "
            "$$BEGIN RETURN NULL; END$$ LANGUAGE plpgsql",
            "The function of the trigger audit_event_awaits_index was changed.",
        ),
        (
            "CREATE OR REPLACE FUNCTION tracking_former_tags_of_runs_are_kept_keeper() "
            "RETURNS trigger AS $$BEGIN RETURN NULL; END$$ LANGUAGE plpgsql",
            "The function of the trigger tracking_former_tags_of_runs_are_kept was "
            "changed.",
        ),
        (
            "CREATE TRIGGER own BEFORE DELETE ON tracking_tag FOR EACH ROW "
            "EXECUTE FUNCTION attestry_refuse_change()",
            "There is a trigger own on tracking_tag that nobody installed.",
        ),
        (
            "GRANT EXECUTE ON FUNCTION attestry_await_index() TO PUBLIC",
            "Everybody may call the function of the trigger audit_event_awaits_index.",
        ),
        (
            "CREATE TRIGGER own BEFORE INSERT ON audit_event FOR EACH ROW "
            "EXECUTE FUNCTION attestry_refuse_change()",
            "There is a trigger own on audit_event that nobody installed.",
        ),
        (
            "ALTER TRIGGER audit_event_append_only ON audit_event RENAME TO other; "
            "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON "
            "tracking_run FOR EACH ROW EXECUTE FUNCTION attestry_refuse_change()",
            "The trigger audit_event_append_only, which refuses changes, is missing.",
        ),
    ],
)
def test_altered_trigger_is_named_on_postgresql(statement, sentence):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has other triggers")
    execute(statement)

    assert ("E001", sentence) in faults()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "DROP TRIGGER tracking_former_tags_of_runs_are_kept_update",
            "The trigger tracking_former_tags_of_runs_are_kept_update, which keeps what "
            "a label was, is missing.",
        ),
        (
            "DROP TRIGGER audit_event_append_only_delete",
            "The trigger audit_event_append_only_delete, which refuses changes, is "
            "missing.",
        ),
        (
            "DROP TRIGGER audit_event_awaits_index; CREATE TRIGGER "
            "audit_event_awaits_index AFTER INSERT ON audit_event BEGIN SELECT 1; END",
            "The trigger audit_event_awaits_index is not the one that was installed.",
        ),
    ],
)
def test_altered_trigger_is_named_on_sqlite(statement, sentence):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has other triggers")
    drop, _, create = statement.partition("; CREATE")
    execute(drop)
    if create:
        execute(f"CREATE{create}")

    assert faults() == [("E001", sentence)]


def test_every_unique_key_of_evidence_is_guarded_against_replace():
    for model in apps.get_models():
        table = model._meta.db_table
        if table in EVIDENCE:
            assert set(REPLACE_KEYS.get(table, (("id",),))) == set(
                unique_keys(model)
            ), table


def unique_keys(model: type[models.Model]) -> Iterator[tuple[str, ...]]:
    columns_of = {field.name: str(field.column) for field in model._meta.fields}
    yield from ((str(field.column),) for field in model._meta.fields if field.unique)
    primary = str(model._meta.pk.column)
    everything = {column for column in columns_of.values() if column != primary}
    for constraint in model._meta.constraints:
        # A partial key is kept by a guard of its own (test_database_guards.py).
        if isinstance(constraint, models.UniqueConstraint) and not constraint.condition:
            columns = tuple(columns_of[name] for name in constraint.fields)
            # A key of every column replaces a row by an equal one.
            if set(columns) != everything:
                yield columns


def test_no_foreign_key_takes_evidence_away_with_its_parent(db):
    if connection.vendor != "postgresql":
        pytest.skip("Django writes no cascade into SQLite either")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint "
            "WHERE contype = 'f' AND confdeltype <> 'a'"
        )
        assert cursor.fetchall() == []


def test_rights_are_refused_with_a_sentence(db):
    with pytest.raises(CommandError) as refusal:
        call_command("grant_database_rights", application="nobody", sequencer="x")

    expected = "SQLite has no roles: this is for an installation on PostgreSQL."
    if connection.vendor == "postgresql":
        expected = (
            'The rights of nobody cannot be granted: role "nobody" does not exist. '
            "Create the role (CREATE ROLE … LOGIN), and run this as the owner of the "
            "tables."
        )
    assert str(refusal.value) == expected
