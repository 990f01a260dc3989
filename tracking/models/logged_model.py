"""A logged model of MLflow 3: a model that a run made, before anybody registers it."""

import secrets
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, models
from django.db.models.functions import Concat
from guardian.shortcuts import get_objects_for_user

from tracking.models.experiment import Experiment, Lifecycle
from tracking.models.run import ENDED, Run

SUBJECT = "logged-model/"


class LoggedModelStatus(models.TextChoices):
    """MLflow's status; it may also go backwards, as MLflow's does."""

    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


class UseDirection(models.TextChoices):
    """Whether a run made a model or worked with it."""

    INPUT = "input"
    OUTPUT = "output"


# By hand, because each write to a model asks it.
_SEALS_ARE_STALE = f"""
UPDATE tracking_run SET has_stale_seal = true
WHERE id IN (SELECT u.run_id FROM tracking_modeluse u
        WHERE u.logged_model_id = %s AND u.direction = '{UseDirection.OUTPUT}')
    AND NOT has_stale_seal AND frozen_at IS NULL
    AND status IN ({", ".join(f"'{status}'" for status in sorted(ENDED))})
"""  # noqa: S608 - words of this module


def new_model_id() -> str:
    return f"m-{secrets.token_hex(16)}"


class LoggedModelQuerySet(models.QuerySet["LoggedModel"]):
    """Questions about many logged models."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            experiment__in=get_objects_for_user(
                user, "tracking.view_experiment", Experiment
            ).values("pk")
        )

    def active(self) -> Self:
        return self.filter(lifecycle_stage=Lifecycle.ACTIVE)

    def subjects(self) -> models.QuerySet["LoggedModel", str]:
        """As what the log knows them."""
        subject = Concat(models.Value(SUBJECT), "model_id")
        return self.order_by().values_list(subject, flat=True)


class LoggedModel(models.Model):
    """Its status moves; its params, metrics and files are append-only."""

    model_id = models.CharField(
        max_length=34, unique=True, default=new_model_id, editable=False
    )
    experiment = models.ForeignKey(
        Experiment, models.PROTECT, related_name="logged_models"
    )
    source_run = models.ForeignKey(
        Run, models.PROTECT, null=True, related_name="logged_models"
    )
    name = models.CharField(max_length=500)
    model_type = models.CharField(max_length=500, blank=True)
    status = models.CharField(
        max_length=10, choices=LoggedModelStatus, default=LoggedModelStatus.PENDING
    )
    lifecycle_stage = models.CharField(
        max_length=10, choices=Lifecycle, default=Lifecycle.ACTIVE
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = LoggedModelQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(
                fields=["experiment", "-created_at"],
                name="tracking_models_newest_first",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.model_id[:10]})"

    @property
    def subject(self) -> str:
        return f"{SUBJECT}{self.model_id}"

    @property
    def is_active(self) -> bool:
        return self.lifecycle_stage == Lifecycle.ACTIVE

    @property
    def is_frozen(self) -> bool:
        return self.source_run is not None and self.source_run.is_frozen

    @property
    def artifact_uri(self) -> str:
        return (
            f"mlflow-artifacts:/{self.experiment_id}/models/{self.model_id}/artifacts"
        )


class LoggedModelParam(models.Model):
    """One input of a logged model, immutable from the first write."""

    logged_model = models.ForeignKey(LoggedModel, models.PROTECT, related_name="params")
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=6000)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["logged_model", "key"],
                name="tracking_a_model_param_has_one_value",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class LoggedModelTag(models.Model):
    """A label of a logged model, which may be overwritten."""

    logged_model = models.ForeignKey(LoggedModel, models.PROTECT, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=8000)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["logged_model", "key"],
                name="tracking_a_model_tag_has_one_value",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class LoggedModelMetric(models.Model):
    """A point of a run that tells of a logged model, on a dataset if it names one."""

    logged_model = models.ForeignKey(
        LoggedModel, models.PROTECT, related_name="metrics"
    )
    run = models.ForeignKey(Run, models.PROTECT, related_name="model_metrics")
    key = models.CharField(max_length=250)
    value = models.FloatField()
    is_nan = models.BooleanField(default=False)
    timestamp_ms = models.BigIntegerField()
    step = models.BigIntegerField(default=0)
    dataset_name = models.CharField(max_length=500, blank=True)
    dataset_digest = models.CharField(max_length=36, blank=True)

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(
                fields=["logged_model", "key", "value"],
                name="tracking_model_metrics_by_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


def mark_seals_stale(model: LoggedModel) -> None:
    """Have the ended runs that made a model sealed again, unless they are frozen."""
    with connection.cursor() as cursor:
        cursor.execute(_SEALS_ARE_STALE, [model.pk])


class ModelUse(models.Model):
    """A run made a logged model, or worked with it."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="model_uses")
    logged_model = models.ForeignKey(LoggedModel, models.PROTECT, related_name="uses")
    direction = models.CharField(max_length=6, choices=UseDirection)
    step = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "logged_model", "direction", "step"],
                name="tracking_a_run_names_a_model_once_at_a_step",
            )
        ]

    def __str__(self) -> str:
        return f"{self.logged_model_id} as {self.direction} of run {self.run_id}"
