"""An evidence view: a person opened what a signature would be bound to."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from registry.models.promotion_request import PromotionRequest


class EvidenceView(models.Model):
    """Append-only; the first time that a person opened the evidence of one digest."""

    request = models.ForeignKey(
        PromotionRequest, models.PROTECT, related_name="evidence_views"
    )
    viewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    subject_digest = models.CharField(max_length=71)
    viewed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["request", "viewer", "subject_digest"],
                name="registry_a_person_opens_evidence_for_the_first_time_once",
            )
        ]

    def __str__(self) -> str:
        return f"request {self.request_id} opened by user {self.viewer_id}"
