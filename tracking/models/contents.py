"""What runs hold, as rows for their pages: one query a kind, however many runs.

By hand, because a page of runs has thousands of these rows and nobody needs them as
objects.
"""

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection

_ANY_OF = {
    "postgresql": "run_id = ANY(%s)",
    "sqlite": "run_id IN (SELECT value FROM json_each(%s))",
}
_LATEST = """
SELECT run_id, key, value, is_nan, timestamp_ms, step FROM tracking_latestmetric
WHERE {any_of} ORDER BY run_id, key
"""
_TEXTS = """
SELECT 'param' AS kind, run_id, key, value FROM tracking_param WHERE {any_of}
UNION ALL
SELECT 'tag', run_id, key, value FROM tracking_tag WHERE {any_of}
ORDER BY run_id, key
"""
_LINKS = """
SELECT EXISTS (SELECT 1 FROM tracking_datasetinput WHERE {any_of}),
    EXISTS (SELECT 1 FROM tracking_modeluse WHERE {any_of})
"""


def latest_points(runs: Sequence[int]) -> list[Sequence[Any]]:
    """Return `(run, key, value, is_nan, timestamp_ms, step)` in order of the keys."""
    return _rows(_LATEST, runs)


def params_and_tags(runs: Sequence[int]) -> list[Sequence[Any]]:
    """Return `(kind, run, key, value)` in order of the keys; kind is param or tag."""
    return _rows(_TEXTS, runs)


def have_links(runs: Sequence[int]) -> tuple[bool, bool]:
    """Say whether any of the runs names a dataset, and whether a logged model."""
    ((with_datasets, with_models),) = _rows(_LINKS, runs)
    return bool(with_datasets), bool(with_models)


def _rows(sql: str, runs: Sequence[int]) -> list[Sequence[Any]]:
    any_of = _ANY_OF[connection.vendor]
    wanted = list(runs) if connection.vendor == "postgresql" else json.dumps(runs)
    with connection.cursor() as cursor:
        cursor.execute(sql.format(any_of=any_of), [wanted] * sql.count("{any_of}"))
        rows: list[Sequence[Any]] = cursor.fetchall()
        return rows
