"""A rollback, and the freeze that follows until somebody has reviewed it."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from registry.models.finding import Finding
from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel
from registry.models.slot import Promotion, Slot


class Rollback(models.Model):
    """A slot went back to a version that still holds its approval; append-only."""

    slot = models.ForeignKey(Slot, models.PROTECT, related_name="rollbacks")
    rolled_back = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    promotion = models.ForeignKey(Promotion, models.PROTECT, related_name="rollbacks")
    finding = models.OneToOneField(Finding, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=2000)
    rolled_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    rolled_back_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"rollback {self.pk} in {self.slot}"


class FreezeQuerySet(models.QuerySet["Freeze"]):
    """Questions about many freezes."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            slot__registered_model__in=RegisteredModel.objects.visible_to(user)
        )

    def in_force(self) -> Self:
        return self.filter(lifting__isnull=True)

    def with_subject(self) -> Self:
        return self.select_related(
            "slot__registered_model__workspace",
            "slot__registered_model__owner",
            "rollback__rolled_back",
        )


class Freeze(models.Model):
    """Nothing is promoted into a slot until somebody lifts this; append-only."""

    slot = models.ForeignKey(Slot, models.PROTECT, related_name="freezes")
    rollback = models.OneToOneField(Rollback, models.PROTECT, related_name="freeze")
    frozen_at = models.DateTimeField()
    review_due_at = models.DateTimeField()

    objects = FreezeQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"freeze {self.pk} of {self.slot}"

    @property
    def subject(self) -> str:
        return f"freeze/{self.pk}"

    def is_review_overdue(self, now: datetime) -> bool:
        return self.review_due_at <= now


class FreezeLifting(models.Model):
    """Somebody other than who rolled back reviewed it, and signed; append-only."""

    freeze = models.OneToOneField(Freeze, models.PROTECT, related_name="lifting")
    conclusion = models.CharField(max_length=2000)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    printed_name = models.CharField(max_length=300)
    method = models.CharField(max_length=50)
    lifted_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"lifting of {self.freeze}"
