"""Asks queries by hand, and makes models of rows that hold just what was asked for."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState

Row = TypeVar("Row", bound=models.Model)
_ANY_OF = {
    "postgresql": "= ANY(%s)",
    "sqlite": "IN (SELECT value FROM json_each(%s))",
}


def columns(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def with_any_of(sql: str) -> str:
    """Return SQL in which `{any_of}` compares with a parameter made by `any_of`."""
    return sql.format(any_of=_ANY_OF[connection.vendor])


def any_of(keys: Sequence[int]) -> Any:
    return list(keys) if connection.vendor == "postgresql" else json.dumps(list(keys))


def fetched(sql: str, parameters: Sequence[Any]) -> list[Sequence[Any]]:
    """Return the rows of a query, moments in UTC."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[Sequence[Any]] = cursor.fetchall()
    if connection.vendor == "sqlite":
        return [[_moment(value) for value in row] for row in found]
    return found


def taken(
    model: type[Row], names: Sequence[str], values: Sequence[Any]
) -> tuple[Row, Sequence[Any]]:
    """Return a model from the first values, and the rest of them.

    As `from_db` does, without the signals and the defaults of `__init__`, which take ten
    times as long. A field that is not among the names is loaded when it is asked for.
    """
    row = model.__new__(model)
    row._state = state = ModelState()
    state.adding, state.db = False, DEFAULT_DB_ALIAS
    row.__dict__.update(zip(names, values, strict=False))
    return row, values[len(names) :]


def _moment(value: Any) -> Any:
    """Return a moment in UTC, as which SQLite hands it over without saying so."""
    is_naive = isinstance(value, datetime) and value.tzinfo is None
    return value.replace(tzinfo=UTC) if is_naive else value
