"""Asks queries by hand, and makes models of rows that hold just what was asked for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState

Row = TypeVar("Row", bound=models.Model)


def columns(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


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
