# ruff: noqa: S608 - the names of tables come from our own migrations
"""Every table of evidence refuses to change; every other table has its reason."""

import contextlib

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.models import CharField

from audit.proofs import verify_log
from audit.sequencer import sequence_pending
from audit.triggers import APPEND_ONLY_TABLES, GUARDS, expected_triggers, trigger_faults
from tests import factories
from tests.audit.happenings import execute, note, triggers_of

expected_triggers("sqlite")  # imports the migrations, which fills the set
TABLES = sorted(APPEND_ONLY_TABLES)
KEYS = {"audit_entry": "event_id"}

MUTABLE = {
    "audit.Head": "the tree grows, never shrinks; verify_log recomputes its root",
    "audit.Pending": "a queue that the sequencer empties",
    "audit.WitnessedLog": "what was cosigned last of another log; it never falls",
    "audit.VerificationTurn": "when a verification last began; its findings are kept",
    "audit.PrivateField": "personal values must be erasable; the entry commits to them",
    "registry.Finding": "moves along its table of states; each move is append-only",
    "registry.Alias": "moves between versions; each move is an entry",
    "registry.Delivery": "a lease on work; each attempt is append-only",
    "registry.GateRun": "a lease on work; the verdict is append-only",
    "registry.ModelTag": "MLflow overwrites tags; triggers keep what they were",
    "registry.PromotionRequest": "moves along its table of states; each move is an entry",
    "registry.RegisteredModel": "its owner and tier may change",
    "registry.ReportOrder": "a lease on work; the report is append-only",
    "registry.Slot": "points to the champion; each promotion is append-only",
    "registry.VersionListing": "text, plain stage and archiving; each change is an entry",
    "registry.VersionTag": "MLflow overwrites tags; triggers keep what they were",
    "registry.Webhook": "enabled and disabled; each change is an entry",
    "registry.WebhookKey": "retires when another one follows",
    "tracking.ApiToken": "revoked, and remembers when it was last used",
    "tracking.Experiment": "renamed and archived",
    "tracking.ExperimentTag": "MLflow overwrites tags; triggers keep what they were",
    "tracking.LoggedModel": "pending until its files are there; each move is an entry",
    "tracking.LoggedModelTag": "MLflow overwrites tags; triggers keep what they were",
    "tracking.LatestMetric": "moves on with the points; verify_run compares the two",
    "tracking.FailedTries": "counts wrong tries until one is right",
    "tracking.NamePrefix": "what a grant covers; each grant is an entry",
    "tracking.RoleGrant": "moves along its table of states; each move is an entry",
    "tracking.Run": "runs until it is sealed; each write is an entry",
    "tracking.SecondFactor": "remembers the last code; its coming and going are entries",
    "tracking.Tag": "MLflow overwrites tags; triggers keep what they were",
    "tracking.Workspace": "its options may change",
}


def models():
    """Every model of the three floors, each as `(label, table)`."""
    return {
        model._meta.label: model._meta.db_table
        for app in ("audit", "tracking", "registry")
        for model in apps.get_app_config(app).get_models()
    }


def test_every_model_is_append_only_or_mutable_for_a_reason():
    append_only = {label for label, table in models().items() if table in TABLES}
    assert append_only.isdisjoint(MUTABLE)
    assert append_only | MUTABLE.keys() == models().keys()


def test_every_append_only_table_belongs_to_a_model():
    assert set(TABLES) <= set(models().values())


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_append_only_table_has_all_its_triggers(table):
    names = ["append_only_delete", "append_only_replace", "append_only_update"]
    if connection.vendor == "postgresql":
        names = ["append_only", "no_truncate"]
    if table == "audit_event":
        names = [*names, "awaits_index"]
    guards = [guard.name for guard in GUARDS.values() if guard.table == table]
    assert triggers_of(table) == sorted([*guards, *(f"{table}_{n}" for n in names)])


@pytest.mark.django_db
def test_no_trigger_is_missing_after_the_migrations():
    assert trigger_faults() == []


@pytest.fixture
def evidence(workspace, cast):
    """One promotion, a report and a run with everything: rows in every table but one."""
    factories.row_in_every_table(workspace, cast)


def test_append_only_tables_refuse_every_way_to_change_them(evidence, subtests):
    for number in range(256):
        note(number)
    sequence_pending()  # the tree has a tile now
    for table in TABLES:
        with subtests.test(table):
            refuses_every_way_to_change_it(table)


def refuses_every_way_to_change_it(table: str) -> None:
    key = KEYS.get(table, "id")
    before = content(table)
    assert before

    assert f"{table} is append-only: UPDATE refused" in refusal_of(
        f"UPDATE {table} SET {key} = {key}"
    )
    assert f"{table} is append-only: DELETE refused" in refusal_of(
        f"DELETE FROM {table}"
    )
    assert f"{table} is append-only:" in refusal_of(
        f"INSERT INTO {table} SELECT * FROM {table} WHERE true "
        f"ON CONFLICT ({key}) DO UPDATE SET {key} = {table}.{key}"
    )
    if connection.vendor == "postgresql":
        # With unchecked foreign keys TRUNCATE is refused before it comes to triggers.
        connection.check_constraints()
        truncating = refusal_of(f"TRUNCATE {table} CASCADE")
        assert "is append-only: TRUNCATE refused" in truncating
    else:
        replacing = f"REPLACE INTO {table} SELECT * FROM {table} LIMIT 1"
        assert f"{table} is append-only: REPLACE refused" in refusal_of(replacing)
        with recursive_triggers_off():
            assert f"{table} is append-only: REPLACE refused" in refusal_of(replacing)

    assert content(table) == before


@pytest.mark.django_db
def test_head_refuses_to_shrink_and_to_go():
    for statement in (
        "UPDATE audit_head SET size = size - 1",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head CASCADE"
        if connection.vendor == "postgresql"
        else "REPLACE INTO audit_head SELECT * FROM audit_head",
    ):
        # With unchecked foreign keys TRUNCATE is refused before it comes to triggers.
        connection.check_constraints()
        assert "only grows" in refusal_of(statement) or "append-only" in refusal_of(
            statement
        )


@pytest.mark.parametrize(
    "replacing",
    [
        """REPLACE INTO audit_entry SELECT e.id, x."index", x.leaf_hash, x.log_id
        FROM audit_entry x, audit_event e WHERE x.event_id <> e.id LIMIT 1""",
        """REPLACE INTO audit_storedcheckpoint (log_id, size, note, signed_at)
        SELECT log_id, size, note, signed_at FROM audit_storedcheckpoint LIMIT 1""",
    ],
    ids=["entry", "checkpoint"],
)
def test_row_is_not_replaced_by_way_of_its_place_either(evidence, replacing):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no REPLACE")
    with recursive_triggers_off():
        assert "is append-only: REPLACE refused" in refusal_of(replacing)


@pytest.mark.django_db
def test_application_may_not_pose_as_a_replica_for_which_triggers_sleep():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no replicas")
    assert "permission denied" in refusal_of("SET session_replication_role = replica")


def refusal_of(statement: str) -> str:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        execute(statement)
    return str(refusal.value)


@contextlib.contextmanager
def recursive_triggers_off():
    """Without them REPLACE deletes unseen, as in a shell beside the application."""
    execute("PRAGMA recursive_triggers = OFF")
    try:
        yield
    finally:
        execute("PRAGMA recursive_triggers = ON")


def test_a_log_with_evidence_in_every_table_is_intact(evidence):
    assert verify_log().faults == ()


def test_table_that_a_migration_rebuilt_is_noticed(real_commits):
    """On SQLite Django alters a field by building the table anew, without triggers."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL alters a table in place")
    param = apps.get_model("tracking", "Param")
    longer = CharField(max_length=6001)
    longer.set_attributes_from_name("value")
    with connection.schema_editor() as editor:
        editor.alter_field(param, param._meta.get_field("value"), longer)

    assert trigger_faults() == [
        f"The trigger tracking_param_append_only_{verb}, which refuses changes, is "
        f"missing."
        for verb in ("update", "delete", "replace")
    ]


def content(table: str):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
        return cursor.fetchall()
