"""How the report prints values: always the same digits, always UTC, never the locale."""

import re
from datetime import UTC, datetime

from django.template import Library

from registry.reports.figures import MINUS, signed
from registry.reports.lineage import GateRow

register = Library()

DIGEST = re.compile(r"(sha256:)?[0-9a-f]{32,}")
NOTHING = "\N{EN DASH}"


@register.filter
def utc(moment: datetime | None) -> str:
    if moment is None:
        return NOTHING
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@register.filter
def number(value: float | None, unit: str = "") -> str:
    """Print a measure: five decimals, or two where it has a unit."""
    if value is None:
        return NOTHING
    digits = f"{abs(value):.2f} {unit}" if unit else f"{abs(value):.5f}"
    return f"{MINUS}{digits}" if value < 0 else digits


@register.filter
def limit(value: float | None, unit: str = "") -> str:
    """Print a threshold with the digits that the policy gave it."""
    if value is None:
        return NOTHING
    digits = f"{abs(value):g} {unit}".rstrip()
    return f"{MINUS}{digits}" if value < 0 else digits


@register.filter
def exact(value: float | None) -> str:
    """Print the shortest digits that give back the same double."""
    return NOTHING if value is None else repr(value)


@register.filter
def signed_number(value: float) -> str:
    return signed(value)


@register.filter
def thousands(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


@register.filter
def interval(row: GateRow) -> str:
    """Print the bounds that there are; a one-sided interval has one."""
    if row.lower is not None and row.upper is not None:
        return f"{number(row.lower, row.unit)} to {number(row.upper, row.unit)}"
    if row.lower is not None:
        return f"from {number(row.lower, row.unit)}"
    if row.upper is not None:
        return f"to {number(row.upper, row.unit)}"
    return NOTHING


@register.filter
def shortened(text: str, length: int) -> str:
    """Cut the middle out of a long text; the attached JSON has all of it."""
    if len(text) <= length:
        return text
    tail = length // 3
    return f"{text[: length - tail - 1]}…{text[-tail:]}"


@register.filter
def typeface(text: str) -> str:
    """Name the CSS class for a value: digests stand in fixed pitch."""
    return "mono" if DIGEST.fullmatch(text) else "any"


@register.filter
def words(code: str) -> str:
    """Print a code such as `in_review` as words."""
    return code.replace("_", " ")
