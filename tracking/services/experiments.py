"""Experiments are created, renamed, labelled and archived here."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.errors import ConflictError, NotFoundError, PermissionDeniedError
from audit.services import record
from audit.tlog.canonical import digest
from tracking.events import TrackingEvent
from tracking.models import Experiment, ExperimentTag, Workspace
from tracking.models.experiment import DEFAULT_EXPERIMENT, Lifecycle
from tracking.permissions import EXPERIMENT_GRANTS, may_create_experiment, may_log_in
from tracking.services.roles import give_roles_their_permissions


def create_experiment(
    workspace: Workspace,
    *,
    name: str,
    tags: Mapping[str, str] | None = None,
    actor: User,
) -> Experiment:
    """Create an experiment that the workspace's roles see and developers write."""
    _refuse_unless_may_create(actor, workspace, name)
    with transaction.atomic():
        _refuse_taken(workspace, name)
        experiment = Experiment.objects.create(
            workspace=workspace, name=name, created_by=actor
        )
        ExperimentTag.objects.bulk_create(
            ExperimentTag(experiment=experiment, key=key, value=value)
            for key, value in (tags or {}).items()
        )
        give_roles_their_permissions(experiment, EXPERIMENT_GRANTS, workspace)
        record(
            TrackingEvent.EXPERIMENT_CREATED,
            actor=actor,
            subject=experiment.subject,
            payload={"name": name, "content": digest({"tags": tags or {}})},
        )
    return experiment


def experiment_in(home: Experiment | Workspace, *, actor: User) -> Experiment:
    """Return an experiment, or of a workspace the one where runs go that name none.

    The first of them makes it, in the caller's transaction, so that one which is refused
    leaves no experiment behind.
    """
    if isinstance(home, Experiment):
        return home
    found = Experiment.objects.select_related("workspace").filter(
        workspace=home, name=DEFAULT_EXPERIMENT
    )
    return found.first() or _first_in(home, found, actor=actor)


def _first_in(
    workspace: Workspace, found: QuerySet[Experiment], *, actor: User
) -> Experiment:
    # Only one makes it: the others wait here and look again.
    workspace = Workspace.objects.select_for_update().get(pk=workspace.pk)
    return found.all().first() or create_experiment(
        workspace, name=DEFAULT_EXPERIMENT, actor=actor
    )


def rename_experiment(experiment: Experiment, *, name: str, actor: User) -> None:
    """Give an active experiment a name that is free in its workspace.

    Whoever may create experiments below a prefix only renames within it.
    """
    with transaction.atomic():
        experiment = writable_experiment(experiment, actor=actor)
        if experiment.name != name:
            _refuse_unless_may_create(actor, experiment.workspace, name)
            _refuse_taken(experiment.workspace, name)
        experiment.name = name
        experiment.save(update_fields=["name", "updated_at"])
        record(
            TrackingEvent.EXPERIMENT_RENAMED,
            actor=actor,
            subject=experiment.subject,
            payload={"name": name},
        )


def tag_experiment(
    experiment: Experiment, *, key: str, value: str, actor: User
) -> None:
    """Label an active experiment; a label that is there gets the new value."""
    with transaction.atomic():
        experiment = writable_experiment(experiment, actor=actor)
        ExperimentTag.objects.update_or_create(
            experiment=experiment, key=key, defaults={"value": value}
        )
        experiment.save(update_fields=["updated_at"])
        record(
            TrackingEvent.EXPERIMENT_TAG_SET,
            actor=actor,
            subject=experiment.subject,
            payload={"content": digest({"key": key, "value": value})},
        )


def remove_experiment_tag(experiment: Experiment, *, key: str, actor: User) -> None:
    """Take a label away."""
    with transaction.atomic():
        experiment = writable_experiment(experiment, actor=actor)
        deleted, _ = experiment.tags.filter(key=key).delete()
        if not deleted:
            raise NotFoundError(
                "tag_unknown",
                f"The experiment {experiment} has no tag {key!r}: there is nothing to "
                f"remove.",
            )
        experiment.save(update_fields=["updated_at"])
        record(
            TrackingEvent.EXPERIMENT_TAG_REMOVED,
            actor=actor,
            subject=experiment.subject,
            payload={"content": digest({"key": key})},
        )


def archive_experiment(experiment: Experiment, *, actor: User) -> None:
    """Mark an experiment and its runs deleted, as MLflow says; nothing goes away.

    Refused while one of its runs is evidence of a promotion.
    """
    with transaction.atomic():
        experiment = _locked(experiment, actor=actor)
        if not experiment.is_active:
            raise NotFoundError(
                "experiment_archived_before",
                f"The experiment {experiment} is archived already.",
            )
        if experiment.runs.filter(frozen_at__isnull=False).exists():
            raise ConflictError(
                "experiment_holds_evidence",
                f"The experiment {experiment} holds runs that are evidence of promotion "
                f"requests: archive the other runs one by one.",
            )
        _move(experiment, Lifecycle.DELETED, TrackingEvent.EXPERIMENT_ARCHIVED, actor)


def restore_experiment(experiment: Experiment, *, actor: User) -> None:
    """Bring an archived experiment and all its runs back."""
    with transaction.atomic():
        experiment = _locked(experiment, actor=actor)
        if experiment.is_active:
            raise NotFoundError(
                "experiment_not_archived",
                f"The experiment {experiment} is active: there is nothing to restore.",
            )
        _move(experiment, Lifecycle.ACTIVE, TrackingEvent.EXPERIMENT_RESTORED, actor)


def writable_experiment(experiment: Experiment, *, actor: User) -> Experiment:
    """Return the experiment, locked, or refuse: first line of every write to it."""
    experiment = _locked(experiment, actor=actor)
    if not experiment.is_active:
        raise ConflictError(
            "experiment_archived",
            f"The experiment {experiment} is archived: restore it or use another one.",
        )
    return experiment


def _move(
    experiment: Experiment, to: Lifecycle, event: TrackingEvent, actor: User
) -> None:
    experiment.runs.exclude(lifecycle_stage=to).update(lifecycle_stage=to)
    experiment.lifecycle_stage = to
    experiment.updated_at = timezone.now()
    experiment.save(update_fields=["lifecycle_stage", "updated_at"])
    record(event, actor=actor, subject=experiment.subject, payload={})


def _locked(experiment: Experiment, *, actor: User) -> Experiment:
    if not may_log_in(actor, experiment):
        raise PermissionDeniedError(
            "may_not_log_run",
            f"You may not write in {experiment}: ask for the developer role.",
        )
    return (
        Experiment.objects.select_related("workspace")
        .select_for_update(of=("self",))
        .get(pk=experiment.pk)
    )


def _refuse_unless_may_create(actor: User, workspace: Workspace, name: str) -> None:
    if not may_create_experiment(actor, workspace, name=name):
        raise PermissionDeniedError(
            "may_not_create_experiment",
            f"You may not create experiments of this name in {workspace}: ask for the "
            f"developer role.",
        )


def _refuse_taken(workspace: Workspace, name: str) -> None:
    """Refuse a name that is taken; until the transaction ends nobody else takes it."""
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    found = Experiment.objects.filter(workspace=workspace, name=name).first()
    if found is None:
        return
    advice = (
        "use it or choose another name"
        if found.is_active
        else "it is archived: restore it or choose another name"
    )
    raise ConflictError(
        "experiment_exists", f"The experiment {name!r} exists: {advice}."
    )
