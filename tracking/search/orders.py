"""In which order runs come, and the rows of other tables that this goes by."""

from collections.abc import Collection, Mapping, Sequence

from django.db.models import Case, F, FilteredRelation, Q, QuerySet, When
from django.db.models.expressions import Combinable

from tracking.models import Run
from tracking.search.conditions import number_condition
from tracking.search.grammar import Comparison, Entity, Operator, Ordering

_RELATIONS = {
    Entity.METRIC: "latest_metrics",
    Entity.PARAM: "params",
    Entity.TAG: "tags",
}


def numbers_of(
    orderings: Sequence[Ordering], rows: Sequence[Sequence[Comparison]]
) -> dict[str, Sequence[Comparison]]:
    """Return what is asked of metrics that runs are ordered by, if it means a number.

    Such a metric is there once, to be compared and to order by: so an index leads from
    the best to the worst, and no row is looked at beyond the page.
    """
    keys = {one.key for one in orderings if one.entity == Entity.METRIC}
    return {
        about[0].key: about
        for about in rows
        if about[0].entity == Entity.METRIC
        and about[0].key in keys
        and all(one.operator != Operator.NOT_EQUAL for one in about)
    }


def ordered(
    runs: QuerySet[Run],
    orderings: Sequence[Ordering],
    *,
    fields: Mapping[str, str],
    numbers: Mapping[str, Sequence[Comparison]],
) -> QuerySet[Run]:
    """Return the runs in order; of those with `numbers`, just what they ask for.

    `fields` says what the attributes are; only the end of a run may be missing.
    """
    terms: list[Combinable] = []
    for number, ordering in enumerate(orderings):
        if ordering.entity == Entity.ATTRIBUTE:
            field = fields[ordering.key]
            terms.append(_directed(ordering, field, is_there=field != "ended_at"))
            continue
        joined = f"ordering_{number}"
        runs = runs.alias(**{joined: _row(ordering)})
        is_number = ordering.entity == Entity.METRIC and ordering.key in numbers
        if is_number:
            runs = runs.filter(_all_of(numbers[ordering.key], joined))
        elif ordering.entity == Entity.METRIC:
            terms.append(_numbers_first(joined))
        terms.append(_directed(ordering, f"{joined}__value", is_there=is_number))
    if not any(ordering.key == "start_time" for ordering in orderings):
        terms.append(F("started_at").desc())
    return runs.order_by(*terms, "run_id")


def _row(ordering: Ordering) -> FilteredRelation:
    relation = _RELATIONS[ordering.entity]
    return FilteredRelation(relation, condition=Q(**{f"{relation}__key": ordering.key}))


def _all_of(asked: Collection[Comparison], joined: str) -> Q:
    wanted = Q()
    for comparison in asked:
        wanted &= number_condition(comparison, of=f"{joined}__")
    return wanted


def _directed(ordering: Ordering, field: str, *, is_there: bool) -> Combinable:
    """Order by a field; no index knows an order that says where a missing one goes."""
    missing_last = None if is_there else True
    if ordering.descending:
        return F(field).desc(nulls_last=missing_last)
    return F(field).asc(nulls_last=missing_last)


def _numbers_first(joined: str) -> Case:
    """Numbers come first, then NaN, then runs without the metric."""
    return Case(
        When(**{f"{joined}__is_nan": True}, then=1),
        When(**{f"{joined}__is_nan__isnull": True}, then=2),
        default=0,
    )
