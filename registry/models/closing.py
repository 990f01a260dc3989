"""How a request ended without a promotion: by whom, why, and signed where it must be."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from registry.models.promotion_request import PromotionRequest, RequestState

CLOSED_STATES = (
    RequestState.REJECTED,
    RequestState.WITHDRAWN,
    RequestState.EXPIRED,
    RequestState.INVALIDATED,
)


class Closing(models.Model):
    """Append-only; a rejection and an invalidation are signed, a withdrawal is not.

    An invalidation by another tier of the model is signed with that tier, and one by
    another policy stands on its publication.
    """

    request = models.OneToOneField(
        PromotionRequest, models.PROTECT, related_name="closing"
    )
    state = models.CharField(
        max_length=12, choices=[(state, state.label) for state in CLOSED_STATES]
    )
    reason = models.CharField(max_length=1000)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    role = models.CharField(max_length=20, blank=True)
    printed_name = models.CharField(max_length=300, blank=True)
    method = models.CharField(max_length=50, blank=True)
    subject_digest = models.CharField(max_length=71, blank=True)
    closed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in CLOSED_STATES]),
                name="registry_a_closing_ends_a_request",
            )
        ]

    def __str__(self) -> str:
        return f"request {self.request_id} {self.state}"
