"""Whether values are what the dictionary says, and what a run lacks of its template."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tracking.evidence import RunContent, read_content
from tracking.models import FieldDefinition, MetadataTemplate, Run
from tracking.models.metadata import FieldKind, FieldType

Value = str | int | float | bool | date

# ASCII only: Python reads digits of other scripts, other languages do not.
INTEGER = re.compile(r"[+-]?[0-9]{1,300}", re.ASCII)
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
IN_WORDS = {
    FieldType.TEXT: "a text",
    FieldType.INTEGER: "an integer",
    FieldType.NUMBER: "a finite number",
    FieldType.BOOLEAN: "true or false",
    FieldType.DATE: "a date such as 2026-11-24",
}
JSON_TYPES: dict[FieldType, tuple[type, ...]] = {
    FieldType.TEXT: (str,),
    FieldType.INTEGER: (int,),
    FieldType.NUMBER: (int, float),
    FieldType.BOOLEAN: (bool,),
    FieldType.DATE: (str,),
}
ARTIFACT = "artifact"


class ViolationCode(StrEnum):
    """How a run misses its template."""

    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    NOT_ALLOWED = "not_allowed"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True)
class Violation:
    """One field or file that is not as the template wants it."""

    code: ViolationCode
    kind: str
    key: str
    sentence: str


def value_of(text: str, field_type: FieldType) -> Value | None:
    """Return what a text says as a value of the type, or None if it is none."""
    if field_type == FieldType.TEXT:
        return text
    if field_type == FieldType.BOOLEAN:
        return BOOLEANS.get(text)
    if field_type == FieldType.INTEGER:
        return int(text) if INTEGER.fullmatch(text) else None
    if field_type == FieldType.NUMBER:
        number = float(text) if NUMBER.fullmatch(text) else math.nan
        return number if math.isfinite(number) else None
    try:
        return date.fromisoformat(text) if DATE.fullmatch(text) else None
    except ValueError:
        return None


def value_of_json(value: object, field_type: FieldType) -> Value | None:
    """Return an allowed value as it compares, or None if it is not of the type."""
    is_of_type = isinstance(value, JSON_TYPES[field_type]) and (
        field_type == FieldType.BOOLEAN or not isinstance(value, bool)
    )
    return value_of(str(value), field_type) if is_of_type else None


def is_outside(value: Value, minimum: float | None, maximum: float | None) -> bool:
    """Say whether a number lies outside its bounds; what is no number has none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    too_small = minimum is not None and value < minimum
    return too_small or (maximum is not None and value > maximum)


def violations(run: Run) -> tuple[Violation, ...]:
    """Return what the run lacks of the newest template of its experiment."""
    template = MetadataTemplate.objects.newest_of(run.experiment)
    return () if template.is_empty else violations_of(read_content(run), template)


def violations_of(
    content: RunContent, template: MetadataTemplate
) -> tuple[Violation, ...]:
    """Return fields in the template's order, then files."""
    definitions = {(found.kind, found.key): found for found in template.definitions()}
    found = [
        _of_field(content, definitions[field["kind"], field["key"]], field["required"])
        for field in template.fields
    ]
    found += _of_files(content, template.artifacts)
    return tuple(violation for violation in found if violation is not None)


def _of_field(
    content: RunContent,
    definition: FieldDefinition,
    required: bool,  # noqa: FBT001 - as the template says it
) -> Violation | None:
    kind, key = FieldKind(definition.kind), definition.key
    named = f"The {kind} {key!r}"
    stored = _stored(content, kind)
    if key not in stored:
        sentence = f"{named} is missing: log it."
        code = ViolationCode.MISSING
        return Violation(code, kind, key, sentence) if required else None
    field_type = FieldType(definition.type)
    value = value_of(_text(stored[key], field_type), field_type)
    remedy = "set the tag anew" if kind == FieldKind.TAG else "log a new run"
    if value is None:
        wanted = IN_WORDS[field_type]
        sentence = f"{named} must be {wanted} and is not: {remedy}."
        return Violation(ViolationCode.WRONG_TYPE, kind, key, sentence)
    allowed = definition.allowed_values
    if allowed is not None and value not in {
        value_of_json(item, field_type) for item in allowed
    }:
        sentence = f"{named} has a value that the dictionary does not list: {remedy}."
        return Violation(ViolationCode.NOT_ALLOWED, kind, key, sentence)
    if is_outside(value, definition.minimum, definition.maximum):
        sentence = f"{named} lies outside its bounds: {remedy}."
        return Violation(ViolationCode.OUT_OF_RANGE, kind, key, sentence)
    return None


def _stored(content: RunContent, kind: FieldKind) -> Mapping[str, str | float]:
    if kind == FieldKind.METRIC:
        return content.metrics
    return content.params if kind == FieldKind.PARAM else content.tags


def _text(value: str | float, field_type: FieldType) -> str:
    """Return a metric as its text, a whole number without a fraction."""
    if isinstance(value, str):
        return value
    is_whole = field_type == FieldType.INTEGER and value.is_integer()
    return str(int(value)) if is_whole else repr(value)


def _of_files(content: RunContent, patterns: Iterable[str]) -> list[Violation | None]:
    return [
        Violation(
            ViolationCode.MISSING,
            ARTIFACT,
            pattern,
            f"No file matches {pattern!r}: upload it to the run.",
        )
        for pattern in content.unmatched(patterns)
    ]
