"""An artifact: a file of a run or of a logged model, stored by its SHA-256."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Concat, Left

from tracking.models.logged_model import LoggedModel
from tracking.models.run import Run


class ArtifactQuerySet(models.QuerySet[Any]):
    """Questions about many artifacts."""

    def current(self) -> Self:
        """Keep the newest upload of each path, unless it was removed.

        Older uploads stay as history.
        """
        owner = self.model.OWNER
        newer = self.model.objects.filter(
            path=OuterRef("path"), pk__gt=OuterRef("pk"), **{owner: OuterRef(owner)}
        )
        return self.filter(~Exists(newer), removal=None).order_by("path")

    def below(self, folder: str) -> Self:
        """Keep what stands below a folder, minding case, which SQLite's LIKE does not."""
        if not folder:
            return self.all()
        start = f"{folder}/"
        return self.alias(start=Left("path", len(start))).filter(start=start)

    def at_or_below(self, path: str) -> Self:
        """Keep the file of this path, or all files of the folder."""
        start = f"{path}/"
        as_folder = Concat("path", Value("/"), output_field=models.TextField())
        return self.alias(start=Left(as_folder, len(start))).filter(start=start)


class StoredArtifact(models.Model):
    """Append-only: a second upload to a path is a second row, and both are kept."""

    OWNER: ClassVar[str]

    path = models.CharField(max_length=1000)
    sha256 = models.CharField(max_length=64, db_index=True)
    size_bytes = models.PositiveBigIntegerField()
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    uploaded_at = models.DateTimeField(auto_now_add=True)

    objects = ArtifactQuerySet.as_manager()

    class Meta:
        abstract = True
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.path


class Artifact(StoredArtifact):
    """A file of a run."""

    OWNER = "run"

    run = models.ForeignKey(Run, models.PROTECT, related_name="artifacts")

    class Meta(StoredArtifact.Meta):
        indexes: ClassVar = [
            models.Index(fields=["run", "path"], name="tracking_artifacts_by_path")
        ]


class LoggedModelArtifact(StoredArtifact):
    """A file of a logged model."""

    OWNER = "logged_model"

    logged_model = models.ForeignKey(
        LoggedModel, models.PROTECT, related_name="artifacts"
    )

    class Meta(StoredArtifact.Meta):
        indexes: ClassVar = [
            models.Index(
                fields=["logged_model", "path"], name="tracking_model_files_by_path"
            )
        ]


class Removal(models.Model):
    """Append-only: the file is no longer listed, and is kept."""

    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    removed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        default_permissions = ("view",)


class ArtifactRemoval(Removal):
    """Somebody took an artifact off the list of its run."""

    artifact = models.OneToOneField(Artifact, models.PROTECT, related_name="removal")

    class Meta(Removal.Meta):
        pass

    def __str__(self) -> str:
        return f"removal of artifact {self.artifact_id}"


class LoggedModelArtifactRemoval(Removal):
    """Somebody took a file off the list of its logged model."""

    artifact = models.OneToOneField(
        LoggedModelArtifact, models.PROTECT, related_name="removal"
    )

    class Meta(Removal.Meta):
        pass

    def __str__(self) -> str:
        return f"removal of file {self.artifact_id}"
