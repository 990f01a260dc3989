"""A run: one execution of training code, and the seals over its content."""

import secrets
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from guardian.shortcuts import get_objects_for_user

from tracking.models.experiment import Experiment, Lifecycle


class RunStatus(models.TextChoices):
    """MLflow's run status; no order is enforced, because its client re-opens runs."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


ENDED = frozenset({RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED})


def new_run_id() -> str:
    return secrets.token_hex(16)


def subject_of(run_id: str) -> str:
    """Return what entries call the run of this id."""
    return f"run/{run_id}"


class RunQuerySet(models.QuerySet["Run"]):
    """Questions about many runs."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            experiment__in=get_objects_for_user(
                user, "tracking.view_experiment", Experiment
            ).values("pk")
        )

    def to_be_sealed_again(self) -> Self:
        return self.filter(has_stale_seal=True, status__in=ENDED)


class Run(models.Model):
    """Known to clients by `run_id`; frozen for good once a promotion rests on it."""

    run_id = models.CharField(
        max_length=32, unique=True, default=new_run_id, editable=False
    )
    experiment = models.ForeignKey(Experiment, models.PROTECT, related_name="runs")
    name = models.CharField(max_length=250)
    status = models.CharField(
        max_length=10, choices=RunStatus, default=RunStatus.RUNNING
    )
    lifecycle_stage = models.CharField(
        max_length=10, choices=Lifecycle, default=Lifecycle.ACTIVE
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    # Somebody wrote to it since it ended and was sealed.
    has_stale_seal = models.BooleanField(default=False, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(
                fields=["experiment", "-started_at"], name="tracking_runs_newest_first"
            ),
            models.Index(fields=["experiment", "name"], name="tracking_runs_by_name"),
            models.Index(
                fields=["id"],
                condition=models.Q(has_stale_seal=True),
                name="tracking_runs_to_seal_again",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.run_id[:8]})"

    @property
    def subject(self) -> str:
        return subject_of(self.run_id)

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def is_active(self) -> bool:
        return self.lifecycle_stage == Lifecycle.ACTIVE

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None

    @property
    def artifact_uri(self) -> str:
        return f"mlflow-artifacts:/{self.experiment_id}/{self.run_id}/artifacts"


class RunSeal(models.Model):
    """The digest over everything that a run held when it ended; the newest one counts."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="seals")
    digest = models.CharField(max_length=71)
    sealed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.digest
