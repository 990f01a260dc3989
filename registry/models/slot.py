"""A slot: which version serves a model in an environment, and how it got there."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from registry.models.model_version import ModelVersion
from registry.models.promotion_request import PromotionRequest
from registry.models.registered_model import RegisteredModel


class SlotQuerySet(models.QuerySet["Slot"]):
    """Questions about many slots."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            registered_model__in=RegisteredModel.objects.visible_to(user)
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

    objects = SlotQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["registered_model", "environment"],
                name="registry_one_slot_per_model_and_environment",
            )
        ]

    def __str__(self) -> str:
        return f"{self.registered_model.name} in {self.environment}"


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
