"""A tag: a label of a run that may change; the log keeps what it was."""

from typing import ClassVar

from django.db import models

from tracking.models.run import Run


class Tag(models.Model):
    """The one part of a run that is overwritten; each write is an entry."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=8000)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "key"], name="tracking_a_tag_has_one_value"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
