"""When a champion must be validated again: what calls for it, and who did it."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel
from registry.models.slot import Slot


class TriggerKind(models.TextChoices):
    """What calls for a validation before the interval is over."""

    DRIFT_BREACH = "drift_breach"
    DATA_SOURCE_CHANGE = "data_source_change"
    CODE_CHANGE = "code_change"
    POLICY_CHANGE = "policy_change"
    TIER_CHANGE = "tier_change"
    INCIDENT = "incident"
    WAIVER_EXPIRY = "waiver_expiry"
    REGULATION_CHANGE = "regulation_change"
    SAMPLE_REVIEW = "sample_review"


# What is seen from outside too, so that people and monitors may say so; the rest
# Attestry finds by itself.
STATED_BY_HAND = (
    TriggerKind.DRIFT_BREACH,
    TriggerKind.DATA_SOURCE_CHANGE,
    TriggerKind.CODE_CHANGE,
    TriggerKind.INCIDENT,
    TriggerKind.REGULATION_CHANGE,
)


class RevalidationTrigger(models.Model):
    """Something happened to a model, or one version of it; append-only.

    `cause` is what Attestry found by itself, as the log names it; null: somebody said so.
    """

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="revalidation_triggers"
    )
    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, related_name="+"
    )
    kind = models.CharField(max_length=20, choices=TriggerKind)
    cause = models.CharField(max_length=600, null=True)  # noqa: DJ001 - nulls are no cause twice
    detail = models.CharField(max_length=2000)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    recorded_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(
                fields=["registered_model", "recorded_at"],
                name="registry_trigger_by_time",
            )
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["model_version", "cause"],
                name="registry_a_cause_calls_for_a_version_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.registered_model}"


class Revalidation(models.Model):
    """A validator signed that a champion may go on; append-only."""

    slot = models.ForeignKey(Slot, models.PROTECT, related_name="revalidations")
    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="revalidations"
    )
    conclusion = models.CharField(max_length=2000)
    signer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    printed_name = models.CharField(max_length=300)
    method = models.CharField(max_length=50)
    signed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"revalidation of {self.model_version}"
