"""Events that tests record, and a database administrator who gets past the triggers."""

import contextlib
from collections.abc import Iterator
from enum import StrEnum

from django.db import connection

from audit.models import Event
from audit.services import record, system_account


class Happening(StrEnum):
    """A kind of event that only tests write."""

    NOTED = "tests.thing.noted"
    REFUSED = "tests.thing.refused"


def note(number: int, *, subject: str = "thing/1", **private: str) -> Event:
    """Record one event, in the caller's transaction."""
    return record(
        Happening.NOTED,
        actor=system_account(),
        subject=subject,
        payload={"number": number},
        private=private,
    )


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def triggers_of(table: str) -> list[str]:
    """Return the names of the deny triggers that are on a table now."""
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass"
    with connection.cursor() as cursor:
        cursor.execute(query, [table])
        return sorted(name for (name,) in cursor.fetchall())


@contextlib.contextmanager
def triggers_switched_off(table: str) -> Iterator[None]:
    """Do what the owner of a table can do: change rows unseen by its triggers."""
    if connection.vendor == "postgresql":
        with _disabled(table):
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
            [table],
        )
        triggers = cursor.fetchall()
    for name, _ in triggers:
        execute(f"DROP TRIGGER {name}")
    yield
    for _, statement in triggers:
        execute(statement)


@contextlib.contextmanager
def _disabled(table: str) -> Iterator[None]:
    # A table with unchecked foreign keys cannot be altered.
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    for trigger in triggers_of(table):
        execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
