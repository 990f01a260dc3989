"""Tags: labels of runs and experiments that may change; the log keeps what they were."""

from collections.abc import Iterable
from typing import ClassVar

from django.db import models

from tracking.models.experiment import Experiment
from tracking.models.pairs import insert_pairs
from tracking.models.run import Run

_OVERWRITE = "ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value"


class TagQuerySet(models.QuerySet["Tag"]):
    """Questions about many tags."""

    def put(self, run: Run, pairs: Iterable[tuple[str, str]]) -> None:
        """Store `(key, value)`; a key that has a value gets this one."""
        insert_pairs("tracking_tag", run, pairs, on_conflict=_OVERWRITE)


class Tag(models.Model):
    """The one part of a run that is overwritten; each write is an entry."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="tags")
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

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


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
