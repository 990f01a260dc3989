"""Holds the database's own nets against what they should be: triggers and rights."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from audit.errors import ConflictError
from audit.rights import owns_tables, rights_faults
from audit.triggers import trigger_faults

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatabaseFault:
    """What is not as it should be, and what to do; `code` never changes its meaning."""

    code: str
    sentence: str
    hint: str
    is_serious: bool = True


def database_faults() -> list[DatabaseFault]:
    """Compare; nothing of a database that is not migrated yet."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return []
    return list(_faults())


def refuse_altered_database() -> None:
    """Stop a process that starts on a database without its triggers and rights.

    A database that does not answer is for the health page to tell.
    """
    try:
        faults = database_faults()
    except OperationalError:
        return
    finally:
        connection.close()
    serious = [fault for fault in faults if fault.is_serious]
    if serious:
        sentences = " ".join(fault.sentence for fault in serious)
        raise ConflictError("database_altered", f"{sentences} {serious[0].hint}")
    for fault in faults:
        logger.warning("%s %s", fault.sentence, fault.hint)


def _faults() -> Iterator[DatabaseFault]:
    for sentence in trigger_faults():
        yield DatabaseFault(
            "E001",
            sentence,
            "Find out who changed it; then restore the schema from a backup and run "
            "manage.py verify_log.",
        )
    if connection.vendor == "sqlite" and not _sees_replaced_rows():
        yield DatabaseFault(
            "E003",
            "SQLite's recursive_triggers is off, so REPLACE deletes rows unseen.",
            "Let Attestry open the database by its own settings.",
        )
    if connection.vendor != "postgresql":
        return
    for sentence in rights_faults():
        yield DatabaseFault(
            "E002",
            sentence,
            "Run manage.py grant_database_rights as the owner of the tables.",
        )
    if owns_tables():
        yield DatabaseFault(
            "W001",
            "This process connects to PostgreSQL as an owner of its tables, who can "
            "switch off what keeps evidence unaltered.",
            "Let it connect as a role that owns nothing: see manage.py "
            "grant_database_rights.",
            is_serious=False,
        )


def _sees_replaced_rows() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers")
        (is_on,) = cursor.fetchone()
    return bool(is_on)
