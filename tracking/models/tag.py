"""Tags: labels of runs and experiments that may change; what they were is kept."""

from collections.abc import Iterable
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Left

from tracking.models.experiment import Experiment
from tracking.models.pairs import (
    INDEXED_CHARACTERS,
    by_value,
    insert_pairs,
    pairs_of_run,
)
from tracking.models.run import Run

# By which the MLflow client says under which run a run is nested.
PARENT_TAG = "mlflow.parentRunId"
# By which the MLflow client says which code a run ran.
COMMIT_TAG = "mlflow.source.git.commit"
_OVERWRITE = "ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value"
# As `put()` for the row that what comes before calls `run`.
TAGS_OF_RUN = f"tagged AS ({pairs_of_run('tracking_tag', on_conflict=_OVERWRITE)})"


class TagQuerySet(models.QuerySet["Tag"]):
    """Questions about many tags."""

    def put(self, run: Run, pairs: Iterable[tuple[str, str]]) -> None:
        """Store `(key, value)`; a key that has a value gets this one."""
        insert_pairs("tracking_tag", run, pairs, on_conflict=_OVERWRITE)


class Tag(models.Model):
    """The one part of a run that is overwritten; each write is an entry.

    What it was before is kept as a `FormerTag`, by the database itself.
    """

    run = models.ForeignKey(Run, models.PROTECT, related_name="tags", db_index=False)
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=8000)

    objects = TagQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "key"], name="tracking_a_tag_has_one_value"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                Left("value", INDEXED_CHARACTERS),
                condition=Q(key=PARENT_TAG),
                name="tracking_children_of_a_run",
            ),
            models.Index(
                Left("value", INDEXED_CHARACTERS),
                condition=Q(key=COMMIT_TAG),
                name="tracking_runs_of_a_commit",
            ),
            by_value("tracking_tags_by_value"),
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class FormerAuthor(models.Model):
    """Whom a tag of a run named as an author of its commit until it was overwritten.

    Append-only: who wrote a commit is not undone by another tag.
    """

    run = models.ForeignKey(Run, models.PROTECT, related_name="former_authors")
    value = models.CharField(max_length=8000)
    replaced_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"former author of run {self.run_id}"


class FormerParent(models.Model):
    """The run that a run said it was nested in until its tag was overwritten.

    Append-only: who works in one lineage does not leave it by another tag.
    """

    run = models.ForeignKey(Run, models.PROTECT, related_name="former_parents")
    parent_run_id = models.CharField(max_length=32, db_index=True)
    replaced_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"former parent of run {self.run_id}"


class ExperimentTag(models.Model):
    """A label of an experiment."""

    experiment = models.ForeignKey(Experiment, models.PROTECT, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment", "key"],
                name="tracking_an_experiment_tag_has_one_value",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
