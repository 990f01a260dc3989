"""One comparison as a condition on one field."""

import re
from datetime import UTC, datetime
from typing import cast

from django.db.models import Q

import tracking.search.lookups  # noqa: F401 - registers LIKE and ILIKE
from tracking.models.pairs import INDEXED_CHARACTERS
from tracking.search.grammar import Comparison, Number, Operator, Value

LATEST_TIME_MS = 253_402_300_799_000  # the end of year 9999, where datetime ends

_PREFIX = re.compile(r"[^%_]+%", re.DOTALL)
_LOOKUPS = {
    Operator.EQUAL: "exact",
    Operator.NOT_EQUAL: "exact",
    Operator.LESS: "lt",
    Operator.AT_MOST: "lte",
    Operator.GREATER: "gt",
    Operator.AT_LEAST: "gte",
    Operator.LIKE: "like",
    Operator.ILIKE: "ilike",
    Operator.IN: "in",
    Operator.NOT_IN: "in",
}
_NEGATED = frozenset({Operator.NOT_EQUAL, Operator.NOT_IN})


def condition(field: str, comparison: Comparison) -> Q:
    return _condition(field, comparison.operator, comparison.value)


def time_condition(field: str, comparison: Comparison) -> Q:
    """Compare a time with milliseconds since 1970; a missing one is like none."""
    moment = _moment(cast("Number", comparison.value))
    is_there = Q((f"{field}__isnull", False))
    return _condition(field, comparison.operator, moment) & is_there


def text_condition(comparison: Comparison) -> Q:
    """Compare a value, by the `start` of it that is indexed where that says it all."""
    text = str(comparison.value)
    is_prefix = comparison.operator == Operator.LIKE and _PREFIX.fullmatch(text)
    is_equal = comparison.operator == Operator.EQUAL
    is_short = len(text) < INDEXED_CHARACTERS
    return condition(
        "start" if is_short and (is_equal or is_prefix) else "value", comparison
    )


def number_condition(comparison: Comparison, *, of: str = "") -> Q:
    """Compare the value of a metric; a NaN differs from every number.

    `of` leads to the metric, with two underscores at its end.
    """
    found = condition(f"{of}value", comparison)
    if comparison.operator == Operator.NOT_EQUAL:
        return found | Q((f"{of}is_nan", True))
    return found & Q((f"{of}is_nan", False))


def _condition(field: str, operator: Operator, value: Value | datetime) -> Q:
    found = Q((f"{field}__{_LOOKUPS[operator]}", value))
    return ~found if operator in _NEGATED else found


def _moment(milliseconds: Number) -> datetime:
    within = max(0, min(milliseconds, LATEST_TIME_MS))
    return datetime.fromtimestamp(within / 1000, tz=UTC)
