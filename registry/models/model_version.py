"""A model version: a number, an artifact digest and the run that made it."""

from collections.abc import Iterable
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from audit.errors import ConflictError
from registry.models.registered_model import RegisteredModel
from tracking.models import Artifact, LoggedModel, Run
from tracking.models.rights import is_seen


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """Questions about many versions."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            registered_model__in=RegisteredModel.objects.visible_to(user)
        )

    def seen_by(self, user: User) -> Self:
        """Keep what `visible_to` keeps, in the query itself."""
        view = "view_registeredmodel"
        return self.filter(
            is_seen(
                "registry", "registeredmodel", view, pk="registered_model", user=user
            )
        )

    def with_lineage(self) -> Self:
        return self.select_related(
            "registered_model__workspace",
            "source_run__experiment",
            "logged_model",
            "artifact",
        )


class ModelVersion(models.Model):
    """Append-only; its stage is derived from slots and requests, never stored."""

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="versions"
    )
    number = models.PositiveIntegerField()
    # As MLflow's clients name it, such as `runs:/<run id>/model`.
    source = models.TextField(blank=True)
    run_link = models.TextField(blank=True)
    # Null for an unlinked version, as some workspaces take them for a migration.
    source_run = models.ForeignKey(
        Run, models.PROTECT, null=True, blank=True, related_name="model_versions"
    )
    logged_model = models.ForeignKey(
        LoggedModel, models.PROTECT, null=True, blank=True, related_name="+"
    )
    # The one file that the version is, or else the folder of all its files, below the
    # logged model if there is one and below the source run otherwise.
    artifact = models.ForeignKey(
        Artifact, models.PROTECT, null=True, blank=True, related_name="+"
    )
    folder = models.CharField(max_length=1000, blank=True)
    # Null, not empty: versions without content are no second registration.
    artifact_sha256 = models.CharField(  # noqa: DJ001 - null differs from null
        max_length=64, null=True, blank=True, db_index=True
    )
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

    def subjects(self, of_model: Iterable[str]) -> list[str]:
        """As what the log knows the version, by the subjects of its model."""
        return [
            f"version/{subject.removeprefix('model/')}/{self.number}"
            for subject in of_model
        ]

    @property
    def linked_run(self) -> Run:
        """The source run; ConflictError if the version has none."""
        if self.source_run is None:
            raise self._unlinked()
        return self.source_run

    @property
    def linked_sha256(self) -> str:
        """The digest of the content; ConflictError if the content is not stored here."""
        if self.artifact_sha256 is None:
            raise self._unlinked()
        return self.artifact_sha256

    @property
    def is_retired(self) -> bool:
        """Say whether it, or its model as a whole, will not serve again."""
        return self.registered_model.retirements.of_version(self).exists()

    @property
    def path(self) -> str:
        """Where the content lies below the logged model or the source run."""
        return self.artifact.path if self.artifact else self.folder

    @property
    def content_name(self) -> str:
        """What people call the content: its path, below the name of a logged model."""
        name = self.logged_model.name if self.logged_model else ""
        return "/".join(part for part in (name, self.path) if part) or "all files"

    @property
    def artifact_uri(self) -> str:
        """Where clients download the content: as given, if it is not stored here."""
        holder = self.logged_model or self.source_run
        if holder is None or self.artifact_sha256 is None:
            return self.source
        below = f"/{self.path}" if self.path else ""
        return f"{holder.artifact_uri}{below}"

    def _unlinked(self) -> ConflictError:
        return ConflictError(
            "version_unlinked",
            f"{self} has no source run and no content in this installation, so nothing "
            f"can be shown for it. Register the model from a run that is logged here.",
        )
