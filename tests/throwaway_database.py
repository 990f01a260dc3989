"""A copy of the test database in which a test may commit, dropped when it is done.

Django undoes commits by emptying every table, which is just what the append-only
triggers refuse. A switch inside a trigger would be a hole, so the database goes instead.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from django.db import ProgrammingError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

ATTEMPTS, PAUSE_SECONDS = 20, 0.25


@contextlib.contextmanager
def throwaway_database(folder: Path) -> Iterator[None]:
    """Point `default` at a copy, in every thread; threads close their own connections."""
    original = connections["default"]
    name = original.settings_dict["NAME"]
    copied = _copied_file if original.vendor == "sqlite" else _copied_from_template
    with copied(original, folder) as copy:
        # Every connection of this alias shares one dictionary of settings.
        original.settings_dict["NAME"] = copy
        connections["default"] = connections.create_connection("default")
        try:
            yield
        finally:
            connections["default"].close()
            connections["default"] = original
            original.settings_dict["NAME"] = name


@contextlib.contextmanager
def _copied_file(original: BaseDatabaseWrapper, folder: Path) -> Iterator[str]:
    path = folder / "committed.sqlite3"
    original.ensure_connection()
    with contextlib.closing(sqlite3.connect(path)) as target:
        original.connection.backup(target)
    yield str(path)


@contextlib.contextmanager
def _copied_from_template(
    original: BaseDatabaseWrapper, _folder: Path
) -> Iterator[str]:
    name = original.settings_dict["NAME"]
    copy = f"{name}_committed"
    # A template must have no other session.
    original.close()
    with original._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
    try:
        yield copy
    finally:
        with original._nodb_cursor() as cursor:
            _drop(cursor, copy)


def _drop(cursor: CursorWrapper, name: str) -> None:
    """Drop a database, once an autovacuum that nobody may terminate has left it."""
    for _ in range(ATTEMPTS):
        try:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        except ProgrammingError:
            time.sleep(PAUSE_SECONDS)
        else:
            return
    cursor.execute(f'DROP DATABASE "{name}"')
