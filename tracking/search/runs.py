"""Which runs a filter means, and in which order they come."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import (
    CharField,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Concat

from tracking.models import DatasetInput, LatestMetric, Param, Run, Tag
from tracking.models.dataset import CONTEXT_TAG
from tracking.search.conditions import condition, number_condition, time_condition
from tracking.search.grammar import Comparison, Entity, Grammar, Operator, Ordering
from tracking.search.joins import by_row, holding, looked_up, text_held
from tracking.search.orders import numbers_of, ordered
from tracking.search.parsing import parse_filter, parse_order

GRAMMAR = Grammar(
    entities={
        **dict.fromkeys(("attribute", "attributes", "attr", "run"), Entity.ATTRIBUTE),
        **dict.fromkeys(("metric", "metrics"), Entity.METRIC),
        **dict.fromkeys(("param", "params", "parameter", "parameters"), Entity.PARAM),
        **dict.fromkeys(("tag", "tags"), Entity.TAG),
        **dict.fromkeys(("dataset", "datasets"), Entity.DATASET),
    },
    text_attributes=frozenset(
        {"run_id", "run_name", "status", "user_id", "artifact_uri"}
    ),
    number_attributes=frozenset({"start_time", "end_time"}),
    list_attributes=frozenset({"run_id"}),
    orderable=frozenset(set(Entity) - {Entity.DATASET}),
    nullable=frozenset({Entity.PARAM, Entity.TAG}),
    aliases={
        "created": "start_time",
        "Created": "start_time",
        "run name": "run_name",
        "Run name": "run_name",
        "Run Name": "run_name",
    },
)
_FIELDS = {
    "run_id": "run_id",
    "run_name": "name",
    "status": "status",
    "user_id": "created_by__username",
    "artifact_uri": "artifact_uri_text",
    "start_time": "started_at",
    "end_time": "ended_at",
}
_ARTIFACT_URI = Concat(
    Value("mlflow-artifacts:/"),
    Cast("experiment_id", CharField()),
    Value("/"),
    "run_id",
    Value("/artifacts"),
    output_field=CharField(),
)


@dataclass(frozen=True)
class FoundRuns:
    """What a search found; `first` has the first rows of it, if they come cheaper."""

    rows: QuerySet[Run]
    first: QuerySet[Run] | None


def search_runs(
    runs: QuerySet[Run], *, filter_string: str, order_by: Sequence[str]
) -> FoundRuns:
    """Find the runs that the filter means; newest first, then by run id, at last.

    Ordered by a metric, those that have a number for it come first, and these an index
    holds in their order.
    """
    asked = parse_filter(filter_string, GRAMMAR)
    orderings = parse_order(order_by, GRAMMAR)
    return FoundRuns(
        _found(runs, asked, orderings), _first_found(runs, asked, orderings)
    )


def _first_found(
    runs: QuerySet[Run], asked: Sequence[Comparison], orderings: Sequence[Ordering]
) -> QuerySet[Run] | None:
    if not orderings or orderings[0].entity != Entity.METRIC:
        return None
    key = orderings[0].key
    if any(one.entity == Entity.METRIC and one.key == key for one in asked):
        return None
    is_number = Comparison(Entity.METRIC, key, Operator.AT_LEAST, -math.inf)
    return _found(runs, (*asked, is_number), orderings)


def _found(
    runs: QuerySet[Run], asked: Sequence[Comparison], orderings: Sequence[Ordering]
) -> QuerySet[Run]:
    runs = runs.alias(artifact_uri_text=_ARTIFACT_URI)
    for comparison in asked:
        if comparison.entity == Entity.ATTRIBUTE:
            runs = runs.filter(_of_attribute(comparison))
    rows = by_row(asked, with_many_rows={Entity.DATASET})
    numbers = numbers_of(orderings, rows)
    others = [about for about in rows if about not in numbers.values()]
    runs = holding(runs, [_HELD[about[0].entity](about) for about in others])
    return ordered(runs, orderings, fields=_FIELDS, numbers=numbers)


def _of_attribute(comparison: Comparison) -> Q:
    is_time = comparison.key in GRAMMAR.number_attributes
    compare = time_condition if is_time else condition
    return compare(_FIELDS[comparison.key], comparison)


def _metric_held(asked: list[Comparison]) -> Combinable:
    points = LatestMetric.objects.filter(run=OuterRef("pk"), key=asked[0].key)
    for comparison in asked:
        points = points.filter(number_condition(comparison))
    return Exists(points)


def _param_held(asked: list[Comparison]) -> Combinable:
    return text_held(Param.objects.filter(run=OuterRef("pk"), key=asked[0].key), asked)


def _tag_held(asked: list[Comparison]) -> Combinable:
    return text_held(Tag.objects.filter(run=OuterRef("pk"), key=asked[0].key), asked)


def _dataset_held(asked: list[Comparison]) -> Combinable:
    (comparison,) = asked
    uses = DatasetInput.objects.filter(run=OuterRef("pk"))
    if comparison.key != "context":
        of_dataset = condition(f"dataset__{comparison.key}", comparison)
        return looked_up(uses.filter(of_dataset))
    context = KeyTextTransform(CONTEXT_TAG, "tags")
    return looked_up(
        uses.alias(context_text=Cast(context, CharField())).filter(
            condition("context_text", comparison)
        )
    )


_HELD = {
    Entity.METRIC: _metric_held,
    Entity.PARAM: _param_held,
    Entity.TAG: _tag_held,
    Entity.DATASET: _dataset_held,
}
