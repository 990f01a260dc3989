"""A model version: a number, an artifact digest and the run that made it."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from registry.models.registered_model import RegisteredModel
from tracking.models import Artifact, Run


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """Questions about many versions."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            registered_model__in=RegisteredModel.objects.visible_to(user)
        )

    def with_lineage(self) -> Self:
        return self.select_related(
            "registered_model__workspace", "source_run__experiment", "artifact"
        )


class ModelVersion(models.Model):
    """Append-only; its stage is derived from slots and requests, never stored."""

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="versions"
    )
    number = models.PositiveIntegerField()
    source_run = models.ForeignKey(Run, models.PROTECT, related_name="model_versions")
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="+")
    artifact_sha256 = models.CharField(max_length=64, db_index=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["registered_model", "number"],
                name="registry_version_numbers_are_unique",
            ),
            models.UniqueConstraint(
                fields=["registered_model", "artifact_sha256"],
                name="registry_an_artifact_is_one_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.registered_model.name} v{self.number}"

    @property
    def subject(self) -> str:
        model = self.registered_model
        return f"version/{model.workspace.name}/{model.name}/{self.number}"
