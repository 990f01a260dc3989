"""Promotion in an emergency: one person asks, another confirms, and it ends by itself."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from registry.models.delegation import Delegation
from registry.models.finding import Finding
from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel
from registry.models.sign_off import SignerRole
from registry.models.slot import Slot

LONGEST_HOURS = 24


class BreakGlassQuerySet(models.QuerySet["BreakGlass"]):
    """Questions about many of them."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            slot__registered_model__in=RegisteredModel.objects.visible_to(user)
        )


class BreakGlass(models.Model):
    """Somebody asks to let a version serve without an approval; append-only."""

    slot = models.ForeignKey(Slot, models.PROTECT, related_name="break_glasses")
    model_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=2000)
    hours = models.PositiveSmallIntegerField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    asked_as = models.CharField(max_length=20, choices=SignerRole)
    # Set if they signed for somebody else.
    delegation = models.ForeignKey(
        Delegation, models.PROTECT, null=True, blank=True, related_name="+"
    )
    printed_name = models.CharField(max_length=300)
    method = models.CharField(max_length=50)
    asked_at = models.DateTimeField()
    lapses_at = models.DateTimeField()

    objects = BreakGlassQuerySet.as_manager()

    class Meta:
        verbose_name = "break-glass promotion"
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(hours__gte=1) & Q(hours__lte=LONGEST_HOURS),
                name="registry_a_broken_glass_lasts_a_day_at_most",
            )
        ]

    def __str__(self) -> str:
        return f"break-glass promotion {self.pk} of {self.model_version}"

    @property
    def subject(self) -> str:
        return f"break-glass/{self.pk}"

    @property
    def askers(self) -> set[int]:
        """Whom the first signature counts as: who asked, and for whom they did."""
        delegators = {self.delegation.delegator_id} if self.delegation else set()
        return {self.asked_by_id} | delegators


class BreakGlassConfirmation(models.Model):
    """Another person, in the other role, confirms: the version serves; append-only."""

    break_glass = models.OneToOneField(
        BreakGlass, models.PROTECT, related_name="confirmation"
    )
    fallback = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, related_name="+"
    )
    finding = models.OneToOneField(Finding, models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    confirmed_as = models.CharField(max_length=20, choices=SignerRole)
    delegation = models.ForeignKey(
        Delegation, models.PROTECT, null=True, blank=True, related_name="+"
    )
    printed_name = models.CharField(max_length=300)
    method = models.CharField(max_length=50)
    confirmed_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = "break-glass confirmation"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"confirmation of {self.break_glass}"

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at <= now


class BreakGlassEnd(models.Model):
    """Its hours were over, or another version took the slot before that; append-only."""

    confirmation = models.OneToOneField(
        BreakGlassConfirmation, models.PROTECT, related_name="end"
    )
    ended_at = models.DateTimeField()

    class Meta:
        verbose_name = "break-glass end"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"end of {self.confirmation}"
