"""What somebody stated about a model: cards, dependencies, and why its tier is its tier."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from registry.models.registered_model import RegisteredModel
from registry.models.tier import Tier

LONGEST_INTERVAL_MONTHS = 36


class Origin(models.TextChoices):
    """Who made the model; a vendor's is held to the same rules."""

    OWN = "own"
    VENDOR = "vendor"


class ModelCardQuerySet(models.QuerySet["ModelCard"]):
    """Questions about many cards."""

    def newest(self) -> Self:
        """Keep the card with the greatest number of each model: the one that counts."""
        later = ModelCard.objects.filter(
            registered_model=OuterRef("registered_model"), number__gt=OuterRef("number")
        )
        return self.filter(~Exists(later))

    def with_people(self) -> Self:
        return self.select_related("owner", "executive", "created_by").prefetch_related(
            "dependencies__upstream"
        )


class ModelCard(models.Model):
    """What somebody stated about a model; append-only, a later card replaces it whole.

    `revalidation_months` departs from the interval of the tier, and then says why.
    """

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="cards"
    )
    number = models.PositiveIntegerField()
    purpose = models.TextField()
    limits_of_use = models.TextField(blank=True)
    origin = models.CharField(max_length=6, choices=Origin)
    vendor = models.CharField(max_length=200, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    executive = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    revalidation_months = models.PositiveSmallIntegerField(null=True)
    revalidation_reason = models.CharField(max_length=2000, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelCardQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["registered_model", "number"],
                name="registry_card_numbers_are_unique_for_a_model",
            ),
            models.CheckConstraint(
                condition=Q(revalidation_months__isnull=True)
                | (
                    Q(revalidation_months__gte=1)
                    & Q(revalidation_months__lte=LONGEST_INTERVAL_MONTHS)
                    & ~Q(revalidation_reason="")
                ),
                name="registry_another_interval_has_its_reason",
            ),
            models.CheckConstraint(
                condition=Q(origin=Origin.OWN) | ~Q(vendor=""),
                name="registry_a_model_that_is_bought_names_its_vendor",
            ),
        ]

    def __str__(self) -> str:
        return f"card {self.number} of {self.registered_model}"


class ModelDependency(models.Model):
    """A model works with the output of another, as a card states; append-only."""

    card = models.ForeignKey(ModelCard, models.PROTECT, related_name="dependencies")
    upstream = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="dependants"
    )

    class Meta:
        verbose_name_plural = "model dependencies"
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["card", "upstream"],
                name="registry_a_card_names_an_upstream_model_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.upstream} on {self.card}"


class TierAssessment(models.Model):
    """Somebody signed which risk tier a model is in, and why; append-only."""

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="tier_assessments"
    )
    tier = models.PositiveSmallIntegerField(choices=Tier)
    former_tier = models.PositiveSmallIntegerField(choices=Tier, null=True)
    rationale = models.TextField()
    exposure = models.CharField(max_length=2000)
    signer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    printed_name = models.CharField(max_length=300)
    method = models.CharField(max_length=50)
    signed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(rationale=""),
                name="registry_a_tier_has_its_rationale",
            )
        ]

    def __str__(self) -> str:
        return f"{self.registered_model}: tier {self.tier}"
