"""Runs are created, ended, archived and frozen here."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.services import record
from audit.tlog.canonical import digest
from tracking.access import locked_run
from tracking.events import TrackingEvent
from tracking.models import Experiment, Run, Tag, Workspace
from tracking.models.experiment import Lifecycle
from tracking.models.run import RunStatus
from tracking.models.tag import PARENT_TAG
from tracking.permissions import may_log_in
from tracking.services.experiments import experiment_in
from tracking.services.reproductions import compare_as_claimed
from tracking.services.sealing import keep_manifest, seal

RUN_NAME_TAG = "mlflow.runName"


def create_run(
    home: Experiment | Workspace,
    *,
    name: str,
    started_at: datetime,
    tags: dict[str, str],
    actor: User,
) -> Run:
    """Start a run; its author is the actor, whatever the tags claim.

    In an experiment, or in a workspace's default one.
    """
    with transaction.atomic():
        experiment = experiment_in(home, actor=actor)
        _refuse_unless_open(experiment, actor=actor)
        refuse_frozen_parent(experiment, tags)
        run = Run.objects.create(
            experiment=experiment, name=name, started_at=started_at, created_by=actor
        )
        Tag.objects.put(run, {**tags, RUN_NAME_TAG: name}.items())
        record(
            TrackingEvent.RUN_CREATED,
            actor=actor,
            subject=run.subject,
            payload={
                "experiment": experiment.subject,
                "content": digest({"name": name, "tags": tags}),
            },
        )
    return run


def _refuse_unless_open(experiment: Experiment, *, actor: User) -> None:
    if not may_log_in(actor, experiment):
        raise may_not_log(experiment)
    if not experiment.is_active:
        raise ConflictError(
            "experiment_archived",
            f"The experiment {experiment} is archived: restore it or use another one.",
        )


def refuse_frozen_parent(experiment: Experiment, tags: Mapping[str, str]) -> None:
    """Refuse to nest a run in one that a promotion rests on.

    Whoever worked in a lineage may not sign for it: nobody is drawn into it afterwards.
    """
    frozen = Run.objects.filter(
        run_id=tags.get(PARENT_TAG),
        experiment__workspace=experiment.workspace_id,
        frozen_at__isnull=False,
    )
    if PARENT_TAG in tags and frozen.exists():
        raise ConflictError(
            "parent_frozen",
            f"The run {tags[PARENT_TAG]} is frozen, because a promotion rests on it: no "
            f"run is nested in it any more.",
        )


def update_run(
    run: Run,
    *,
    status: RunStatus | None,
    ended_at: datetime | None,
    name: str | None,
    actor: User,
) -> Run:
    """Change status, end or name; ending a run seals its content.

    An end that is not named stays as it was, and one that is named is kept whatever the
    status, as MLflow does. A run that claims by a tag to reproduce another one is
    compared with it when it ends.
    """
    with transaction.atomic():
        run = writable(run, actor=actor)
        had_ended = run.has_ended
        before = (run.status, run.name, run.ended_at)
        run.status = status or run.status
        run.name = name or run.name
        if run.has_ended:
            run.ended_at = ended_at or run.ended_at or timezone.now()
        elif ended_at or had_ended:  # opened again: it has no end until it is told one
            run.ended_at = ended_at
        if before != (run.status, run.name, run.ended_at):
            _write_update(run, is_renamed=run.name != before[1], actor=actor)
        if run.has_ended:
            seal(run, actor=actor)
            compare_as_claimed(run, actor=actor)
    return run


def _write_update(run: Run, *, is_renamed: bool, actor: User) -> None:
    run.save(update_fields=["status", "name", "ended_at"])
    if is_renamed:
        Tag.objects.put(run, [(RUN_NAME_TAG, run.name)])
    record(
        TrackingEvent.RUN_UPDATED,
        actor=actor,
        subject=run.subject,
        payload={"status": run.status, "content": digest({"name": run.name})},
    )


def archive_run(run: Run, *, actor: User) -> None:
    """Mark a run deleted, as MLflow says; again changes nothing, and nothing goes away."""
    with transaction.atomic():
        run = locked(run, actor=actor)
        _refuse_frozen(run)
        if run.is_active:
            _move(run, Lifecycle.DELETED, TrackingEvent.RUN_ARCHIVED, actor)


def restore_run(run: Run, *, actor: User) -> None:
    """Bring an archived run back; an active one stays as it is."""
    with transaction.atomic():
        run = locked(run, actor=actor)
        if not run.is_active:
            _move(run, Lifecycle.ACTIVE, TrackingEvent.RUN_RESTORED, actor)


def _move(run: Run, to: Lifecycle, event: TrackingEvent, actor: User) -> None:
    run.lifecycle_stage = to
    run.save(update_fields=["lifecycle_stage"])
    record(event, actor=actor, subject=run.subject, payload={})


def writable(run: Run, *, actor: User) -> Run:
    """Return the run, locked, or refuse: first line of every write to its content.

    One that has ended is to be sealed again, which `seal_what_was_written_to` does.
    """
    run = refuse_unwritable(run, actor=actor)
    if run.has_ended and not run.has_stale_seal:
        run.has_stale_seal = True
        run.save(update_fields=["has_stale_seal"])
    return run


def refuse_unwritable(run: Run, *, actor: User) -> Run:
    """Return the run, locked, and leave it as it is; refuse what `writable` refuses."""
    run = locked(run, actor=actor)
    if not run.is_active:
        raise ConflictError(
            "run_archived", f"The run {run.run_id} is archived: restore it first."
        )
    _refuse_frozen(run)
    return run


def locked(run: Run, *, actor: User) -> Run:
    """Return the run, locked for somebody who may write it."""
    found = locked_run(run, user=actor)
    if found is None:
        raise may_not_log(run.experiment)
    return found


def _refuse_frozen(run: Run) -> None:
    if run.is_frozen:
        raise ConflictError(
            "run_frozen",
            f"The run {run.run_id} is evidence of a promotion and cannot change "
            f"any more. Log to a new run.",
        )


def may_not_log(experiment: Experiment) -> PermissionDeniedError:
    """Return the refusal of somebody who is not a developer there."""
    return PermissionDeniedError(
        "may_not_log_run",
        f"You may not log runs in {experiment}: ask for the developer role.",
    )


def freeze(run: Run, *, actor: User) -> Run:
    """Make an ended run evidence for good, in the caller's transaction.

    Returns the run as it is frozen; freezing it again changes nothing.
    """
    run = (
        Run.objects.select_related("experiment")
        .select_for_update(of=("self",))
        .get(pk=run.pk)
    )
    if not run.has_ended:
        raise ConflictError(
            "source_run_not_ended",
            f"The run {run.run_id} is {run.status}. End it, then ask again.",
        )
    if not run.is_frozen:
        run.frozen_at = timezone.now()
        run.has_stale_seal = False  # what is frozen is sealed by that
        run.save(update_fields=["frozen_at", "has_stale_seal"])
        record(
            TrackingEvent.RUN_FROZEN,
            actor=actor,
            subject=run.subject,
            payload={"content": keep_manifest(run)},
        )
    return run
