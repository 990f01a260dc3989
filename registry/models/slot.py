"""A slot: which version serves a model in an environment, and how it got there."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from registry.models.model_version import ModelVersion
from registry.models.promotion_request import PromotionRequest
from registry.models.registered_model import RegisteredModel


class SlotQuerySet(models.QuerySet["Slot"]):
    """Questions about many slots."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            registered_model__in=RegisteredModel.objects.visible_to(user)
        )

    def with_champion(self) -> Self:
        """Fetch what `serving` reads."""
        return self.select_related(
            "registered_model__workspace",
            "champion__registered_model",
            "break_glass__fallback__registered_model",
        )


class Slot(models.Model):
    """The champion of a model in an environment; `Promotion` keeps the history."""

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="slots"
    )
    environment = models.SlugField(max_length=50)
    champion = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, related_name="slots"
    )

    # Set while the champion serves in an emergency, without an approval.
    break_glass = models.ForeignKey(
        "registry.BreakGlassConfirmation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )

    objects = SlotQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["registered_model", "environment"],
                name="registry_one_slot_per_model_and_environment",
            ),
            models.CheckConstraint(
                condition=Q(break_glass__isnull=True) | Q(champion__isnull=False),
                name="registry_an_emergency_has_its_champion",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.registered_model.name} in {self.environment}"

    @property
    def subject(self) -> str:
        model = self.registered_model
        return f"slot/{model.workspace.name}/{model.name}/{self.environment}"

    def subjects(self, of_model: Iterable[str]) -> list[str]:
        """As what the log knows the slot, by the subjects of its model."""
        return [
            f"slot/{subject.removeprefix('model/')}/{self.environment}"
            for subject in of_model
        ]

    @property
    def approved_champion(self) -> ModelVersion | None:
        """Return who serves, or would but for an emergency: others are compared with it."""
        return self.break_glass.fallback if self.break_glass else self.champion

    def serving(self, now: datetime) -> ModelVersion | None:
        """Return the champion; once an emergency is over, who served before it.

        Nobody, if that one was retired meanwhile.
        """
        if not (self.break_glass and self.break_glass.has_expired(now)):
            return self.champion
        fallback = self.break_glass.fallback
        return None if fallback is None or fallback.is_retired else fallback


class Promotion(models.Model):
    """A version took a slot, on an approved request; append-only."""

    slot = models.ForeignKey(Slot, models.PROTECT, related_name="promotions")
    request = models.OneToOneField(
        PromotionRequest, models.PROTECT, related_name="promotion"
    )
    superseded = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, related_name="+"
    )
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    promoted_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"promotion of {self.request}"
