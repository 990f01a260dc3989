"""What an attempt amounts to at a moment, with the digest over all that counts.

It is asked again whenever something is decided, so that what has ended since lets
nothing through, whether a timer has run or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef

from audit.tlog.canonical import digest
from registry.models import (
    Attestation,
    EvidenceSnapshot,
    GateRun,
    PromotionRequest,
    TierAssessment,
    Verdict,
    Waiver,
    WaiverScope,
)
from registry.models.tier import TierRules, rules_of
from registry.permissions import JUDGED_BY
from registry.policy_document import (
    AttestationClause,
    GateClause,
    PolicyDocument,
    read_policy_document,
)
from registry.signing import subject_digest
from registry.verdict import Outcome

PASSING = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE})
# An ERROR measured nothing, so there is nothing that could be waived.
WAIVED = frozenset({Outcome.FAIL, Outcome.INCONCLUSIVE})
# What a waiver covers by what it was asked for: nothing worse.
_COVERED = {
    Outcome.INCONCLUSIVE: frozenset({Outcome.INCONCLUSIVE}),
    Outcome.FAIL: WAIVED,
}
_ASKED = ("parameters", "inputs", "champion_inputs")


@dataclass(frozen=True)
class Assessment:
    """`rests_until` is when the first thing that counts ends; None: nothing does."""

    open_gates: tuple[str, ...]
    waivers: tuple[Waiver, ...]
    attestations: tuple[Attestation, ...]
    missing_attestations: tuple[str, ...]
    subject_digest: str
    rests_until: datetime | None

    @property
    def is_clear(self) -> bool:
        return not (self.open_gates or self.missing_attestations)


def assess(
    request: PromotionRequest, now: datetime, *, attested_by: datetime | None = None
) -> Assessment:
    """Assess the current attempt, all of whose gates have run.

    With `attested_by` nothing counts that was attested, or waived, later: as it was seen
    then.
    """
    policy = read_policy_document(request.policy.document)
    rules = rules_of(request.model_version.registered_model.tier)
    failed = _failed_gates(request, policy, rules)
    waivable = waivers_that_count(
        request, policy, now, verdicts=failed, approved_by=attested_by
    )
    waivers = tuple(waivable[gate] for gate in failed if gate in waivable)
    waived = {waiver.gate for waiver in waivers}
    attested = attestations_that_count(request, policy, now, attested_by=attested_by)
    return Assessment(
        open_gates=tuple(gate for gate in failed if gate not in waived),
        waivers=waivers,
        attestations=tuple(attested.values()),
        missing_attestations=tuple(
            clause.kind for clause in policy.attestations if clause.kind not in attested
        ),
        subject_digest=subject_digest(
            request, waivers=waivers, attestations=attested.values()
        ),
        rests_until=_first_end(waivers, attested.values(), policy),
    )


def waivers_that_count(
    request: PromotionRequest,
    policy: PolicyDocument,
    now: datetime,
    *,
    verdicts: Mapping[str, Verdict],
    approved_by: datetime | None = None,
) -> dict[str, Waiver]:
    """Return the waiver of each gate that has one in force, as its tier is now.

    It covers what the gate says in the current attempt, as `verdicts` has it. One of
    the version may be older than the policy, which decides for its own request.
    One that was asked for at another tier than the request had other people approve
    it, by other proof and for other days, so that it covers no request of this tier.
    """
    rules = rules_of(request.model_version.registered_model.tier)
    tier_changed = TierAssessment.objects.filter(
        registered_model=request.model_version.registered_model_id,
        signed_at__gt=OuterRef("requested_at"),
        signed_at__lte=request.created_at,
    ).exclude(former_tier=F("tier"))
    of_tier = Waiver.objects.covering(request).filter(~Exists(tier_changed))
    # Nobody asks for a promotion on what they have let through themselves.
    by_others = of_tier.exclude(approvals__approver=request.requested_by_id)
    if approved_by is not None:
        by_others = by_others.exclude(approvals__approved_at__gt=approved_by)
    in_force = by_others.in_force(now).select_related("verdict__gate_run")
    waivable = {clause.slug for clause in policy.gates if is_waivable(clause, rules)}
    return {
        waiver.gate: waiver
        for waiver in in_force.order_by("-pk")
        if waiver.gate in waivable
        and waiver.given >= rules.waiver_approvers  # type: ignore[attr-defined]  # annotated
        and waiver.gate in verdicts
        and covers(waiver, verdicts[waiver.gate])
    }


def covers(waiver: Waiver, verdict: Verdict) -> bool:
    """Say whether what a gate says now is what a waiver was asked for, or no worse.

    Whoever approved one of the request saw its evidence: other evidence takes another.
    One of the version goes on where the same is asked of the same data.
    """
    if verdict.outcome not in WAIVED:
        return False
    seen = waiver.verdict
    if seen is None:  # from before waivers named it
        return True
    if verdict.outcome not in _COVERED.get(Outcome(seen.outcome), frozenset()):
        return False
    if waiver.scope == WaiverScope.VERSION:
        return _question(seen) == _question(verdict)
    return _rests_on_same_evidence(verdict.gate_run, seen.gate_run)


def _question(verdict: Verdict) -> dict[str, Any]:
    """Return what a gate was asked: by which parameters, of which files."""
    details = verdict.content["answer"]["details"]
    return {key: details.get(key) for key in _ASKED}


def _rests_on_same_evidence(one: GateRun, other: GateRun) -> bool:
    if one.attempt == other.attempt:
        return True
    snapshots = EvidenceSnapshot.objects.filter(
        request=one.request_id, attempt__in=(one.attempt, other.attempt)
    )
    # Of what they hold: the log tells that of each attempt.
    return len({digest(snapshot.content) for snapshot in snapshots}) == 1


def is_waivable(clause: GateClause, rules: TierRules) -> bool:
    """Say whether policy and tier both let a gate be waived."""
    return clause.waivable and rules.is_waivable(
        clause.slug, is_mandatory=clause.mandatory
    )


def attestations_that_count(
    request: PromotionRequest,
    policy: PolicyDocument,
    now: datetime,
    *,
    attested_by: datetime | None = None,
) -> dict[str, Attestation]:
    """Return the newest valid attestation of each kind that the policy wants.

    Nobody asks for a promotion on what they have judged themselves, or lent their name to.
    """
    if not policy.attestations:
        return {}
    of_request = Attestation.objects.valid(now).filter(
        model_version=request.model_version_id, environment=request.environment
    )
    valid = of_request.with_their_files()
    asker = request.requested_by_id
    valid = valid.exclude(kind__in=JUDGED_BY, attested_by=asker)
    valid = valid.exclude(kind__in=JUDGED_BY, delegation__delegator=asker)
    if attested_by is not None:
        valid = valid.filter(attested_at__lte=attested_by)
    found = {
        clause.kind: next((a for a in valid if _is_accepted(a, clause, now)), None)
        for clause in policy.attestations
    }
    return {kind: attested for kind, attested in found.items() if attested}


def lets_through(outcome: str, clause: GateClause, rules: TierRules) -> bool:
    """Say whether a verdict does not stand in the way, by itself.

    A policy that only warns of what no gate can tell may be older than the tier.
    """
    may_be_unsure = clause.on_inconclusive == "warn" and rules.may_pass_inconclusive
    return (
        not clause.mandatory
        or outcome in PASSING
        or (outcome == Outcome.INCONCLUSIVE and may_be_unsure)
    )


def _failed_gates(
    request: PromotionRequest, policy: PolicyDocument, rules: TierRules
) -> dict[str, Verdict]:
    """Return what stands in the way, by gate in the order of their names."""
    verdicts = Verdict.objects.filter(
        gate_run__request=request, gate_run__attempt=request.attempt
    )
    return {
        verdict.gate_run.gate: verdict
        for verdict in verdicts.select_related("gate_run").order_by("gate_run__gate")
        if not lets_through(
            verdict.outcome, policy.clause(verdict.gate_run.gate), rules
        )
    }


def _is_accepted(
    attested: Attestation, clause: AttestationClause, now: datetime
) -> bool:
    return (
        attested.kind == clause.kind
        and attested.source in clause.accepts
        and now < attested.attested_at + timedelta(days=clause.max_age_days)
    )


def _first_end(
    waivers: Iterable[Waiver],
    attestations: Iterable[Attestation],
    policy: PolicyDocument,
) -> datetime | None:
    max_age = {clause.kind: clause.max_age_days for clause in policy.attestations}
    ends = [waiver.expires_at for waiver in waivers]
    for attested in attestations:
        oldest = timedelta(days=max_age[attested.kind])  # type: ignore[index]  # one of the policy's kinds
        ends += [attested.expires_at, attested.attested_at + oldest]
    return min(ends, default=None)
