"""Fields are defined and templates set here; every version of both is kept."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import InvalidError, PermissionDeniedError
from audit.services import record
from audit.tlog.canonical import digest
from tracking.events import TrackingEvent
from tracking.metadata_rules import IN_WORDS, is_outside, value_of_json
from tracking.models import Experiment, FieldDefinition, MetadataTemplate, Workspace
from tracking.models.metadata import FieldKind, FieldType
from tracking.permissions import may_ask_for_metadata, may_define_fields

LONGEST_KEY = 250
LONGEST_DESCRIPTION = 1000
LONGEST_VALUE = 1000
MOST_VALUES = 1000
MOST_FIELDS = 500
MOST_PATTERNS = 100
OF_METRICS = frozenset({FieldType.NUMBER, FieldType.INTEGER})


def define_field(
    workspace: Workspace,
    *,
    kind: FieldKind,
    key: str,
    field_type: FieldType,
    allowed_values: Sequence[Any] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    description: str = "",
    actor: User,
) -> FieldDefinition:
    """Say what a field means in the workspace; at once so for every template there."""
    if not may_define_fields(actor, workspace):
        raise PermissionDeniedError(
            "may_not_define_field",
            f"You may not define fields in {workspace}: ask a policy author, validator "
            f"or risk officer who does not log runs there.",
        )
    _refuse_odd_text(key, description)
    _refuse_contradiction(kind, field_type, allowed_values, minimum, maximum)
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        earlier = FieldDefinition.objects.filter(
            workspace=workspace, kind=kind, key=key
        )
        content = {
            "kind": kind,
            "key": key,
            "type": field_type,
            "allowed_values": allowed_values,
            "minimum": minimum,
            "maximum": maximum,
            "description": description,
        }
        definition = FieldDefinition.objects.create(
            workspace=workspace, number=earlier.count() + 1, created_by=actor, **content
        )
        record(
            TrackingEvent.FIELD_DEFINED,
            actor=actor,
            subject=workspace.subject,
            payload={
                "field": f"{kind} {key}",
                "number": definition.number,
                "content": digest(content),
            },
        )
    return definition


def set_template(
    experiment: Experiment,
    *,
    fields: Sequence[Mapping[str, Any]],
    artifacts: Sequence[str] = (),
    blocks_registration: bool = False,
    actor: User,
) -> MetadataTemplate:
    """Say what runs of the experiment must have; without any demand, nothing.

    `fields` are `{"kind", "key", "required"}`, each defined in the workspace.
    """
    if not may_ask_for_metadata(actor, experiment):
        raise PermissionDeniedError(
            "may_not_set_template",
            f"You may not say what runs in {experiment} must have: ask a policy author, "
            f"validator or risk officer who does not log runs there.",
        )
    _refuse_odd_template(fields, artifacts)
    if blocks_registration and not fields and not artifacts:
        raise InvalidError(
            "template_empty",
            "A template without fields and files has nothing to block registration for: "
            "name some, or let it not block.",
        )
    _refuse_undefined(experiment.workspace, fields)
    with transaction.atomic():
        Experiment.objects.select_for_update().get(pk=experiment.pk)
        content: dict[str, Any] = {
            "fields": [
                {
                    "kind": str(field["kind"]),
                    "key": field["key"],
                    "required": field["required"],
                }
                for field in fields
            ],
            "artifacts": list(artifacts),
            "blocks_registration": blocks_registration,
        }
        template = MetadataTemplate.objects.create(
            experiment=experiment,
            number=experiment.metadata_templates.count() + 1,
            created_by=actor,
            **content,
        )
        record(
            TrackingEvent.TEMPLATE_SET,
            actor=actor,
            subject=experiment.subject,
            payload={
                "number": template.number,
                "blocks_registration": blocks_registration,
                "content": digest(content),
            },
        )
    return template


def _refuse_odd_text(key: str, description: str) -> None:
    if not (key and key.isprintable() and len(key) <= LONGEST_KEY):
        raise InvalidError(
            "field_key_invalid",
            f"The key {key[:50]!r} is no key of a param, tag or metric: use 1 to "
            f"{LONGEST_KEY} printable characters.",
        )
    if not _is_storable(description) or len(description) > LONGEST_DESCRIPTION:
        raise InvalidError(
            "description_invalid",
            f"A description has at most {LONGEST_DESCRIPTION} characters, and no NUL: "
            f"shorten it.",
        )


def _refuse_contradiction(
    kind: FieldKind,
    field_type: FieldType,
    allowed: Sequence[Any] | None,
    minimum: float | None,
    maximum: float | None,
) -> None:
    if kind == FieldKind.METRIC and field_type not in OF_METRICS:
        raise _contradictory(f"a metric is a number, not {IN_WORDS[field_type]}")
    bounds = [bound for bound in (minimum, maximum) if bound is not None]
    if bounds and field_type not in OF_METRICS:
        raise _contradictory(f"{IN_WORDS[field_type]} has no minimum and maximum")
    if not all(math.isfinite(bound) for bound in bounds):
        raise _contradictory("a bound is a finite number")
    if bounds != sorted(bounds):
        raise _contradictory("the minimum is greater than the maximum")
    if allowed is None:
        return
    if not 1 <= len(allowed) <= MOST_VALUES:
        raise _contradictory(f"a list of allowed values has 1 to {MOST_VALUES} of them")
    for value in allowed:
        typed = value_of_json(value, field_type)
        if typed is None or not _is_storable(str(value)):
            raise _contradictory(
                f"the allowed value {str(value)[:50]!r} is not {IN_WORDS[field_type]}"
            )
        if len(str(value)) > LONGEST_VALUE:
            raise _contradictory(f"an allowed value has {LONGEST_VALUE} characters")
        if is_outside(typed, minimum, maximum):
            raise _contradictory(
                f"the allowed value {str(value)[:50]!r} lies outside the bounds"
            )


def _contradictory(reason: str) -> InvalidError:
    return InvalidError(
        "definition_contradictory",
        f"No value can be as this definition says, for {reason}: correct it.",
    )


def _is_storable(text: str) -> bool:
    """Say whether a text has neither NUL nor a lone surrogate."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _refuse_odd_template(
    fields: Sequence[Mapping[str, Any]], artifacts: Sequence[str]
) -> None:
    if len(fields) > MOST_FIELDS or len(artifacts) > MOST_PATTERNS:
        raise InvalidError(
            "template_too_large",
            f"A template names at most {MOST_FIELDS} fields and {MOST_PATTERNS} files: "
            f"ask for less.",
        )
    named = [(field["kind"], field["key"]) for field in fields]
    if len(set(named)) != len(named) or len(set(artifacts)) != len(artifacts):
        raise InvalidError(
            "template_names_twice",
            "The template names a field or a file twice: name each once.",
        )
    for pattern in artifacts:
        if not (pattern and pattern.isprintable() and len(pattern) <= LONGEST_KEY):
            raise InvalidError(
                "pattern_invalid",
                f"The pattern {pattern[:50]!r} matches no artifact path: use 1 to "
                f"{LONGEST_KEY} printable characters.",
            )


def _refuse_undefined(
    workspace: Workspace, fields: Sequence[Mapping[str, Any]]
) -> None:
    defined = set(
        FieldDefinition.objects.filter(
            workspace=workspace, key__in={field["key"] for field in fields}
        ).values_list("kind", "key")
    )
    for field in fields:
        if (field["kind"], field["key"]) not in defined:
            raise InvalidError(
                "field_undefined",
                f"The {field['kind']} {field['key']!r} is not in the dictionary of "
                f"{workspace}: define it first.",
            )
