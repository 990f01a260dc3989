"""Experiments are created here."""

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import ConflictError, PermissionDeniedError
from audit.services import record
from tracking.events import TrackingEvent
from tracking.models import Experiment, Workspace
from tracking.permissions import EXPERIMENT_GRANTS, may_create_experiment
from tracking.services.roles import give_roles_their_permissions


def create_experiment(workspace: Workspace, *, name: str, actor: User) -> Experiment:
    """Create an experiment that the workspace's roles see and developers write."""
    if not may_create_experiment(actor, workspace):
        raise PermissionDeniedError(
            "may_not_create_experiment",
            f"You may not create experiments in {workspace}: ask for the developer role.",
        )
    with transaction.atomic():
        if Experiment.objects.filter(workspace=workspace, name=name).exists():
            raise ConflictError(
                "experiment_exists",
                f"The experiment {name!r} exists: use it or choose another name.",
            )
        experiment = Experiment.objects.create(
            workspace=workspace, name=name, created_by=actor
        )
        give_roles_their_permissions(experiment, EXPERIMENT_GRANTS, workspace)
        record(
            TrackingEvent.EXPERIMENT_CREATED,
            actor=actor,
            subject=experiment.subject,
            payload={"name": name},
        )
    return experiment
