"""Rows that a decision rests on are held against the log: only what it tells counts.

Whoever writes rows past the services, or takes some away, is found out here, whatever
rights in the database they have. Signatures are held against it in
`sign_off_verification`, both ways.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.proofs import TrailEntry, trail
from audit.services import pseudonym, system_account
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import (
    Attestation,
    BreakGlassConfirmation,
    Promotion,
    PromotionRequest,
    Rollback,
    Verdict,
    Waiver,
)
from registry.services.assessment import Assessment


@dataclass(frozen=True)
class Claim:
    """What a row says that somebody did; `said` is part of what their entry must say.

    `subjects` are the names that its subject has or had in the log. Without an actor it
    is what nobody may have done, as far as the log tells.
    """

    row: str
    kind: RegistryEvent
    subjects: tuple[str, ...]
    said: Mapping[str, Any]
    actor: str | None

    @property
    def fault(self) -> str:
        if self.actor is None:
            return f"The log tells that {self.row} was withdrawn, and its row says no."
        return f"The log does not tell of {self.row} as it stands there."


def unfounded(claims: Iterable[Claim]) -> Iterator[Claim]:
    """Return the claims that the log does not bear out, in one query."""
    claims = tuple(claims)
    told = defaultdict(list)
    for entry in trail(sorted({name for claim in claims for name in claim.subjects})):
        told[entry.kind].append(entry)
    for claim in claims:
        is_told = any(_tells(entry, claim) for entry in told[claim.kind])
        if is_told is (claim.actor is None):
            yield claim


def claims_of_request(
    request: PromotionRequest, assessed: Assessment
) -> Iterator[Claim]:
    """Return what a request rests on: verdicts, and the waivers and attestations that count."""
    verdicts = Verdict.objects.filter(
        gate_run__request=request, gate_run__attempt=request.attempt
    )
    for verdict in verdicts.select_related("gate_run").order_by("pk"):
        yield _of_verdict(request, verdict)
    for waiver in assessed.waivers:
        yield from _of_waiver(waiver)
    for attested in assessed.attestations:
        yield from _of_attestation(request, attested)


def claims_of_promotion(promotion: Promotion) -> Iterator[Claim]:
    request = promotion.request
    yield Claim(
        f"promotion {promotion.pk}",
        RegistryEvent.VERSION_PROMOTED,
        (request.subject,),
        {
            "environment": request.environment,
            "subject_digest": request.subject_digest,
        },
        pseudonym(promotion.promoted_by),
    )


def claims_of_rollback(rollback: Rollback) -> Iterator[Claim]:
    request, slot = rollback.promotion.request, rollback.slot
    yield Claim(
        f"rollback {rollback.pk}",
        RegistryEvent.VERSION_ROLLED_BACK,
        (*slot.subjects(slot.registered_model.subjects),),
        {"request": request.subject, "finding": rollback.finding.subject},
        pseudonym(rollback.rolled_back_by),
    )


def claims_of_emergency(confirmed: BreakGlassConfirmation) -> Iterator[Claim]:
    """Return that two people signed, and until when it lasts."""
    asked = confirmed.break_glass
    yield Claim(
        f"break-glass promotion {asked.pk}",
        RegistryEvent.BREAK_GLASS_ASKED,
        (asked.subject,),
        {
            "role": asked.asked_as,
            "hours": asked.hours,
            "method": asked.method,
            "signed_at": asked.asked_at.isoformat(),
        },
        pseudonym(asked.asked_by),
    )
    yield Claim(
        f"the confirmation of break-glass promotion {asked.pk}",
        RegistryEvent.BREAK_GLASS_CONFIRMED,
        (asked.subject,),
        {
            "role": confirmed.confirmed_as,
            "method": confirmed.method,
            "finding": confirmed.finding.subject,
            "signed_at": confirmed.confirmed_at.isoformat(),
            "expires_at": confirmed.expires_at.isoformat(),
        },
        pseudonym(confirmed.confirmed_by),
    )


def _of_verdict(request: PromotionRequest, verdict: Verdict) -> Claim:
    return Claim(
        f"the verdict of {verdict.gate_run.gate}",
        RegistryEvent.VERDICT_GIVEN,
        (request.subject,),
        {
            "gate": verdict.gate_run.gate,
            "attempt": verdict.gate_run.attempt,
            "outcome": verdict.outcome,
            # Of what it says today, and not of what it said.
            "verdict": digest(verdict.content),
        },
        pseudonym(system_account()),
    )


def _of_waiver(waiver: Waiver) -> Iterator[Claim]:
    subjects = (waiver.request.subject,)
    named = {"waiver": waiver.pk, "gate": waiver.gate}
    row = f"waiver {waiver.pk}"
    yield Claim(
        row,
        RegistryEvent.WAIVER_REQUESTED,
        subjects,
        {
            **named,
            "scope": waiver.scope,
            "starts_at": waiver.starts_at.isoformat(),
            "expires_at": waiver.expires_at.isoformat(),
            "approvals_needed": waiver.approvals_needed,
        },
        pseudonym(waiver.requested_by),
    )
    for approval in waiver.approvals.select_related("approver"):
        yield Claim(
            f"an approval of {row}",
            RegistryEvent.WAIVER_APPROVED,
            subjects,
            {**named, "method": approval.method},
            pseudonym(approval.approver),
        )
    yield Claim(row, RegistryEvent.WAIVER_WITHDRAWN, subjects, named, None)


def _of_attestation(
    request: PromotionRequest, attested: Attestation
) -> Iterator[Claim]:
    version = request.model_version
    subjects = (*version.subjects(version.registered_model.subjects),)
    named = {"attestation": attested.pk, "kind": attested.kind}
    row = f"attestation {attested.pk}"
    yield Claim(
        row,
        RegistryEvent.ATTESTATION_GIVEN,
        subjects,
        {
            **named,
            "environment": attested.environment,
            "source": attested.source,
            "method": attested.method,
            "evidence_sha256": attested.evidence_sha256,
            "expires_at": attested.expires_at.isoformat(),
        },
        pseudonym(attested.attested_by),
    )
    yield Claim(row, RegistryEvent.ATTESTATION_WITHDRAWN, subjects, named, None)


def _tells(entry: TrailEntry, claim: Claim) -> bool:
    return (
        entry.subject in claim.subjects
        and claim.actor in (entry.actor, None)
        and all(entry.payload.get(key) == said for key, said in claim.said.items())
    )
