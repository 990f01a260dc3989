"""Which model versions a filter means, and in which order they come."""

from collections.abc import Sequence

from django.db.models import F, QuerySet

from registry.models import ModelVersion, VersionTag
from registry.search.registered_models import PREFIXES
from registry.search.tags import tag_conditions
from tracking.search.conditions import condition
from tracking.search.grammar import Entity, Grammar
from tracking.search.joins import holding
from tracking.search.parsing import parse_filter, parse_order

_FIELDS = {
    "name": "registered_model__name",
    "run_id": "source_run__run_id",
    "source_path": "source",
    "version_number": "number",
}
GRAMMAR = Grammar(
    entities=PREFIXES,
    text_attributes=frozenset({"name", "run_id", "source_path"}),
    number_attributes=frozenset({"version_number"}),
    list_attributes=frozenset({"name", "run_id"}),
    orderable=frozenset(),
    whole_attributes=frozenset({"version_number"}),
)
_ORDER = {
    "name": "registered_model__name",
    "version_number": "number",
    "creation_timestamp": "created_at",
    "last_updated_timestamp": "listing__updated_at",
}
ORDER_GRAMMAR = Grammar(
    entities={"attribute": Entity.ATTRIBUTE},
    text_attributes=frozenset(_ORDER),
    number_attributes=frozenset(),
    list_attributes=frozenset(),
    orderable=frozenset({Entity.ATTRIBUTE}),
)


def search_model_versions(
    versions: QuerySet[ModelVersion], *, filter_string: str, order_by: Sequence[str]
) -> QuerySet[ModelVersion]:
    """Return the versions that the filter means, last updated first unless ordered."""
    asked = parse_filter(filter_string, GRAMMAR)
    for comparison in asked:
        if comparison.entity != Entity.TAG:
            versions = versions.filter(condition(_FIELDS[comparison.key], comparison))
    versions = holding(versions, tag_conditions(asked, VersionTag, "version"))
    terms = [
        F(_ORDER[ordering.key]).desc()
        if ordering.descending
        else F(_ORDER[ordering.key])
        for ordering in parse_order(order_by, ORDER_GRAMMAR)
    ]
    last = ("registered_model__name", "-number")
    return versions.order_by(*(terms or [F("listing__updated_at").desc()]), *last)
