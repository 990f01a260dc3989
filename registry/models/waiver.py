"""A waiver: one open gate is let through, for a reason, with a control, until a day."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Count, F, Q

from registry.models.gate_run import Verdict
from registry.models.promotion_request import PromotionRequest
from registry.models.registered_model import RegisteredModel


class WaiverScope(models.TextChoices):
    """What a waiver covers."""

    REQUEST = "request", "this request"
    VERSION = "version", "every request of this version for the environment"


class WaiverQuerySet(models.QuerySet["Waiver"]):
    """Questions about many waivers; whether one is in force depends on the moment."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            request__model_version__registered_model__in=(
                RegisteredModel.objects.visible_to(user)
            )
        )

    def covering(self, request: PromotionRequest) -> Self:
        """Keep those asked for this request, or for its version in its environment."""
        return self.filter(
            Q(request=request)
            | Q(
                scope=WaiverScope.VERSION,
                request__model_version=request.model_version_id,
                request__environment=request.environment,
            )
        )

    def ever_granted(self) -> Self:
        """Keep those that everybody needed has approved, withdrawn since or not."""
        return self.annotate(given=Count("approvals")).filter(
            given__gte=F("approvals_needed")
        )

    def granted(self) -> Self:
        """Keep those that everybody needed has approved, and nobody has withdrawn."""
        return self.ever_granted().filter(withdrawal__isnull=True)

    def in_force(self, now: datetime) -> Self:
        return self.granted().filter(starts_at__lte=now, expires_at__gt=now)

    def ended(self, now: datetime) -> Self:
        """Keep those that were in force, and are over or were withdrawn."""
        over = Q(expires_at__lte=now) | Q(withdrawal__isnull=False)
        return self.annotate(given=Count("approvals")).filter(
            over, given__gte=F("approvals_needed")
        )

    def with_people(self) -> Self:
        return self.select_related(
            "requested_by",
            "verdict__gate_run",
            "withdrawal__withdrawn_by",
            "request__model_version__registered_model__workspace",
        ).prefetch_related("approvals__approver")


class Waiver(models.Model):
    """Append-only: what was asked; approvals and a withdrawal are rows of their own.

    `verdict` is what stood in the way; null only in rows from before it was named.
    """

    request = models.ForeignKey(
        PromotionRequest, models.PROTECT, related_name="waivers"
    )
    gate = models.SlugField(max_length=50)
    verdict = models.ForeignKey(Verdict, models.PROTECT, null=True, related_name="+")
    scope = models.CharField(max_length=10, choices=WaiverScope)
    reason = models.CharField(max_length=2000)
    compensating_control = models.CharField(max_length=2000)
    residual_risk = models.CharField(max_length=2000)
    approvals_needed = models.PositiveSmallIntegerField()
    renews = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="renewals"
    )
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField()

    objects = WaiverQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("expires_at")),
                name="registry_a_waiver_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(approvals_needed__gte=1),
                name="registry_a_waiver_needs_an_approver",
            ),
        ]

    def __str__(self) -> str:
        return f"waiver {self.pk} of {self.gate}"

    def standing(self, now: datetime) -> str:
        """Say in a word how it stands, from prefetched approvals where there are any."""
        if hasattr(self, "withdrawal"):
            return "withdrawn"
        if self.expires_at <= now:
            return "expired"
        if len(self.approvals.all()) < self.approvals_needed:
            return "asked for"
        return "in force" if self.starts_at <= now else "granted"


class WaiverApproval(models.Model):
    """Append-only: somebody other than who asked takes responsibility for a waiver."""

    waiver = models.ForeignKey(Waiver, models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    printed_name = models.CharField(max_length=300)
    reason = models.CharField(max_length=1000)
    method = models.CharField(max_length=50)
    approved_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["waiver", "approver"],
                name="registry_one_person_approves_a_waiver_once",
            )
        ]

    def __str__(self) -> str:
        return f"waiver {self.waiver_id} approved by {self.printed_name}"


class WaiverWithdrawal(models.Model):
    """Append-only: a waiver, asked for or granted, ends before its day."""

    waiver = models.OneToOneField(Waiver, models.PROTECT, related_name="withdrawal")
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=1000)
    withdrawn_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"waiver {self.waiver_id} withdrawn"
