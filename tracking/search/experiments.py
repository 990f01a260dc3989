"""Which experiments a filter means, and in which order they come."""

from collections.abc import Sequence

from django.db.models import CharField, F, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from tracking.models import Experiment, ExperimentTag
from tracking.search.conditions import condition, time_condition
from tracking.search.grammar import Comparison, Entity, Grammar
from tracking.search.joins import by_row, holding, text_held
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
    asked = parse_filter(filter_string, GRAMMAR)
    for comparison in asked:
        if comparison.entity == Entity.ATTRIBUTE:
            experiments = experiments.filter(_condition(comparison))
    rows = by_row(asked, with_many_rows=())
    experiments = holding(experiments, map(_tag_held, rows))
    terms = [
        F(_ORDER[ordering.key]).desc()
        if ordering.descending
        else F(_ORDER[ordering.key])
        for ordering in parse_order(order_by, GRAMMAR)
    ]
    return experiments.order_by(*(terms or [F("created_at").desc()]), "-pk")


def _tag_held(asked: list[Comparison]) -> Combinable:
    of_key = ExperimentTag.objects.filter(experiment=OuterRef("pk"), key=asked[0].key)
    return text_held(of_key, asked)


def _condition(comparison: Comparison) -> Q:
    compare = (
        time_condition if comparison.key in GRAMMAR.number_attributes else condition
    )
    return compare(_FIELDS[comparison.key], comparison)
