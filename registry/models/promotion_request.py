"""A promotion request: may this version serve in that environment?"""

import json
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from registry.models.model_version import ModelVersion
from registry.models.policy import Policy
from registry.models.registered_model import RegisteredModel


class RequestState(models.TextChoices):
    """Where a request stands; `MOVES` says what leads where."""

    EVALUATING = "evaluating"
    BLOCKED = "blocked"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


MOVES: dict[RequestState, frozenset[RequestState]] = {
    RequestState.EVALUATING: frozenset({RequestState.BLOCKED, RequestState.IN_REVIEW}),
    RequestState.BLOCKED: frozenset({RequestState.EVALUATING}),
    RequestState.IN_REVIEW: frozenset({RequestState.APPROVED, RequestState.EVALUATING}),
    RequestState.APPROVED: frozenset({RequestState.PROMOTED, RequestState.EVALUATING}),
    RequestState.PROMOTED: frozenset({RequestState.ROLLED_BACK}),
    RequestState.ROLLED_BACK: frozenset(),
}
OPEN_STATES = frozenset(RequestState) - {
    RequestState.PROMOTED,
    RequestState.ROLLED_BACK,
}


class PromotionRequestQuerySet(models.QuerySet["PromotionRequest"]):
    """Questions about many requests, and the one way to move one."""

    def open(self) -> Self:
        return self.filter(state__in=OPEN_STATES)

    def visible_to(self, user: User) -> Self:
        return self.filter(
            model_version__registered_model__in=RegisteredModel.objects.visible_to(user)
        )

    def with_subject(self) -> Self:
        return self.select_related(
            "model_version__registered_model__workspace",
            "model_version__registered_model__owner",
            "model_version__source_run__experiment",
            "policy__publication",
            "requested_by",
        )

    def move(self, pk: int, *, to: RequestState, **changes: Any) -> bool:
        """Compare and set: False says that the request stands where `to` is no move."""
        leads_there = [state for state, targets in MOVES.items() if to in targets]
        moved = self.filter(pk=pk, state__in=leads_there).update(state=to, **changes)
        return bool(moved)


class PromotionRequest(models.Model):
    """The policy is pinned when the request opens; each attempt has its own evidence."""

    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="promotion_requests"
    )
    environment = models.SlugField(max_length=50)
    policy = models.ForeignKey(
        Policy, models.PROTECT, related_name="promotion_requests"
    )
    state = models.CharField(
        max_length=12, choices=RequestState, default=RequestState.EVALUATING
    )
    attempt = models.PositiveIntegerField(default=1)
    subject_digest = models.CharField(max_length=71, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    approval_expires_at = models.DateTimeField(null=True, blank=True)

    objects = PromotionRequestQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["model_version", "environment"],
                condition=Q(state__in=sorted(OPEN_STATES)),
                name="registry_one_open_request_per_version_and_environment",
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(RequestState.values)),
                name="registry_a_request_is_in_a_known_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_version} to {self.environment} (request {self.pk})"

    @property
    def subject(self) -> str:
        return f"request/{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class EvidenceSnapshot(models.Model):
    """What one attempt rests on, by digest; append-only."""

    request = models.ForeignKey(
        PromotionRequest, models.PROTECT, related_name="snapshots"
    )
    attempt = models.PositiveIntegerField()
    champion = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, related_name="+"
    )
    document = models.TextField()
    digest = models.CharField(max_length=71)
    taken_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["request", "attempt"],
                name="registry_an_attempt_has_one_snapshot",
            )
        ]

    def __str__(self) -> str:
        return self.digest

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.document)
        return content
