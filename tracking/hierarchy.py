"""Which run stands below which, of what kind, and what that adds up to: reading only.

The MLflow client nests a run by its tag `mlflow.parentRunId`. A claim counts when both
are active runs of one workspace; what a reader may not see is not there for them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import (
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    QuerySet,
    Subquery,
    TextChoices,
)
from django.db.models.functions import Left

from tracking.models import Experiment, LatestMetric, Run, Tag, Workspace
from tracking.models.experiment import Lifecycle
from tracking.models.pairs import INDEXED_CHARACTERS
from tracking.models.tag import PARENT_TAG

KIND_TAG = "attestry.kind"
COMPONENT_TAG = "attestry.component"
DEEPEST = 10  # levels below a run, and above it
MOST_RUNS = 5000  # read for one answer


class Kind(TextChoices):
    """What a run is for those around it."""

    GROUP = "group"
    SWEEP = "sweep"
    RUN = "run"
    STEP = "step"


@dataclass(frozen=True)
class Place:
    """A run as it was read, with what its own tags say of its place."""

    pk: int
    run_id: str
    name: str
    status: str
    experiment: int
    started_at: datetime
    ended_at: datetime | None
    parent_run_id: str | None
    said: str | None
    component: str | None


@dataclass(frozen=True)
class Node:
    """A run with its kind and all that was read below it."""

    place: Place
    kind: Kind
    children: tuple["Node", ...]

    def below(self) -> Iterator["Node"]:
        for child in self.children:
            yield child
            yield from child.below()


@dataclass(frozen=True)
class MetricRollUp:
    """The latest values of a metric over direct children, NaN left out."""

    key: str
    count: int
    min: float
    max: float
    mean: float
    min_run_id: str
    max_run_id: str


@dataclass(frozen=True)
class RollUp:
    """What a run and all below it add up to; time in seconds, of the leaves that ended."""

    node: Node
    descendants: int
    by_status: dict[str, int]
    by_kind: dict[str, int]
    first_start: datetime
    last_end: datetime | None
    leaf_seconds: float
    metrics: tuple[MetricRollUp, ...]


@dataclass(frozen=True)
class MetricRange:
    """The latest values of a metric over the outermost runs, NaN left out."""

    key: str
    count: int
    min: float
    max: float


@dataclass(frozen=True)
class Total:
    """What all active runs of an experiment add up to."""

    runs: int
    by_status: dict[str, int]
    first_start: datetime | None
    last_end: datetime | None
    metrics: tuple[MetricRange, ...]


@dataclass(frozen=True)
class Forest:
    """Trees, cut where there were more runs or deeper ones than are read."""

    nodes: tuple[Node, ...]
    is_cut: bool


@dataclass(frozen=True)
class Hierarchy:
    """A run between what stands above it, from the top, and what stands below it."""

    ancestors: tuple[Node, ...]
    node: Node
    is_cut: bool
    is_circular: bool


def kind_of(said: str | None, parent: Kind | None, *, has_children: bool) -> Kind:
    """Say what a run is: what its tag says, else what its place says.

    A run that others are nested in is a group, and they are its runs; what is nested in
    those are their steps. Who nests steps directly in a run tags it with the kind `run`,
    and a search for params with the kind `sweep`. A step's own parts are steps.
    """
    if said in Kind.values:
        return Kind(said)
    if parent in {Kind.RUN, Kind.STEP}:
        return Kind.STEP
    return Kind.GROUP if parent is None and has_children else Kind.RUN


def nested_in(run_ids: Iterable[str]) -> QuerySet[Tag]:
    """Return the tags by which runs say that they are nested in one of these."""
    parent = Left("value", INDEXED_CHARACTERS)
    return (
        Tag.objects.filter(key=PARENT_TAG)
        .alias(claimed=parent)
        .filter(claimed__in=list(run_ids))
    )


def hierarchy_of(run: Run, *, user: User) -> Hierarchy:
    """Return what stands above and below a run, with at most two queries a level."""
    reader = _Reader(run.experiment.workspace, user)
    (place,) = _places(Run.objects.filter(pk=run.pk))
    lines, is_high, is_circular = reader.above([place])
    forest = _forest(reader, [place], lines)
    line = lines[place.run_id]
    kinds = list(_kinds_down(line))
    return Hierarchy(
        ancestors=tuple(
            Node(above, kind, ()) for above, kind in zip(line, kinds, strict=True)
        ),
        node=forest.nodes[0],
        is_cut=forest.is_cut or is_high,
        is_circular=is_circular,
    )


def roots_of(experiment: Experiment) -> QuerySet[Run]:
    """Return the active runs that are nested in no other one of their experiment.

    Runs that are nested in each other in a circle have no root and are not among them.
    """
    parent = _tag(PARENT_TAG, "pk")
    active = Run.objects.filter(experiment=experiment, lifecycle_stage=Lifecycle.ACTIVE)
    above = active.filter(run_id=OuterRef("claimed")).exclude(pk=OuterRef("pk"))
    return active.alias(claimed=parent).filter(~Exists(above))


def total_of(experiment: Experiment) -> Total:
    """Add up an experiment in three queries, of which none brings the runs here."""
    active = Run.objects.filter(experiment=experiment, lifecycle_stage=Lifecycle.ACTIVE)
    by_status = dict(
        active.values_list("status").annotate(count=Count("pk")).order_by("status")
    )
    times = active.aggregate(first_start=Min("started_at"), last_end=Max("ended_at"))
    latest = LatestMetric.objects.filter(run__in=roots_of(experiment), is_nan=False)
    metrics = latest.values_list("key").annotate(
        Count("pk"), Min("value"), Max("value")
    )
    return Total(
        runs=sum(by_status.values()),
        by_status=by_status,
        metrics=tuple(MetricRange(*row) for row in metrics.order_by("key")),
        **times,
    )


def forest_of(runs: Sequence[Run], *, workspace: Workspace, user: User) -> Forest:
    """Return the trees below runs of one workspace, in their order."""
    reader = _Reader(workspace, user)
    by_pk = {
        place.pk: place
        for place in _places(Run.objects.filter(pk__in=[run.pk for run in runs]))
    }
    places = [by_pk[run.pk] for run in runs]
    lines, is_high, _ = reader.above(places)
    forest = _forest(reader, places, lines)
    return Forest(forest.nodes, forest.is_cut or is_high)


def roll_ups(nodes: Sequence[Node]) -> list[RollUp]:
    """Return what each node adds up to; the metrics of all of them are one query."""
    parents = {
        child.place.pk: (node.place.pk, child.place.run_id)
        for node in nodes
        for child in node.children
    }
    points: dict[int, dict[str, list[tuple[float, str]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    latest = LatestMetric.objects.filter(run__in=parents, is_nan=False)
    rows = latest.order_by("key", "run_id").values_list("run_id", "key", "value")
    for pk, key, value in rows.iterator(chunk_size=5000):
        parent, run_id = parents[pk]
        points[parent][key].append((value, run_id))
    return [_roll_up(node, points[node.place.pk]) for node in nodes]


def _roll_up(node: Node, points: Mapping[str, Sequence[tuple[float, str]]]) -> RollUp:
    below = list(node.below())
    tree = [node, *below]
    ends = [each.place.ended_at for each in tree if each.place.ended_at]
    return RollUp(
        node=node,
        descendants=len(below),
        by_status=dict(Counter(each.place.status for each in below)),
        by_kind=dict(Counter(each.kind.value for each in below)),
        first_start=min(each.place.started_at for each in tree),
        last_end=max(ends, default=None),
        leaf_seconds=math.fsum(
            _seconds(each.place) for each in tree if not each.children
        ),
        metrics=tuple(_metric(key, values) for key, values in points.items()),
    )


def _seconds(place: Place) -> float:
    """Return how long a run took; clients set both times, so the end may come first."""
    if place.ended_at is None:
        return 0.0
    return max((place.ended_at - place.started_at).total_seconds(), 0.0)


def _metric(key: str, points: Sequence[tuple[float, str]]) -> MetricRollUp:
    least, greatest = (best(points, key=lambda point: point[0]) for best in (min, max))
    return MetricRollUp(
        key=key,
        count=len(points),
        min=least[0],
        max=greatest[0],
        mean=_mean([value for value, _ in points]),
        min_run_id=least[1],
        max_run_id=greatest[1],
    )


def _mean(values: Sequence[float]) -> float:
    count = len(values)
    if not all(math.isfinite(value) for value in values):
        return sum(values) / count
    try:
        return math.fsum(values) / count
    except OverflowError:  # the sum is too large, though the mean is not
        return math.fsum(value / count for value in values)


class _Reader:
    """Reads runs of one workspace level by level, as far as somebody may see them."""

    def __init__(self, workspace: Workspace, user: User) -> None:
        self.visible = Experiment.objects.visible_to(user).filter(workspace=workspace)

    def below(self, run_ids: Iterable[str], at_most: int) -> list[Place]:
        claims = nested_in(run_ids).filter(
            run__experiment__in=self.visible, run__lifecycle_stage=Lifecycle.ACTIVE
        )
        return _places(claims.order_by("run__started_at", "run__pk"), "run__", at_most)

    def above(
        self, places: Sequence[Place]
    ) -> tuple[dict[str, list[Place]], bool, bool]:
        """Return the ancestors of each, from the top; whether cut; whether circular."""
        known = {place.run_id: place for place in places}
        wanted = _claimed(places) - known.keys()
        for _ in range(DEEPEST):
            if not wanted:
                break
            runs = Run.objects.filter(
                run_id__in=wanted,
                experiment__in=self.visible,
                lifecycle_stage=Lifecycle.ACTIVE,
            )
            found = _places(runs)
            known |= {place.run_id: place for place in found}
            wanted = _claimed(found) - known.keys()
        lines, is_circular = {}, False
        for place in places:
            lines[place.run_id], turns = _line(place, known)
            is_circular = is_circular or turns
        return lines, bool(wanted), is_circular


def _claimed(places: Iterable[Place]) -> set[str]:
    return {place.parent_run_id for place in places if place.parent_run_id}


def _line(place: Place, known: Mapping[str, Place]) -> tuple[list[Place], bool]:
    """Return the ancestors from the top, and whether the last claim leads back down."""
    line: list[Place] = []
    seen, claimed = {place.run_id}, place.parent_run_id or ""
    while claimed in known and claimed not in seen:
        line.insert(0, known[claimed])
        seen.add(claimed)
        claimed = known[claimed].parent_run_id or ""
    return line, claimed in seen


def _kinds_down(line: Sequence[Place]) -> Iterator[Kind]:
    kind: Kind | None = None
    for place in line:
        kind = kind_of(place.said, kind, has_children=True)
        yield kind


def _forest(
    reader: _Reader, tops: Sequence[Place], lines: Mapping[str, Sequence[Place]]
) -> Forest:
    children: dict[str, list[Place]] = defaultdict(list)
    frontier = [place.run_id for place in tops]
    seen, is_cut = set(frontier), False
    for depth in range(DEEPEST + 1):
        # The level below the deepest is only looked for.
        wanted = MOST_RUNS - len(seen) if depth < DEEPEST else 0
        found = reader.below(frontier, wanted + 1)
        is_cut = len(found) > wanted
        # A run that stands above itself is met again, and stands once.
        fresh = [place for place in found[:wanted] if place.run_id not in seen]
        for place in fresh:
            children[str(place.parent_run_id)].append(place)
        frontier = [place.run_id for place in fresh]
        seen |= set(frontier)
        if is_cut or not frontier:
            break
    kinds = {
        top.run_id: next(reversed(list(_kinds_down(lines[top.run_id]))), None)
        for top in tops
    }
    nodes = tuple(_node(top, kinds[top.run_id], children) for top in tops)
    return Forest(nodes, is_cut)


def _node(
    place: Place, parent: Kind | None, children: Mapping[str, Sequence[Place]]
) -> Node:
    own = children.get(place.run_id, ())
    kind = kind_of(place.said, parent, has_children=bool(own))
    return Node(place, kind, tuple(_node(child, kind, children) for child in own))


def _places(
    rows: QuerySet[Any], prefix: str = "", at_most: int | None = None
) -> list[Place]:
    fields = ("id", "run_id", "name", "status", "experiment_id")
    moments = ("started_at", "ended_at")
    values = rows.values_list(
        *(F(f"{prefix}{field}") for field in fields + moments),
        *(_tag(key, f"{prefix}id") for key in (PARENT_TAG, KIND_TAG, COMPONENT_TAG)),
    )
    return [Place(*row) for row in values[:at_most]]


def _tag(key: str, run: str) -> Subquery:
    of_run = Tag.objects.filter(run=OuterRef(run), key=key)
    return Subquery(of_run.values(cut=Left("value", INDEXED_CHARACTERS)))
