"""A sign-off: a named person takes responsibility for one exact subject digest."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from registry.models.delegation import Delegation
from registry.models.promotion_request import PromotionRequest


class SignerRole(models.TextChoices):
    """The capacities in which somebody can sign."""

    VALIDATOR = "validator"
    OWNER = "owner"
    RISK = "risk"
    ETHICS = "ethics"


class SignOff(models.Model):
    """Append-only; it counts only while the request still has its subject digest."""

    request = models.ForeignKey(
        PromotionRequest, models.PROTECT, related_name="sign_offs"
    )
    role = models.CharField(max_length=20, choices=SignerRole)
    signer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="sign_offs"
    )
    printed_name = models.CharField(max_length=300)
    meaning = models.CharField(max_length=500)
    reason = models.CharField(max_length=1000, blank=True)
    method = models.CharField(max_length=50)
    delegation = models.ForeignKey(
        Delegation, models.PROTECT, null=True, related_name="sign_offs"
    )
    subject_digest = models.CharField(max_length=71)
    signed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["request", "subject_digest", "role"],
                name="registry_a_role_signs_once",
            ),
            models.UniqueConstraint(
                fields=["request", "subject_digest", "signer"],
                name="registry_one_person_counts_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.printed_name} as {self.role}"
