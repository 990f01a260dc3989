"""How a filter's questions to other tables are put: many at once, answered by an index.

A comparison of a metric, param, tag or dataset asks whether another table holds a row.
PostgreSQL makes a join of each such EXISTS and plans all joins together, for which the
time grows with the cube of their number: for a hundred it took seconds.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db.models import (
    BooleanField,
    Exists,
    Model,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Left

from tracking.models.pairs import INDEXED_CHARACTERS
from tracking.search.conditions import text_condition
from tracking.search.grammar import FOR_NULLS, Comparison, Entity, Operator

MOST_JOINS = 4

Row = TypeVar("Row", bound=Model)


def by_row(
    comparisons: Iterable[Comparison], *, with_many_rows: Iterable[Entity]
) -> list[list[Comparison]]:
    """Put together what is asked of one row: all that is compared with one key.

    Not so where a key has many rows, because each comparison may mean another of them.
    Attributes are no rows, and are left out.
    """
    found: dict[object, list[Comparison]] = {}
    for number, comparison in enumerate(comparisons):
        if comparison.entity == Entity.ATTRIBUTE:
            continue
        is_alone = comparison.operator in FOR_NULLS
        is_alone |= comparison.entity in with_many_rows
        row = (comparison.entity, comparison.key, number if is_alone else None)
        found.setdefault(row, []).append(comparison)
    return list(found.values())


def text_held(of_key: "QuerySet[Any]", asked: list[Comparison]) -> Combinable:
    """Ask for the row of a param or tag whose value is as all comparisons want it."""
    if asked[0].operator == Operator.IS_NULL:
        return ~Exists(of_key)
    if asked[0].operator == Operator.IS_NOT_NULL:
        return Exists(of_key)
    return Exists(texts_as_wanted(of_key, asked))


def texts_as_wanted(
    of_key: "QuerySet[Any]", asked: list[Comparison]
) -> "QuerySet[Any]":
    """Keep the rows whose value is as all comparisons want it."""
    of_key = of_key.alias(start=Left("value", INDEXED_CHARACTERS))
    for comparison in asked:
        of_key = of_key.filter(text_condition(comparison))
    return of_key


def looked_up(rows: "QuerySet[Any]") -> Combinable:
    """Ask whether there is such a row, by its index for each run or model.

    Where no index holds what is compared, PostgreSQL takes for cheap to read a table whole
    and to join or hash what an EXISTS finds there, though one experiment is asked for. A
    subquery for a value leaves it no choice.
    """
    yes = Value(True, output_field=BooleanField())  # noqa: FBT003 - SQL's true
    return _no_join(Subquery(rows.values(yes=yes)[:1]))


def holding(
    rows: "QuerySet[Row]", questions: Iterable[Combinable | Q]
) -> "QuerySet[Row]":
    """Keep the rows for which every answer is yes; the first questions become joins.

    The others are asked of row after row: what stands inside a COALESCE is no join.
    """
    for number, question in enumerate(questions):
        rows = rows.filter(question if number < MOST_JOINS else _no_join(question))
    return rows


def _no_join(question: Combinable | Q) -> Coalesce:
    yes_or_no = BooleanField()
    no = Value(False, output_field=yes_or_no)  # noqa: FBT003 - SQL's false
    return Coalesce(question, no, output_field=yes_or_no)
