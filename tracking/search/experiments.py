"""Which experiments a filter means, and in which order they come."""

from collections.abc import Sequence

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from tracking.models import Experiment, ExperimentTag
from tracking.search.conditions import condition, time_condition
from tracking.search.grammar import Comparison, Entity, Grammar, Operator
from tracking.search.parsing import parse_filter, parse_order

GRAMMAR = Grammar(
    entities={
        "attribute": Entity.ATTRIBUTE,
        "tag": Entity.TAG,
        "tags": Entity.TAG,
    },
    text_attributes=frozenset({"name", "experiment_id"}),
    number_attributes=frozenset({"creation_time", "last_update_time"}),
    list_attributes=frozenset({"experiment_id"}),
    orderable=frozenset({Entity.ATTRIBUTE}),
    nullable=frozenset({Entity.TAG}),
)
_FIELDS = {
    "name": "name",
    "experiment_id": "id_text",
    "creation_time": "created_at",
    "last_update_time": "updated_at",
}
_ORDER = {**_FIELDS, "experiment_id": "pk"}


def search_experiments(
    experiments: QuerySet[Experiment], *, filter_string: str, order_by: Sequence[str]
) -> QuerySet[Experiment]:
    """Return the experiments that the filter means, newest first unless ordered."""
    experiments = experiments.alias(id_text=Cast("pk", CharField()))
    for comparison in parse_filter(filter_string, GRAMMAR):
        experiments = experiments.filter(_condition(comparison))
    terms = [
        F(_ORDER[ordering.key]).desc()
        if ordering.descending
        else F(_ORDER[ordering.key])
        for ordering in parse_order(order_by, GRAMMAR)
    ]
    return experiments.order_by(*(terms or [F("created_at").desc()]), "-pk")


def _condition(comparison: Comparison) -> Q:
    if comparison.entity == Entity.TAG:
        of_key = ExperimentTag.objects.filter(
            experiment=OuterRef("pk"), key=comparison.key
        )
        if comparison.operator == Operator.IS_NULL:
            return Q(~Exists(of_key))
        if comparison.operator == Operator.IS_NOT_NULL:
            return Q(Exists(of_key))
        return Q(Exists(of_key.filter(condition("value", comparison))))
    compare = (
        time_condition if comparison.key in GRAMMAR.number_attributes else condition
    )
    return compare(_FIELDS[comparison.key], comparison)
