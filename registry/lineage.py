"""What a version was made of, and what stands on data, code or a run: reading only.

Who may not see the source run is told of the version, and not of what is behind it.
"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Q

from registry.models import ModelVersion, PromotionRequest, Slot
from registry.models.model_version import ModelVersionQuerySet
from registry.models.slot import SlotQuerySet
from tracking.evidence import SourceTag, read_content
from tracking.lineage import (
    Walk,
    datasets_of,
    derived_from,
    derived_from_all,
    made_by_runs,
    origins_of,
    uses_of,
)
from tracking.models import Dataset, DatasetInput, Run, Workspace
from tracking.models.run import RunQuerySet


@dataclass(frozen=True)
class Code:
    """Which code a run says that it ran; None where no tag tells."""

    commit: str | None
    branch: str | None
    repository: str | None
    entry_point: str | None
    is_dirty: bool | None


@dataclass(frozen=True)
class VersionLineage:
    """Data, code and run behind a version, and how far it has come."""

    version: ModelVersion
    run: Run | None
    code: Code | None
    datasets: tuple[DatasetInput, ...]
    origins: Walk
    slots: tuple[Slot, ...]
    requests: tuple[PromotionRequest, ...]


@dataclass(frozen=True)
class Standing:
    """Versions and slots that stand on something; cut where there may be more."""

    versions: ModelVersionQuerySet
    slots: SlotQuerySet
    is_cut: bool


def lineage_of_version(version: ModelVersion, *, user: User) -> VersionLineage:
    """Return which data, code and run made a version, and where it serves."""
    run = (
        Run.objects.visible_to(user)
        .filter(model_versions=version)
        .select_related("experiment__workspace", "created_by")
        .first()
    )
    slots = version.slots.select_related("registered_model").order_by("environment")
    requests = version.promotion_requests.with_subject().order_by("pk")
    return VersionLineage(
        version=version,
        run=run,
        code=_code(run) if run else None,
        datasets=datasets_of(run).used if run else (),
        origins=origins_of(run, user=user) if run else Walk((), is_cut=False),
        slots=tuple(slots),
        requests=tuple(requests),
    )


def standing_on_dataset(dataset: Dataset, *, user: User) -> Standing:
    """Return what was made with a dataset, or with one that was made of it."""
    derived, is_cut = derived_from(dataset, user=user)
    uses = uses_of(derived, workspace=dataset.workspace, user=user)
    return _standing(Q(source_run__in=uses.values("run")), user, is_cut=is_cut)


def standing_on_runs(
    runs: RunQuerySet, *, workspace: Workspace, user: User
) -> Standing:
    """Return what some runs made: versions, and those made with their datasets."""
    made, is_cut = made_by_runs(runs)
    derived, is_deeper = derived_from_all(made, workspace=workspace, user=user)
    uses = uses_of(derived, workspace=workspace, user=user)
    came_of = Q(source_run__in=runs.values("pk")) | Q(source_run__in=uses.values("run"))
    return _standing(came_of, user, is_cut=is_cut or is_deeper)


def _standing(condition: Q, user: User, *, is_cut: bool) -> Standing:
    versions = ModelVersion.objects.visible_to(user).filter(condition)
    slots = Slot.objects.visible_to(user).filter(champion__in=versions)
    return Standing(versions, slots, is_cut)


def _code(run: Run) -> Code:
    content = read_content(run)
    return Code(
        commit=content.tag(SourceTag.COMMIT),
        branch=content.tag(SourceTag.BRANCH),
        repository=content.tag(SourceTag.REPOSITORY),
        entry_point=content.entry_point,
        is_dirty=content.is_dirty,
    )
