"""An experiment: the runs that answer one question."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from guardian.shortcuts import get_objects_for_user

from tracking.models.workspace import Workspace


class Lifecycle(models.TextChoices):
    """MLflow's lifecycle stage; deleting is archiving, nothing goes away."""

    ACTIVE = "active"
    DELETED = "deleted"


DEFAULT_EXPERIMENT = "Default"


class ExperimentQuerySet(models.QuerySet["Experiment"]):
    """Questions about many experiments."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            pk__in=get_objects_for_user(user, "tracking.view_experiment").values("pk")
        )


class Experiment(models.Model):
    """Its permissions decide who sees its runs and who may write them."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="experiments")
    name = models.CharField(max_length=500)
    lifecycle_stage = models.CharField(
        max_length=10, choices=Lifecycle, default=Lifecycle.ACTIVE
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ExperimentQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [("log_run", "May log runs in this experiment")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="tracking_experiment_names_are_unique_in_a_workspace",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.lifecycle_stage == Lifecycle.ACTIVE

    @property
    def artifact_location(self) -> str:
        return f"mlflow-artifacts:/{self.pk}"

    @property
    def subject(self) -> str:
        return f"experiment/{self.workspace.name}/{self.pk}"
