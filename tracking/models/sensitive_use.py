"""A run used sensitive data: noticed when it happens, and to be acknowledged in time."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from tracking.models.dataset import Dataset
from tracking.models.experiment import Experiment
from tracking.models.run import Run


class SensitiveUseQuerySet(models.QuerySet["SensitiveUse"]):
    """Questions about many uses."""

    def visible_to(self, user: User) -> Self:
        """Whoever sees the run's experiment sees what it used."""
        return self.filter(run__experiment__in=Experiment.objects.visible_to(user))

    def unacknowledged(self) -> Self:
        return self.filter(acknowledgement__isnull=True)

    def with_people(self) -> Self:
        return self.select_related(
            "run", "dataset__workspace", "acknowledgement__acknowledged_by"
        )


class SensitiveUse(models.Model):
    """Append-only; `labels` are those of the dataset's card at that moment."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="sensitive_uses")
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="sensitive_uses")
    labels = models.JSONField()
    noticed_at = models.DateTimeField()
    acknowledge_by = models.DateTimeField()

    objects = SensitiveUseQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "dataset"],
                name="tracking_a_sensitive_use_is_noticed_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id} in run {self.run_id}"


class Acknowledgement(models.Model):
    """Append-only: a steward or the ethics role has taken note of a sensitive use."""

    use = models.OneToOneField(
        SensitiveUse, models.PROTECT, related_name="acknowledgement"
    )
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=1000)
    acknowledged_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"sensitive use {self.use_id} acknowledged"
