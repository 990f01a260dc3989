"""A dataset by name and digest, and its use by a run."""

import json
from typing import ClassVar

from django.db import models

from tracking.models.run import Run
from tracking.models.workspace import Workspace


class Dataset(models.Model):
    """Immutable: other content has another digest and so is another dataset."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="datasets")
    name = models.CharField(max_length=500)
    digest = models.CharField(max_length=36)
    source_type = models.CharField(max_length=500)
    source = models.TextField()
    schema = models.TextField(blank=True)
    profile = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "name", "digest"],
                name="tracking_a_dataset_is_its_name_and_digest",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"

    @property
    def row_count(self) -> int | None:
        """Return `num_rows` of the profile, as MLflow's datasets state it."""
        try:
            rows = json.loads(self.profile)["num_rows"]
        except (ValueError, KeyError, TypeError):
            return None
        return rows if isinstance(rows, int) else None


class DatasetInput(models.Model):
    """A run used a dataset, in a context such as training or test."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="dataset_inputs")
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="uses")
    tags = models.JSONField(default=dict)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "dataset"], name="tracking_a_run_names_a_dataset_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id} in run {self.run_id}"

    @property
    def context(self) -> str:
        return str(self.tags.get("mlflow.data.context", ""))
