"""Keys with texts of a run, written by hand and all at once: its params and tags."""

import json
from collections.abc import Iterable

from django.db import connection

from tracking.models.run import Run

# In the order of the keys, so that two batches never wait for each other.
_FROM_JSON = """
INSERT INTO {table} (run_id, key, value)
SELECT %s::bigint, p.key, p.value FROM json_to_recordset(%s::json) AS p(key text, value text)
ORDER BY p.key
{on_conflict}
"""
_ONE = "INSERT INTO {table} (run_id, key, value) VALUES (%s, %s, %s) {on_conflict}"


def insert_pairs(
    table: str, run: Run, pairs: Iterable[tuple[str, str]], *, on_conflict: str = ""
) -> None:
    """Insert `(key, value)` for one run; the keys differ."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            rows = [{"key": key, "value": value} for key, value in pairs]
            sql = _FROM_JSON.format(table=table, on_conflict=on_conflict)
            cursor.execute(sql, [run.pk, json.dumps(rows)])
        else:
            cursor.executemany(
                _ONE.format(table=table, on_conflict=on_conflict),
                [(run.pk, key, value) for key, value in pairs],
            )
