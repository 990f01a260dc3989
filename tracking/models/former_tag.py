"""What labels were before they were overwritten or removed, whatever they were of."""

from collections.abc import Iterable
from typing import ClassVar, Self

from django.db import models


class FormerTagQuerySet(models.QuerySet["FormerTag"]):
    """Questions about many former tags."""

    def of(self, subjects: Iterable[str]) -> Self:
        """Keep those of what the log calls by one of these, newest first."""
        return self.filter(subject__in=subjects).order_by("-pk")


class FormerTag(models.Model):
    """Append-only, and written by triggers alone: no door gets past them.

    Of runs, experiments, logged models, registered models and versions, each by the
    subject that entries of the log had at that time.
    """

    subject = models.TextField()
    key = models.CharField(max_length=250)
    value = models.TextField()
    ended_at = models.DateTimeField()

    objects = FormerTagQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["subject"], name="tracking_former_tags")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}, until {self.ended_at:%Y-%m-%d}"
