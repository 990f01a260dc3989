"""Which logged models a filter means, and in which order they come."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable

from tracking.models import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    Run,
)
from tracking.search.conditions import condition, number_condition, time_condition
from tracking.search.grammar import (
    FOR_PATTERNS,
    Comparison,
    Entity,
    Grammar,
    Operator,
    Ordering,
)
from tracking.search.joins import by_row, holding, looked_up, texts_as_wanted
from tracking.search.parsing import parse_fields, parse_filter

SOURCE_RUN = "source_run_id"
_TIMES = {
    "creation_timestamp": "created_at",
    "creation_time": "created_at",
    "last_updated_timestamp": "updated_at",
    "last_updated_time": "updated_at",
}
_FIELDS = {
    **_TIMES,
    "name": "name",
    "model_id": "model_id",
    "model_type": "model_type",
    "status": "status",
    SOURCE_RUN: "source_run__run_id",
}
# What leads by an index from the run to its models.
_BY_RUN_ID = frozenset({Operator.EQUAL, Operator.IN})
GRAMMAR = Grammar(
    entities={
        "attribute": Entity.ATTRIBUTE,
        "attributes": Entity.ATTRIBUTE,
        "metrics": Entity.METRIC,
        "params": Entity.PARAM,
        "tags": Entity.TAG,
    },
    text_attributes=frozenset(_FIELDS.keys() - _TIMES.keys()),
    number_attributes=frozenset(_TIMES),
    list_attributes=frozenset(_FIELDS.keys() - _TIMES.keys()),
    orderable=frozenset({Entity.ATTRIBUTE, Entity.METRIC}),
    listed=frozenset({Entity.PARAM, Entity.TAG}),
)


@dataclass(frozen=True)
class OnDataset:
    """Only metrics on this dataset count; an empty digest is any."""

    name: str
    digest: str = ""

    @property
    def condition(self) -> Q:
        digest = Q(dataset_digest=self.digest) if self.digest else Q()
        return Q(dataset_name=self.name) & digest


@dataclass(frozen=True)
class ModelOrder:
    """One clause of an order: MLflow sends them taken apart."""

    field_name: str
    descending: bool = False
    dataset: OnDataset | None = None


def search_logged_models(
    models: QuerySet[LoggedModel],
    *,
    filter_string: str,
    datasets: Sequence[OnDataset],
    order_by: Sequence[ModelOrder],
) -> QuerySet[LoggedModel]:
    """Return the models that the filter means, newest first unless ordered."""
    on_datasets = Q()
    for dataset in datasets:
        on_datasets |= dataset.condition
    asked = parse_filter(filter_string, GRAMMAR)
    for comparison in asked:
        if comparison.entity == Entity.ATTRIBUTE:
            models = models.filter(_condition(comparison))
    rows = by_row(asked, with_many_rows={Entity.METRIC})
    models = holding(models, [_held(about, on_datasets) for about in rows])
    if datasets and not any(one.entity == Entity.METRIC for one in asked):
        models = models.filter(looked_up(_metrics().filter(on_datasets)))
    orderings = parse_fields([clause.field_name for clause in order_by], GRAMMAR)
    for number, (clause, ordering) in enumerate(zip(order_by, orderings, strict=True)):
        models = _with_value(models, number, ordering, clause.dataset)
    terms = [
        F(f"ordering_{number}").desc(nulls_last=True)
        if clause.descending
        else F(f"ordering_{number}").asc(nulls_last=True)
        for number, clause in enumerate(order_by)
    ]
    return models.order_by(*terms, "-created_at", "-pk")


def _with_value(
    models: QuerySet[LoggedModel],
    number: int,
    ordering: Ordering,
    dataset: OnDataset | None,
) -> QuerySet[LoggedModel]:
    if ordering.key == SOURCE_RUN and ordering.entity == Entity.ATTRIBUTE:
        run_id = Subquery(_source_run().values("run_id"))
        return models.alias(**{f"ordering_{number}": run_id})
    if ordering.entity == Entity.ATTRIBUTE:
        return models.alias(**{f"ordering_{number}": F(_FIELDS[ordering.key])})
    points = _metrics().filter(dataset.condition if dataset else Q(), key=ordering.key)
    latest = points.filter(is_nan=False).order_by("-timestamp_ms", "-step", "-pk")
    return models.alias(**{f"ordering_{number}": Subquery(latest.values("value")[:1])})


def _condition(comparison: Comparison) -> Q | Combinable:
    if comparison.key == SOURCE_RUN and comparison.operator not in _BY_RUN_ID:
        return _of_source_run(comparison)
    compare = time_condition if comparison.key in _TIMES else condition
    return compare(_FIELDS[comparison.key], comparison)


def _of_source_run(comparison: Comparison) -> Combinable | Q:
    """Compare the id of the run; one that is not there differs from every id."""
    is_as_wanted = condition("run_id", comparison)
    if comparison.operator in FOR_PATTERNS:
        return looked_up(_source_run().filter(is_as_wanted))
    return ~Q(looked_up(_source_run().exclude(is_as_wanted)))


def _held(asked: list[Comparison], on_datasets: Q) -> Combinable:
    entity, key = asked[0].entity, asked[0].key
    if entity == Entity.METRIC:
        points = _metrics().filter(on_datasets, key=key)
        return looked_up(points.filter(number_condition(asked[0])))
    model = LoggedModelParam if entity == Entity.PARAM else LoggedModelTag
    of_key = model._default_manager.filter(logged_model=OuterRef("pk"), key=key)
    return looked_up(texts_as_wanted(of_key, asked))


def _source_run() -> QuerySet[Run]:
    return Run.objects.filter(pk=OuterRef("source_run"))


def _metrics() -> QuerySet[LoggedModelMetric]:
    return LoggedModelMetric.objects.filter(logged_model=OuterRef("pk"))
