"""Which registered models a filter means, and in which order they come."""

from collections.abc import Sequence

from django.db.models import F, QuerySet

from registry.models import ModelTag, RegisteredModel
from registry.search.tags import tag_conditions
from tracking.search.conditions import condition
from tracking.search.grammar import Entity, Grammar
from tracking.search.joins import holding
from tracking.search.parsing import parse_filter, parse_order

PREFIXES = {
    "attribute": Entity.ATTRIBUTE,
    "tag": Entity.TAG,
    "tags": Entity.TAG,
}
GRAMMAR = Grammar(
    entities=PREFIXES,
    text_attributes=frozenset({"name"}),
    number_attributes=frozenset(),
    list_attributes=frozenset({"name"}),
    orderable=frozenset(),
)
_ORDER = {
    "name": "name",
    "timestamp": "updated_at",
    "last_updated_timestamp": "updated_at",
    "creation_timestamp": "created_at",
}
ORDER_GRAMMAR = Grammar(
    entities={"attribute": Entity.ATTRIBUTE},
    text_attributes=frozenset(_ORDER),
    number_attributes=frozenset(),
    list_attributes=frozenset(),
    orderable=frozenset({Entity.ATTRIBUTE}),
)


def search_registered_models(
    models: QuerySet[RegisteredModel], *, filter_string: str, order_by: Sequence[str]
) -> QuerySet[RegisteredModel]:
    """Return the models that the filter means, by name unless ordered."""
    asked = parse_filter(filter_string, GRAMMAR)
    for comparison in asked:
        if comparison.entity != Entity.TAG:
            models = models.filter(condition("name", comparison))
    models = holding(models, tag_conditions(asked, ModelTag, "registered_model"))
    orderings = parse_order(order_by, ORDER_GRAMMAR)
    terms = [
        F(_ORDER[ordering.key]).desc()
        if ordering.descending
        else F(_ORDER[ordering.key])
        for ordering in orderings
    ]
    return models.order_by(*terms, "name")
