"""Which runs a filter means, and in which order they come."""

from collections.abc import Sequence

from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Concat

from tracking.models import DatasetInput, LatestMetric, Param, Run, Tag
from tracking.search.conditions import condition, number_condition, time_condition
from tracking.search.grammar import Comparison, Entity, Grammar, Ordering
from tracking.search.joins import by_row, holding, text_held
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


def search_runs(
    runs: QuerySet[Run], *, filter_string: str, order_by: Sequence[str]
) -> QuerySet[Run]:
    """Return the runs that the filter means; newest first, then by run id, at last."""
    asked = parse_filter(filter_string, GRAMMAR)
    for comparison in asked:
        if comparison.entity == Entity.ATTRIBUTE:
            runs = _matching(runs, comparison)
    rows = by_row(asked, with_many_rows={Entity.DATASET})
    runs = holding(runs, [_HELD[about[0].entity](about) for about in rows])
    return _ordered(runs, parse_order(order_by, GRAMMAR))


def _matching(runs: QuerySet[Run], comparison: Comparison) -> QuerySet[Run]:
    if comparison.key == "artifact_uri":
        runs = runs.alias(artifact_uri_text=_ARTIFACT_URI)
    compare = (
        time_condition if comparison.key in GRAMMAR.number_attributes else condition
    )
    return runs.filter(compare(_FIELDS[comparison.key], comparison))


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
        return Exists(uses.filter(condition(f"dataset__{comparison.key}", comparison)))
    context = KeyTextTransform("mlflow.data.context", "tags")
    return Exists(
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
_RELATIONS = {
    Entity.METRIC: "latest_metrics",
    Entity.PARAM: "params",
    Entity.TAG: "tags",
}


def _ordered(runs: QuerySet[Run], orderings: Sequence[Ordering]) -> QuerySet[Run]:
    terms: list[str | Combinable] = []
    for number, ordering in enumerate(orderings):
        if ordering.entity != Entity.ATTRIBUTE:
            name, relation = f"ordering_{number}", _RELATIONS[ordering.entity]
            runs = runs.alias(
                **{
                    name: FilteredRelation(
                        relation, condition=Q(**{f"{relation}__key": ordering.key})
                    )
                }
            )
            if ordering.entity == Entity.METRIC:
                terms.append(_numbers_first(name))
            field = f"{name}__value"
        else:
            if ordering.key == "artifact_uri":
                runs = runs.alias(artifact_uri_text=_ARTIFACT_URI)
            field = _FIELDS[ordering.key]
        by = F(field)
        terms.append(
            by.desc(nulls_last=True) if ordering.descending else by.asc(nulls_last=True)
        )
    if not any(ordering.key == "start_time" for ordering in orderings):
        terms.append("-started_at")
    return runs.order_by(*terms, "run_id")


def _numbers_first(relation: str) -> Case:
    """Numbers come first, then NaN, then runs without the metric."""
    return Case(
        When(**{f"{relation}__is_nan": True}, then=1),
        When(**{f"{relation}__is_nan__isnull": True}, then=2),
        default=0,
    )
