"""A finding: something is wrong with a model or a version, and somebody must mend it."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from registry.models.delegation import Delegation
from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel


class Severity(models.TextChoices):
    """How bad it is; how soon it is due follows from that."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


# A critical finding is due before the next promotion, so it has no day.
DUE_WITHIN: dict[Severity, timedelta | None] = {
    Severity.CRITICAL: None,
    Severity.HIGH: timedelta(days=30),
    Severity.MEDIUM: timedelta(days=90),
    Severity.LOW: timedelta(days=180),
}


class FindingCause(models.TextChoices):
    """What brought a finding about."""

    REVIEW = "review"
    INCIDENT = "incident"
    MONITORING = "monitoring"
    ROLLBACK = "rollback"
    BREAK_GLASS = "break_glass"


class FindingState(models.TextChoices):
    """Where a finding stands; `FINDING_MOVES` says what leads where."""

    OPEN = "open"
    PLANNED = "planned"
    FIXED = "fixed"
    VERIFIED = "verified"
    CLOSED = "closed"
    RISK_ACCEPTED = "risk_accepted"


FINDING_MOVES: dict[FindingState, frozenset[FindingState]] = {
    FindingState.OPEN: frozenset(
        {FindingState.PLANNED, FindingState.FIXED, FindingState.RISK_ACCEPTED}
    ),
    FindingState.PLANNED: frozenset(
        {FindingState.OPEN, FindingState.FIXED, FindingState.RISK_ACCEPTED}
    ),
    FindingState.FIXED: frozenset({FindingState.OPEN, FindingState.VERIFIED}),
    FindingState.VERIFIED: frozenset({FindingState.OPEN, FindingState.CLOSED}),
    FindingState.RISK_ACCEPTED: frozenset({FindingState.OPEN, FindingState.FIXED}),
    FindingState.CLOSED: frozenset(),
}
# Until somebody other than the fixer has verified the fix, the fault may still be there.
UNRESOLVED = frozenset({FindingState.OPEN, FindingState.PLANNED, FindingState.FIXED})


class FindingQuerySet(models.QuerySet["Finding"]):
    """Questions about many findings, and the one way to move one."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            registered_model__in=RegisteredModel.objects.visible_to(user)
        )

    def with_subject(self) -> Self:
        return self.select_related(
            "registered_model__workspace",
            "model_version__registered_model",
            "owner",
            "opened_by",
        )

    def unresolved(self, now: datetime) -> Self:
        """Keep what is not mended, and whose risk nobody bears any more."""
        lapsed = Q(state=FindingState.RISK_ACCEPTED, accepted_until__lte=now)
        return self.filter(Q(state__in=UNRESOLVED) | lapsed)

    def overdue(self, now: datetime) -> Self:
        return self.unresolved(now).filter(due_at__lte=now)

    def move(self, pk: int, *, to: FindingState, **changes: Any) -> bool:
        """Compare and set: False says that the finding stands where `to` is no move."""
        leads_there = [
            state for state, targets in FINDING_MOVES.items() if to in targets
        ]
        moved = self.filter(pk=pk, state__in=leads_there).update(state=to, **changes)
        return bool(moved)


class Finding(models.Model):
    """On a model, or on one version of it; what happened to it are its moves."""

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="findings"
    )
    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, blank=True, related_name="findings"
    )
    severity = models.CharField(max_length=10, choices=Severity)
    cause = models.CharField(max_length=12, choices=FindingCause)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="findings"
    )
    due_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(
        max_length=13, choices=FindingState, default=FindingState.OPEN
    )
    accepted_until = models.DateTimeField(null=True, blank=True)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    opened_at = models.DateTimeField()

    objects = FindingQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(
                fields=["registered_model", "state"], name="registry_finding_by_state"
            )
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=sorted(FindingState.values)),
                name="registry_a_finding_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=Q(severity=Severity.CRITICAL) | Q(due_at__isnull=False),
                name="registry_a_finding_is_due_some_day_unless_it_is_critical",
            ),
            models.CheckConstraint(
                condition=~Q(state=FindingState.RISK_ACCEPTED)
                | Q(accepted_until__isnull=False),
                name="registry_a_risk_is_accepted_until_some_day",
            ),
        ]

    def __str__(self) -> str:
        return f"finding {self.pk}: {self.title}"

    @property
    def subject(self) -> str:
        return f"finding/{self.pk}"

    def is_unresolved(self, now: datetime) -> bool:
        if self.state == FindingState.RISK_ACCEPTED:
            return self.accepted_until is not None and self.accepted_until <= now
        return self.state in UNRESOLVED

    def acceptances_that_count(
        self, now: datetime
    ) -> "models.QuerySet[RiskAcceptance]":
        """Return the signatures that bear its risk now, or will beside others.

        Any step that was taken since voids them, but for the one by which they bear it.
        """
        steps = self.moves.order_by("-pk").values_list("pk", flat=True)
        if self.state == FindingState.RISK_ACCEPTED:
            if self.is_unresolved(now):
                return self.acceptances.none()
            steps = steps[1:]
        return self.acceptances.filter(after=steps.first(), until__gt=now)

    def is_overdue(self, now: datetime) -> bool:
        return (
            self.is_unresolved(now) and self.due_at is not None and self.due_at <= now
        )


class FindingMove(models.Model):
    """What somebody did about a finding, and why; append-only.

    `method` says how somebody who accepted the risk proved who they are.
    """

    finding = models.ForeignKey(Finding, models.PROTECT, related_name="moves")
    from_state = models.CharField(max_length=13, choices=FindingState)
    to_state = models.CharField(max_length=13, choices=FindingState)
    reason = models.CharField(max_length=2000)
    accepted_until = models.DateTimeField(null=True)
    printed_name = models.CharField(max_length=300, blank=True)
    method = models.CharField(max_length=50, blank=True)
    moved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    moved_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"finding {self.finding_id} to {self.to_state}"


class RiskAcceptance(models.Model):
    """A signature that the risk of a finding is borne until some day; append-only.

    As many as the tier asks for bear it together, `after` the same step of the finding;
    None: nothing had been done about it.
    """

    finding = models.ForeignKey(Finding, models.PROTECT, related_name="acceptances")
    after = models.ForeignKey(
        FindingMove, models.PROTECT, null=True, related_name="acceptances"
    )
    until = models.DateTimeField()
    reason = models.CharField(max_length=2000)
    signer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    delegation = models.ForeignKey(
        Delegation, models.PROTECT, null=True, related_name="+"
    )
    printed_name = models.CharField(max_length=300)
    method = models.CharField(max_length=50)
    signed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"risk of finding {self.finding_id} borne by {self.printed_name}"

    @property
    def people(self) -> frozenset[int]:
        """Return who signed, and for whom if they did, by key: they count as one."""
        lent_by = self.delegation.delegator_id if self.delegation else self.signer_id
        return frozenset({self.signer_id, lent_by})
