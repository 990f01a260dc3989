"""Keys with texts of a run, written by hand and all at once: its params and tags."""

import json
from collections.abc import Iterable

from django.db import connection
from django.db.models import F, Index
from django.db.models.functions import Left

from tracking.models.run import Run

# A value is too long for an index of PostgreSQL; what is longer than this equals no
# value that is shorter.
INDEXED_CHARACTERS = 64
# In the order of the keys, so that two batches never wait for each other.
_FROM_JSON = """
INSERT INTO {table} (run_id, key, value)
SELECT {run}, p.key, p.value
FROM {source}json_to_recordset(%s::json) AS p(key text, value text)
ORDER BY p.key
{on_conflict}
"""
_ONE = "INSERT INTO {table} (run_id, key, value) VALUES (%s, %s, %s) {on_conflict}"


def by_value(name: str) -> Index:
    """Index the start of values by key, on PostgreSQL (its migration says why)."""
    return Index(F("key"), Left("value", INDEXED_CHARACTERS), name=name)


def pairs_of_run(table: str, *, on_conflict: str = "") -> str:
    """Return the statement that inserts the pairs of a JSON text for the row of `run`."""
    return _FROM_JSON.format(
        table=table, run="run.id", source="run, ", on_conflict=on_conflict
    )


def pairs_as_json(pairs: Iterable[tuple[str, str]]) -> str:
    return json.dumps([{"key": key, "value": value} for key, value in pairs])


def insert_pairs(
    table: str, run: Run, pairs: Iterable[tuple[str, str]], *, on_conflict: str = ""
) -> None:
    """Insert `(key, value)` for one run; the keys differ."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sql = _FROM_JSON.format(
                table=table, run="%s::bigint", source="", on_conflict=on_conflict
            )
            cursor.execute(sql, [run.pk, pairs_as_json(pairs)])
        else:
            cursor.executemany(
                _ONE.format(table=table, on_conflict=on_conflict),
                [(run.pk, key, value) for key, value in pairs],
            )
