"""Reproductions are declared here, by hand or by a run's own tag."""

import math
from collections import defaultdict
from dataclasses import asdict

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from audit.services import record
from tracking.events import TrackingEvent
from tracking.evidence import SourceTag, read_content
from tracking.models import LatestMetric, Reproduction, Run
from tracking.permissions import may_log_in
from tracking.reproduction import (
    Tolerances,
    claimed_original,
    compare,
    compared_content,
)

DEFAULT = Tolerances()


def declare_reproduction(
    run: Run,
    *,
    original: Run,
    relative_tolerance: float = DEFAULT.relative,
    absolute_tolerance: float = DEFAULT.absolute,
    actor: User,
) -> Reproduction:
    """Compare two ended runs and keep what was found; the same find is kept once."""
    if not may_log_in(actor, run.experiment):
        raise PermissionDeniedError(
            "may_not_log_run",
            f"You may not write in {run.experiment}: ask for the developer role.",
        )
    tolerances = Tolerances(relative_tolerance, absolute_tolerance)
    _refuse_odd(tolerances)
    is_elsewhere = run.experiment.workspace_id != original.experiment.workspace_id
    seen = Run.objects.visible_to(actor).filter(pk=original.pk)
    if is_elsewhere or not seen.exists():
        raise NotFoundError(
            "run_unknown",
            f"There is no run {original.run_id!r} that you may see: check the id.",
        )
    if run.pk == original.pk:
        raise InvalidError(
            "reproduces_itself",
            "A run does not reproduce itself: name the run that it did again.",
        )
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run.pk)
        for wanted in (run, original):
            if not wanted.has_ended:
                raise ConflictError(
                    "run_not_ended",
                    f"The run {wanted.run_id} is {wanted.status}: end it, then compare.",
                )
        return _compared(run, original, tolerances, actor=actor)


def compare_as_claimed(run: Run, *, actor: User) -> None:
    """Compare a run that ends with the one that its tag claims to reproduce.

    In the caller's transaction. A claim that cannot be followed stops nothing: the
    run's page says so.
    """
    claimed = run.tags.filter(key=SourceTag.REPRODUCES).values_list("value", flat=True)
    for value in claimed:
        original = claimed_original(run, value, viewer=actor)
        if original is None or original.pk == run.pk or not original.has_ended:
            return
        _compared(run, original, DEFAULT, actor=actor, is_new_content_wanted=True)


def _compared(
    run: Run,
    original: Run,
    tolerances: Tolerances,
    *,
    actor: User,
    is_new_content_wanted: bool = False,
) -> Reproduction:
    here, there = read_content(run), read_content(original)
    content = compared_content(here, there, tolerances)
    newest = (
        Reproduction.objects.filter(run=run, original=original).order_by("pk").last()
    )
    is_same = newest is not None and newest.content == content
    if newest and is_same and is_new_content_wanted:
        return newest
    found = compare(
        here, there, tolerances=tolerances, earlier=_earlier_values(run, original)
    )
    if newest and is_same and newest.comparison == found.details:
        return newest
    reproduction = Reproduction.objects.create(
        run=run,
        original=original,
        level_reached=found.level,
        tolerances=asdict(tolerances),
        comparison=found.details,
        content=content,
        created_by=actor,
    )
    record(
        TrackingEvent.RUN_REPRODUCED,
        actor=actor,
        subject=run.subject,
        payload={
            "original": original.subject,
            "level": found.level,
            "content": content,
        },
    )
    return reproduction


def _earlier_values(run: Run, original: Run) -> dict[str, list[float]]:
    """Return the metrics of other runs that did the original again, by metric.

    A run counts once, and only if its newest comparison found the same inputs.
    """
    others = Reproduction.objects.filter(original=original).exclude(run=run)
    found = others.order_by("pk").values_list("run_id", "comparison__has_same_inputs")
    newest = dict(found)  # the last of a run stays
    counted = [other for other, has_same_inputs in newest.items() if has_same_inputs]
    values: dict[str, list[float]] = defaultdict(list)
    for point in LatestMetric.objects.filter(run__in=counted).order_by("pk"):
        values[point.key].append(point.number)
    return values


def _refuse_odd(tolerances: Tolerances) -> None:
    relative, absolute = tolerances.relative, tolerances.absolute
    is_sane = 0 <= relative <= 1 and absolute >= 0 and math.isfinite(absolute)
    if not is_sane:
        raise InvalidError(
            "tolerance_invalid",
            "A relative tolerance lies from 0 to 1 and an absolute one is not negative: "
            "correct them.",
        )
