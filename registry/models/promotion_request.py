"""A promotion request: may this version serve in that environment?"""

import json
from datetime import datetime
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
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    ROLLED_BACK = "rolled_back"


OPEN_STATES = frozenset(
    {
        RequestState.EVALUATING,
        RequestState.BLOCKED,
        RequestState.IN_REVIEW,
        RequestState.APPROVED,
    }
)
# What ends any open request.
_ENDS = frozenset(
    {RequestState.WITHDRAWN, RequestState.EXPIRED, RequestState.INVALIDATED}
)
MOVES: dict[RequestState, frozenset[RequestState]] = {
    RequestState.EVALUATING: _ENDS | {RequestState.BLOCKED, RequestState.IN_REVIEW},
    RequestState.BLOCKED: _ENDS | {RequestState.EVALUATING, RequestState.IN_REVIEW},
    RequestState.IN_REVIEW: _ENDS
    | {RequestState.APPROVED, RequestState.REJECTED, RequestState.EVALUATING},
    RequestState.APPROVED: _ENDS | {RequestState.PROMOTED, RequestState.EVALUATING},
    RequestState.PROMOTED: frozenset({RequestState.ROLLED_BACK}),
    RequestState.REJECTED: frozenset(),
    RequestState.WITHDRAWN: frozenset(),
    RequestState.EXPIRED: frozenset(),
    RequestState.INVALIDATED: frozenset(),
    RequestState.ROLLED_BACK: frozenset(),
}


class PromotionRequestQuerySet(models.QuerySet["PromotionRequest"]):
    """Questions about many requests, and the one way to move one."""

    def open(self) -> Self:
        return self.filter(state__in=OPEN_STATES)

    def open_or_promoted(self) -> Self:
        return self.filter(state__in=OPEN_STATES | {RequestState.PROMOTED})

    def visible_to(self, user: User) -> Self:
        return self.filter(
            model_version__registered_model__in=RegisteredModel.objects.visible_to(user)
        )

    def of_models(self, wanted: models.QuerySet[RegisteredModel]) -> Self:
        """Keep those of the models without a join, so that the newest are found first."""
        versions = ModelVersion.objects.filter(registered_model__in=wanted)
        return self.filter(model_version__in=versions)

    def with_subject(self) -> Self:
        return self.select_related(
            "model_version__registered_model__workspace",
            "model_version__registered_model__owner",
            "model_version__source_run__experiment",
            "policy__publication",
            "policy__registered_model__workspace",
            "policy__workspace",
            "requested_by",
        )

    def with_names(self) -> Self:
        """Fetch what a list shows beside each, in queries of their own.

        Joined, it would be read and sorted for every request before the page is cut.
        """
        return self.prefetch_related("policy", "model_version__registered_model")

    def due(self, now: datetime) -> Self:
        """Keep open requests whose time has run out, whether a timer has seen it or not."""
        return self.filter(
            Q(state=RequestState.APPROVED, approval_expires_at__lte=now)
            | Q(
                state__in=OPEN_STATES - {RequestState.APPROVED},
                expires_at__lte=now,
            )
        )

    def to_be_reconsidered(self, now: datetime) -> Self:
        """Keep those that rest on a waiver or an attestation that has ended."""
        return self.filter(
            state__in=(RequestState.IN_REVIEW, RequestState.APPROVED),
            rests_until__lte=now,
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
    # How often what is to be signed has changed, so that no digest ever comes back and
    # brings its signatures with it; null: never.
    revision = models.PositiveIntegerField(null=True, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    approval_expires_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # When the first waiver or attestation that it rests on ends.
    rests_until = models.DateTimeField(null=True, blank=True)

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
    def next_revision(self) -> int:
        return (self.revision or 0) + 1

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    def is_due(self, now: datetime) -> bool:
        """Say whether its time has run out; what is due is as good as expired."""
        if self.state == RequestState.APPROVED:
            ends = self.approval_expires_at
        else:
            ends = self.expires_at if self.is_open else None
        return ends is not None and ends <= now


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
