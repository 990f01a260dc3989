"""What datasets come from and what came of them: reading only, from dataset inputs.

A run whose use of a dataset has the context `output` made it, from the datasets that it
used. Those had a run that made them, and so on, in both directions. The same data under
another name are the same data: their digest tells. Archived runs count: what somebody
archives has happened all the same.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.db.models.functions import Left

from tracking.hierarchy import nested_in
from tracking.models import (
    Dataset,
    DatasetCard,
    DatasetInput,
    FormerParent,
    LoggedModel,
    ModelUse,
    Run,
    Tag,
    Workspace,
)
from tracking.models.dataset import DatasetQuerySet
from tracking.models.logged_model import UseDirection
from tracking.models.pairs import INDEXED_CHARACTERS
from tracking.models.run import RunQuerySet
from tracking.models.tag import COMMIT_TAG, PARENT_TAG

DEEPEST = 10
MOST_USES = 500
MOST_DATASETS = 500
# Up to megabytes, and not what a lineage tells.
_OF_DATASET = ("source", "schema", "profile")
_LONG = tuple(f"dataset__{field}" for field in _OF_DATASET)


@dataclass(frozen=True)
class LineageStep:
    """At a distance of `depth` a run stands between a dataset and others.

    Backward the run made `dataset` from `datasets`; forward it used `dataset` and made
    `datasets`.
    """

    depth: int
    dataset: Dataset
    run: Run
    context: str
    datasets: tuple[Dataset, ...]


@dataclass(frozen=True)
class Walk:
    """The steps in one direction; cut where there were more, or deeper ones, than shown."""

    steps: tuple[LineageStep, ...]
    is_cut: bool


@dataclass(frozen=True)
class MadeModel:
    """A logged model, and the run that made it."""

    run: Run
    logged_model: LoggedModel


@dataclass(frozen=True)
class DatasetLineage:
    """What a dataset was made from, who used it, and which models came of that."""

    dataset: Dataset
    backward: Walk
    forward: Walk
    logged_models: tuple[MadeModel, ...]


@dataclass(frozen=True)
class RunDatasets:
    """What a run used and what it made."""

    used: tuple[DatasetInput, ...]
    produced: tuple[DatasetInput, ...]


Uses = Callable[[], QuerySet[DatasetInput]]


def lineage_of(dataset: Dataset, *, user: User) -> DatasetLineage:
    """Return both directions, of the runs that the user may see."""
    produced, used = DatasetInput.objects.produced, DatasetInput.objects.used
    start, workspace = {dataset.digest}, dataset.workspace
    backward = _walk(
        start, workspace=workspace, entering=produced, leaving=used, user=user
    )
    forward = _walk(
        start, workspace=workspace, entering=used, leaving=produced, user=user
    )
    users = [step.run for step in forward.steps if step.depth == 1]
    return DatasetLineage(dataset, backward, forward, _made_by(users, user=user))


def datasets_of(run: Run) -> RunDatasets:
    uses = DatasetInput.objects.filter(run=run).select_related("dataset").defer(*_LONG)
    return RunDatasets(
        used=tuple(uses.used().order_by("pk")),
        produced=tuple(uses.produced().order_by("pk")),
    )


def derived_from(dataset: Dataset, *, user: User) -> tuple[set[str], bool]:
    """Return the digests of a dataset and of all that were made of it; whether cut."""
    return derived_from_all({dataset.digest}, workspace=dataset.workspace, user=user)


def derived_from_all(
    digests: Iterable[str], *, workspace: Workspace, user: User
) -> tuple[set[str], bool]:
    """Return the digests of some data and of all that were made of them; whether cut.

    Over however many runs: two queries a level, and none of them lists runs.
    """
    frontier = set(digests)
    seen = set(frontier)
    for _ in range(DEEPEST):
        if not frontier:
            return seen, False
        uses = uses_of(frontier, workspace=workspace, user=user)
        made = DatasetInput.objects.produced().filter(run__in=uses.values("run"))
        frontier = set(made.values_list("dataset__digest", flat=True).distinct()) - seen
        if len(seen) + len(frontier) > MOST_DATASETS:
            return seen, True
        seen |= frontier
    return seen, bool(frontier)


def data_of_lineage(run: Run) -> DatasetQuerySet:
    """Return the data that a run came of, under every name, with all of their cards."""
    uses = DatasetInput.objects.filter(run__in=runs_in_lineage(run))
    cards = DatasetCard.objects.with_people().order_by("number")
    return (
        Dataset.objects.same_data_as(uses)
        .select_related("workspace")
        .defer(*_OF_DATASET)
        .prefetch_related(Prefetch("cards", cards))
        .order_by("pk")
    )


def made_by_runs(runs: QuerySet[Run]) -> tuple[set[str], bool]:
    """Return the digests of the data that some runs made; whether there are more."""
    made = DatasetInput.objects.produced().filter(run__in=runs)
    digests = made.values_list("dataset__digest", flat=True).distinct()
    found = list(digests[: MOST_DATASETS + 1])
    return set(found[:MOST_DATASETS]), len(found) > MOST_DATASETS


def runs_of_commit(commit: str, *, workspace: Workspace, user: User) -> RunQuerySet:
    """Return the runs that say that they ran the code of a commit."""
    said = Tag.objects.annotate(short=Left("value", INDEXED_CHARACTERS)).filter(
        key=COMMIT_TAG, short=commit
    )
    return _visible_runs(workspace, user).filter(pk__in=said.values("run"))


def origins_of(run: Run, *, user: User) -> Walk:
    """Return what made the datasets that a run used, and of what, level by level."""
    return _walk(
        {use.dataset.digest for use in datasets_of(run).used},
        workspace=run.experiment.workspace,
        entering=DatasetInput.objects.produced,
        leaving=DatasetInput.objects.used,
        user=user,
    )


def runs_in_lineage(run: Run) -> set[int]:
    """Return the keys of a run and of all that it came of, whoever may see them.

    Those that made the data, under whatever name, or the models that it used, what those
    came of, and the runs of its workspace that they are or were nested in or that are or
    were nested in them.
    """
    return runs_in_lineages([run.pk])[run.pk]


def runs_in_lineages(runs: Iterable[int]) -> dict[int, set[int]]:
    """Return `runs_in_lineage` of each run, by keys; six queries a level for them all."""
    origins: dict[int, set[int]] = {}
    frontier = set(runs)
    starts = frozenset(frontier)
    while frontier:
        origins |= {run: set() for run in frontier}
        for run, origin in (*_came_of(frontier), *_nested_with(frontier)):
            origins[run].add(origin)
        frontier = {key for run in frontier for key in origins[run]} - origins.keys()
    return {run: _reached(run, origins) for run in starts}


def runs_that_came_of(runs: Iterable[int]) -> set[int]:
    """Return the keys of runs and of all that used what they made, whoever may see them.

    The other way round than `runs_in_lineages`, and without runs that are nested.
    """
    reached: set[int] = set()
    frontier = set(runs)
    while frontier:
        reached |= frontier
        made = DatasetInput.objects.produced().filter(run__in=frontier)
        same = Dataset.objects.same_data_as(made)
        used = DatasetInput.objects.used().filter(dataset__in=same)
        models = ModelUse.objects.filter(
            direction=UseDirection.INPUT, logged_model__source_run__in=frontier
        )
        users = used.values_list("run_id").union(models.values_list("run_id"))
        frontier = {run for (run,) in users} - reached
    return reached


def standing_on_sensitive_data(runs: Iterable[int]) -> set[int]:
    """Return those of the runs, by keys, whose lineage has data that are called sensitive.

    The same data under another name are the same data.
    """
    runs = set(runs)
    cards = DatasetCard.objects.calling_sensitive()
    # Where nothing is sensitive, nobody need walk.
    if not cards.exists():
        return set()
    lineages = runs_in_lineages(runs)
    sensitive = cards.filter(
        dataset__workspace=OuterRef("dataset__workspace"),
        dataset__digest=OuterRef("dataset__digest"),
    )
    uses = DatasetInput.objects.filter(run__in=set[int]().union(*lineages.values()))
    touched = set(uses.filter(Exists(sensitive)).values_list("run_id", flat=True))
    return {run for run, lineage in lineages.items() if lineage & touched}


def _reached(start: int, origins: Mapping[int, set[int]]) -> set[int]:
    reached: set[int] = set()
    frontier = {start}
    while frontier:
        reached |= frontier
        frontier = {key for run in frontier for key in origins[run]} - reached
    return reached


def _came_of(runs: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of a run and one that made data or a model that it used.

    Whoever made the same data under another name made them as well.
    """
    used = DatasetInput.objects.used().filter(run__in=runs)
    data = ("dataset__workspace", "dataset__digest")
    same = Dataset.objects.same_data_as(used)
    made = DatasetInput.objects.produced().filter(dataset__in=same)
    made_by = defaultdict(list)
    for maker, *content in made.values_list("run_id", *data):
        made_by[tuple(content)].append(maker)
    for run, *content in used.values_list("run_id", *data) if made_by else ():
        yield from ((run, maker) for maker in made_by[tuple(content)])
    models = ModelUse.objects.filter(
        run__in=runs,
        direction=UseDirection.INPUT,
        logged_model__source_run__isnull=False,
    )
    yield from models.values_list("run_id", "logged_model__source_run_id")


def _nested_with(runs: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of a run and one that it is or was nested in, or that was in it.

    Within one workspace, as a claim counts nowhere else: no stranger joins a lineage.
    """
    places = _by_place(Run.objects.filter(pk__in=runs))
    claims = Tag.objects.filter(run__in=runs, key=PARENT_TAG)
    former = FormerParent.objects.filter(run__in=runs)
    above = list(_said(claims, "value").union(_said(former, "parent_run_id")))
    wanted = Run.objects.filter(run_id__in={name for name, *_ in above})
    parents = _by_place(wanted) if above else {}
    for name, workspace, run in above:
        if (name, workspace) in parents:
            yield run, parents[name, workspace]
    names = [name for name, _ in places]
    was_below = FormerParent.objects.filter(parent_run_id__in=names)
    below = _said(nested_in(names), "value")
    for name, workspace, child in below.union(_said(was_below, "parent_run_id")):
        if (name, workspace) in places:
            yield places[name, workspace], child


def _said(rows: QuerySet[Any], parent: str) -> QuerySet[Any, tuple[str, int, int]]:
    """Return the parents that runs said they have, with the runs' workspace and key."""
    return rows.values_list(parent, "run__experiment__workspace", "run_id")


def _by_place(runs: QuerySet[Run]) -> dict[tuple[str, int], int]:
    """Return the keys of runs by their name and workspace."""
    places = runs.values_list("run_id", "experiment__workspace", "pk")
    return {(name, workspace): key for name, workspace, key in places}


def uses_of(
    digests: Iterable[str], *, workspace: Workspace, user: User
) -> QuerySet[DatasetInput]:
    """Return the uses of some data of a workspace in runs that the user may see."""
    return DatasetInput.objects.used().filter(
        dataset__workspace=workspace,
        dataset__digest__in=digests,
        run__in=_visible_runs(workspace, user),
    )


def _visible_runs(workspace: Workspace, user: User) -> RunQuerySet:
    return Run.objects.visible_to(user).filter(experiment__workspace=workspace)


def _walk(
    digests: Iterable[str],
    *,
    workspace: Workspace,
    entering: Uses,
    leaving: Uses,
    user: User,
) -> Walk:
    """Go from data to run to data, level by level, the same data once.

    Two queries a level.
    """
    visible = _visible_runs(workspace, user)
    steps: list[LineageStep] = []
    frontier = set(digests)
    seen = set(frontier)
    for depth in range(1, DEEPEST + 1):
        wanted = MOST_USES - len(steps)
        entered = list(
            entering()
            .filter(
                dataset__workspace=workspace,
                dataset__digest__in=frontier,
                run__in=visible,
            )
            .select_related("dataset", "run__experiment")
            .defer(*_LONG)
            .order_by("-run__started_at", "-pk")[: wanted + 1]
        )
        shown, is_cut = entered[:wanted], len(entered) > wanted
        beyond = _datasets_by_run(leaving(), shown)
        steps += [
            LineageStep(
                depth, use.dataset, use.run, use.context, beyond.get(use.run_id, ())
            )
            for use in shown
        ]
        reached = {other.digest for others in beyond.values() for other in others}
        frontier = reached - seen
        seen |= frontier
        if is_cut or not frontier or len(seen) > MOST_DATASETS:
            return Walk(tuple(steps), is_cut or bool(frontier))
    return Walk(tuple(steps), is_cut=True)


def _datasets_by_run(
    uses: QuerySet[DatasetInput], entered: Iterable[DatasetInput]
) -> dict[int, tuple[Dataset, ...]]:
    by_run: dict[int, tuple[Dataset, ...]] = {}
    of_runs = uses.filter(run__in={use.run_id for use in entered})
    for use in of_runs.select_related("dataset").defer(*_LONG).order_by("pk"):
        by_run[use.run_id] = (*by_run.get(use.run_id, ()), use.dataset)
    return by_run


def _made_by(runs: Iterable[Run], *, user: User) -> tuple[MadeModel, ...]:
    by_pk = {run.pk: run for run in runs}
    made = ModelUse.objects.filter(
        run__in=by_pk,
        direction=UseDirection.OUTPUT,
        logged_model__in=LoggedModel.objects.visible_to(user),
    )
    # A run may name a model at several steps.
    once = {
        (use.run_id, use.logged_model_id): MadeModel(
            by_pk[use.run_id], use.logged_model
        )
        for use in made.select_related("logged_model").order_by("pk")
    }
    return tuple(once.values())
