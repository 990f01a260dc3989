"""An attestation: a person or a system says that something was done for a version."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from registry.models.delegation import Delegation
from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel
from tracking.models import Artifact


class AttestationKind(models.TextChoices):
    """What can be attested."""

    UNIT_TESTS = "unit_tests"
    INTEGRATION_TEST = "integration_test"
    SHADOW = "shadow"
    CANARY = "canary"
    ROLLBACK_PLAN = "rollback_plan"
    MONITORING = "monitoring"
    BUSINESS_IMPACT = "business_impact"
    ETHICS_REVIEW = "ethics_review"


class AttestationSource(models.TextChoices):
    """Who says so: a person who signs, a pipeline, or a system that measured."""

    HUMAN = "human"
    CI = "ci"
    TELEMETRY = "telemetry"


class AttestationQuerySet(models.QuerySet["Attestation"]):
    """Questions about many attestations."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            model_version__registered_model__in=RegisteredModel.objects.visible_to(user)
        )

    def valid(self, now: datetime) -> Self:
        """Keep those that have not ended, newest first."""
        return self.filter(expires_at__gt=now, withdrawal__isnull=True).order_by("-pk")

    def with_their_files(self) -> Self:
        """Leave out telemetry about a file that is no longer among those of a run."""
        held = Artifact.objects.current().filter(
            sha256=OuterRef("evidence_sha256"), uploaded_by=OuterRef("attested_by")
        )
        return self.filter(~Q(source=AttestationSource.TELEMETRY) | Exists(held))

    def with_people(self) -> Self:
        return self.select_related(
            "attested_by",
            "withdrawal__withdrawn_by",
            "model_version__registered_model__workspace",
        )


class Attestation(models.Model):
    """Append-only; about a version in an environment, whatever request asks for it."""

    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="attestations"
    )
    environment = models.SlugField(max_length=50)
    kind = models.CharField(max_length=30, choices=AttestationKind)
    source = models.CharField(max_length=10, choices=AttestationSource)
    statement = models.CharField(max_length=2000)
    link = models.URLField(max_length=1000, blank=True)
    evidence_sha256 = models.CharField(max_length=64, blank=True)
    attested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    # Set if they judged for somebody else.
    delegation = models.ForeignKey(
        Delegation, models.PROTECT, null=True, related_name="+"
    )
    printed_name = models.CharField(max_length=300)
    method = models.CharField(max_length=50)
    attested_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects = AttestationQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(attested_at__lt=F("expires_at")),
                name="registry_an_attestation_ends_after_it_is_made",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.model_version}"

    def standing(self, now: datetime) -> str:
        if hasattr(self, "withdrawal"):
            return "withdrawn"
        return "valid" if now < self.expires_at else "expired"


class AttestationWithdrawal(models.Model):
    """Append-only: what was attested does not hold any more, or never did."""

    attestation = models.OneToOneField(
        Attestation, models.PROTECT, related_name="withdrawal"
    )
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=1000)
    withdrawn_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"attestation {self.attestation_id} withdrawn"
