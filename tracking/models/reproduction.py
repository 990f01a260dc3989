"""A reproduction: a run that did another one again, and how near it came."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q

from tracking.models.run import Run


class ReproductionLevel(models.TextChoices):
    """How near the metrics came, the strictest first."""

    BITWISE = "bitwise"
    TOLERANCE = "tolerance"
    STATISTICAL = "statistical"
    NONE = "none"


class ReproductionQuerySet(models.QuerySet["Reproduction"]):
    """Questions about many reproductions."""

    def visible_to(self, user: User) -> Self:
        """Keep those of which the user may see both runs."""
        visible = Run.objects.visible_to(user).values("pk")
        return self.filter(run__in=visible, original__in=visible)

    def about(self, run: Run) -> Self:
        """Keep what the run reproduces, and what reproduces it."""
        return self.filter(Q(run=run) | Q(original=run)).order_by("pk")


class Reproduction(models.Model):
    """Append-only: one comparison of two ended runs, as they were then.

    `content` is the digest over what was compared and how.
    """

    run = models.ForeignKey(Run, models.PROTECT, related_name="reproduces")
    original = models.ForeignKey(Run, models.PROTECT, related_name="reproductions")
    level_reached = models.CharField(max_length=11, choices=ReproductionLevel)
    tolerances = models.JSONField()
    comparison = models.JSONField()
    content = models.CharField(max_length=71)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ReproductionQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(run=F("original")),
                name="tracking_no_run_reproduces_itself",
            )
        ]

    def __str__(self) -> str:
        return f"run {self.run_id} reproduces run {self.original_id}"
