"""Asks queries by hand, and makes models of rows that hold just what was asked for."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState
from psycopg.types.datetime import TimestamptzLoader

Row = TypeVar("Row", bound=models.Model)
ROWS_AT_ONCE = 2000
_ANY_OF = {
    "postgresql": "= ANY(%s::bigint[])",
    "sqlite": "IN (SELECT value FROM json_each(%s))",
}


def columns(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def every_column(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


def for_update(aliases: str) -> str:
    """Return the end of a query that locks its rows of these tables."""
    has_locks = connection.features.has_select_for_update_of
    return f" FOR UPDATE OF {aliases}" if has_locks else ""


def for_share() -> str:
    """Return the end of a query whose rows nobody may change before the transaction ends."""
    return " FOR SHARE" if connection.features.has_select_for_update else ""


def with_any_of(sql: str) -> str:
    """Return SQL in which `{any_of}` compares with a parameter made by `any_of`."""
    return sql.format(any_of=_ANY_OF[connection.vendor])


def with_any_of_texts(sql: str) -> str:
    """Return SQL in which `{any_of_texts}` compares with a parameter by `list_of`."""
    form = _ANY_OF[connection.vendor].replace("bigint", "text")
    return sql.format(any_of_texts=form)


def any_of(keys: Sequence[int]) -> str:
    """Return keys as one parameter, in words of each database."""
    form = "{%s}" if connection.vendor == "postgresql" else "[%s]"
    return form % ",".join(map(str, keys))


def list_of(words: Sequence[str]) -> Any:
    """Return one parameter that holds them all: an array, or for SQLite its JSON."""
    is_array = connection.vendor == "postgresql"
    return list(words) if is_array else json.dumps(list(words))


def fetched(sql: str, parameters: Sequence[Any]) -> list[Sequence[Any]]:
    """Return the rows of a query, moments in UTC."""
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgresql:
            # Django's own loader takes ten times as long, by a regular expression.
            cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        cursor.execute(sql, parameters)
        found: list[Sequence[Any]] = cursor.fetchall()
    if is_postgresql:
        return found
    return [[_moment(value) for value in row] for row in found]


def streamed(sql: str, parameters: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield the rows of a query that names no moments, a part of them at a time."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield from rows


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
