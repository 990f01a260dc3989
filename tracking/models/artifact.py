"""An artifact: a file of a run, stored by its SHA-256."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef

from tracking.models.run import Run


class ArtifactQuerySet(models.QuerySet["Artifact"]):
    """Questions about many artifacts."""

    def current(self) -> Self:
        """Keep the newest upload of each path; older ones stay as history."""
        newer = Artifact.objects.filter(
            run=OuterRef("run"), path=OuterRef("path"), pk__gt=OuterRef("pk")
        )
        return self.filter(~Exists(newer)).order_by("path")


class Artifact(models.Model):
    """Append-only: a second upload to a path is a second row, and both are kept."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="artifacts")
    path = models.CharField(max_length=1000)
    sha256 = models.CharField(max_length=64, db_index=True)
    size_bytes = models.PositiveBigIntegerField()
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    uploaded_at = models.DateTimeField(auto_now_add=True)

    objects = ArtifactQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["run", "path"], name="tracking_artifacts_by_path")
        ]

    def __str__(self) -> str:
        return self.path
