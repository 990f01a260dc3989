"""A challenger: a version that runs beside the champion of a slot, to be compared."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet

from registry.models.model_version import ModelVersion
from registry.models.slot import Promotion, Slot


class ChallengerQuerySet(models.QuerySet["Challenger"]):
    """Questions about many challengers."""

    def running(self) -> QuerySet["Challenger"]:
        """Keep those that nobody withdrew and that have not taken the slot since."""
        won = Promotion.objects.filter(
            slot=OuterRef("slot"),
            request__model_version=OuterRef("model_version"),
            promoted_at__gte=OuterRef("added_at"),
        )
        return self.filter(~Exists(won), removal__isnull=True)


class Challenger(models.Model):
    """Append-only; `number` counts how many were tried, for selection favours the lucky.

    `same_datasets` says whether the source runs of both worked with the same datasets,
    and is null where there was no champion.
    """

    slot = models.ForeignKey(Slot, models.PROTECT, related_name="challengers")
    number = models.PositiveIntegerField()
    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="challenges"
    )
    champion = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, related_name="+"
    )
    same_datasets = models.BooleanField(null=True)
    reason = models.CharField(max_length=2000)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    added_at = models.DateTimeField()

    objects = ChallengerQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["slot", "number"],
                name="registry_challengers_of_a_slot_are_counted",
            )
        ]

    def __str__(self) -> str:
        return f"challenger {self.number} of {self.slot}"


class ChallengerRemoval(models.Model):
    """Somebody withdrew a challenger; append-only."""

    challenger = models.OneToOneField(
        Challenger, models.PROTECT, related_name="removal"
    )
    reason = models.CharField(max_length=2000)
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    removed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"removal of {self.challenger}"
