"""An artifact: a file of a run or of a logged model, stored by its SHA-256."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import connection, models
from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Concat, Left

from tracking.models.logged_model import LoggedModel
from tracking.models.rows import (
    columns,
    fetched,
    list_of,
    taken,
    with_any_of_texts,
)
from tracking.models.run import Run

# By hand, because it is most of what the download of a small file costs.
_NEWEST = """
SELECT f.sha256, f.size_bytes, r.id IS NULL FROM {files} f
LEFT JOIN {removals} r ON r.artifact_id = f.id
WHERE f.{owner}_id = %s AND f.path = %s ORDER BY f.id DESC LIMIT 1
"""
# By hand, because every upload of a file of a logged model asks it.
_IN_THE_WAY = """
SELECT f.path FROM {files} f
WHERE f.{owner}_id = %s AND (substr(f.path, 1, %s) = %s OR f.path {any_of_texts})
    AND NOT EXISTS (SELECT 1 FROM {files} n
        WHERE n.{owner}_id = f.{owner}_id AND n.path = f.path AND n.id > f.id)
    AND NOT EXISTS (SELECT 1 FROM {removals} r WHERE r.artifact_id = f.id)
ORDER BY f.path LIMIT 1
"""
# By hand, because a version is registered of them: by the ORM it took longer to put the
# query together than to answer it.
_CURRENT = """
SELECT {columns} FROM {files} f
WHERE f.{owner}_id = %s AND substr(f.path || '/', 1, %s) = %s
    AND NOT EXISTS (SELECT 1 FROM {files} n
        WHERE n.{owner}_id = f.{owner}_id AND n.path = f.path AND n.id > f.id)
    AND NOT EXISTS (SELECT 1 FROM {removals} r WHERE r.artifact_id = f.id)
ORDER BY f.path
"""
# Within the statement that names `run` first; for a file of that run, if nothing is
# in the way (`path_in_the_way`).
ARTIFACT_OF_RUN = """
changed AS (
    INSERT INTO tracking_artifact
        (run_id, path, sha256, size_bytes, uploaded_by_id, uploaded_at)
    SELECT run.id, %s, %s, %s, %s, %s FROM run WHERE run.experiment_id = %s
        AND NOT EXISTS (SELECT 1 FROM tracking_artifact f
            WHERE f.run_id = run.id
                AND (substr(f.path, 1, %s) = %s OR f.path = ANY(%s::text[]))
                AND NOT EXISTS (SELECT 1 FROM tracking_artifact n
                    WHERE n.run_id = f.run_id AND n.path = f.path AND n.id > f.id)
                AND NOT EXISTS (SELECT 1 FROM tracking_artifactremoval m
                    WHERE m.artifact_id = f.id))
    RETURNING id)
"""


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


def folders_of(path: str) -> list[str]:
    """Return the folders that lead to a path: `a` and `a/b` of `a/b/c`."""
    names = path.split("/")
    return ["/".join(names[:length]) for length in range(1, len(names))]


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


def newest_at(holder: Run | LoggedModel, path: str) -> tuple[str, int] | None:
    """Return SHA-256 and bytes of the newest upload of a path, unless it was removed."""
    with connection.cursor() as cursor:
        cursor.execute(_of(holder, _NEWEST), [holder.pk, path])
        sha256, size_bytes, is_there = cursor.fetchone() or ("", 0, False)
    return (sha256, size_bytes) if is_there else None


def files_at(holder: Run | LoggedModel, path: str) -> tuple[StoredArtifact, ...]:
    """Return the current file of a path, or all files of the folder, by their paths."""
    files, names = _TABLES[type(holder)].files, _TABLES[type(holder)].names
    start = f"{path}/" if path else ""
    found = fetched(_of(holder, _CURRENT), [holder.pk, len(start), start])
    return tuple(taken(files, names, row)[0] for row in found)


def path_in_the_way(holder: Run | LoggedModel, path: str) -> str | None:
    """Return a current file that is a folder of this path, or of which this is a folder."""
    start = f"{path}/"
    sql = with_any_of_texts(_of(holder, _IN_THE_WAY, any_of_texts="{any_of_texts}"))
    rows = fetched(sql, [holder.pk, len(start), start, list_of(folders_of(path))])
    return rows[0][0] if rows else None


@dataclass(frozen=True)
class _Tables:
    files: type[StoredArtifact]
    removals: type[Removal]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(field.attname for field in self.files._meta.concrete_fields)


_TABLES: dict[type[models.Model], _Tables] = {
    Run: _Tables(Artifact, ArtifactRemoval),
    LoggedModel: _Tables(LoggedModelArtifact, LoggedModelArtifactRemoval),
}


def _of(holder: Run | LoggedModel, sql: str, **kept: str) -> str:
    tables = _TABLES[type(holder)]
    return sql.format(
        columns=columns("f", tables.names),
        files=tables.files._meta.db_table,
        removals=tables.removals._meta.db_table,
        owner=tables.files.OWNER,
        **kept,
    )
