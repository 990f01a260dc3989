"""A gate run is the work, its verdict the result that never changes."""

import json
from typing import Any, ClassVar, Self

from django.db import models

from registry.models.leased_work import LeasedWork, LeasedWorkQuerySet
from registry.models.promotion_request import PromotionRequest
from registry.verdict import EvidenceLevel, Outcome


class GateRunQuerySet(LeasedWorkQuerySet):
    """Questions about many gate runs."""

    def of_attempt(self, request: PromotionRequest) -> Self:
        return self.filter(request=request, attempt=request.attempt).order_by("pk")


class GateRun(LeasedWork):
    """One gate of one attempt; `position` is its place in the policy."""

    request = models.ForeignKey(
        PromotionRequest, models.PROTECT, related_name="gate_runs"
    )
    attempt = models.PositiveIntegerField()
    gate = models.SlugField(max_length=50)
    position = models.PositiveSmallIntegerField()

    objects = GateRunQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["request", "attempt", "gate"],
                name="registry_a_gate_runs_once_an_attempt",
            )
        ]

    def __str__(self) -> str:
        return f"{self.gate} of request {self.request_id}, attempt {self.attempt}"


class Verdict(models.Model):
    """What a gate said; `document` holds all that is needed to do it again."""

    gate_run = models.OneToOneField(GateRun, models.PROTECT, related_name="verdict")
    outcome = models.CharField(
        max_length=14, choices=[(word, word) for word in Outcome]
    )
    estimate = models.FloatField(null=True)
    lower = models.FloatField(null=True)
    upper = models.FloatField(null=True)
    threshold = models.FloatField(null=True)
    comparator = models.CharField(max_length=2, blank=True)
    n = models.PositiveBigIntegerField(null=True)
    evidence_level = models.CharField(
        max_length=2, choices=[(level, level) for level in EvidenceLevel]
    )
    reason_code = models.CharField(max_length=100)
    sentence = models.TextField()
    document = models.TextField()
    digest = models.CharField(max_length=71)
    started_at = models.DateTimeField()
    given_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.gate_run.gate}: {self.outcome}"

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.document)
        return content
