"""How the catalogue lists a version: the part of it that may change.

`ModelVersion` is append-only; whatever somebody may edit of a version stands here.
"""

from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel


class Stage(models.TextChoices):
    """MLflow's stages."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


# A stage that stands for an environment is a view of its slot once that is governed.
ENVIRONMENT_OF = {Stage.STAGING: "staging", Stage.PRODUCTION: "production"}


class VersionListingQuerySet(models.QuerySet["VersionListing"]):
    """Questions about many listings."""

    def active(self) -> Self:
        return self.filter(archived_at=None)


class VersionListing(models.Model):
    """`stage` counts only where nothing governs its environment."""

    version = models.OneToOneField(
        ModelVersion, models.PROTECT, primary_key=True, related_name="listing"
    )
    # Repeated from the version, so that one index finds the latest of each stage.
    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="+", db_index=False
    )
    description = models.TextField(blank=True)
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.NONE)
    updated_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = VersionListingQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(stage__in=sorted(Stage.values)),
                name="registry_a_stage_is_one_of_mlflows",
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["registered_model", "stage", "-version"],
                condition=models.Q(archived_at=None),
                name="registry_latest_of_each_stage",
            ),
            models.Index(
                fields=["-updated_at", "-version"],
                condition=models.Q(archived_at=None),
                name="registry_versions_as_updated",
            ),
        ]

    def __str__(self) -> str:
        return f"listing of version {self.version_id}"

    def touch(self, now: datetime, **changes: object) -> None:
        """Store changes with their time."""
        for field, value in changes.items():
            setattr(self, field, value)
        self.updated_at = now
        self.save(update_fields=[*changes, "updated_at"])
