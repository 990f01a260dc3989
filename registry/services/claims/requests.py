"""What the log must tell of a request, before a signature or a promotion rests on it."""

from collections.abc import Iterator

from audit.services import pseudonym, system_account
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import (
    Attestation,
    EvidenceView,
    PromotionRequest,
    RequestState,
    Verdict,
    Waiver,
)
from registry.policy_document import read_policy_document
from registry.services.assessment import Assessment
from registry.services.claims.models import claims_of_model
from registry.services.claims.policies import claim_of_pinned, claims_of_policies
from registry.services.claims.versions import (
    claim_of_retirements,
    claim_of_version,
    claims_of_data,
    names_of,
    spelled,
)
from registry.services.reconciliation import Claim

# States that only an approval leads to.
APPROVED = frozenset({RequestState.APPROVED, RequestState.PROMOTED})


def claims_of_request(
    request: PromotionRequest, assessed: Assessment
) -> Iterator[Claim]:
    """Return what a request rests on, from the version to the last verdict."""
    version = request.model_version
    names = names_of(version)
    yield claim_of_version(version, names)
    yield from claims_of_data(version)
    yield claim_of_retirements(version, names)
    yield claim_of_pinned(request.policy)
    yield from claims_of_policies(version.registered_model)
    yield Claim(
        f"request {request.pk}",
        RegistryEvent.REQUEST_OPENED,
        (request.subject,),
        {
            "version": version.subject,
            "environment": request.environment,
            "policy": {
                "subject": request.policy.subject,
                "digest": request.policy.digest,
            },
        },
        pseudonym(request.requested_by),
    )
    yield from _of_attempt(request)
    for waiver in assessed.waivers:
        yield from _of_waiver(waiver)
    for attested in assessed.attestations:
        yield from _of_attestation(attested, names)
    if request.approved_at or request.state in APPROVED:
        yield _of_approval(request)
    yield from claims_of_model(version.registered_model)


def claims_of_view(opened: EvidenceView) -> Iterator[Claim]:
    yield Claim(
        f"how {opened.viewer} opened the evidence",
        RegistryEvent.EVIDENCE_OPENED,
        (opened.request.subject,),
        {"subject_digest": opened.subject_digest},
        pseudonym(opened.viewer),
        opened.viewed_at,
    )


def _of_attempt(request: PromotionRequest) -> Iterator[Claim]:
    """Return the evidence and the verdict of each gate of the policy."""
    snapshot = request.snapshots.get(attempt=request.attempt)
    gates = [
        clause.slug for clause in read_policy_document(request.policy.document).gates
    ]
    yield Claim(
        f"the evidence of request {request.pk}",
        RegistryEvent.EVALUATION_STARTED,
        (request.subject,),
        {
            "attempt": request.attempt,
            "evidence": digest(snapshot.content),
            "gates": gates,
        },
    )
    verdicts = Verdict.objects.filter(
        gate_run__request=request, gate_run__attempt=request.attempt
    ).select_related("gate_run")
    judged = {verdict.gate_run.gate: verdict for verdict in verdicts}
    for gate in gates:
        verdict = judged.get(gate)
        yield Claim(
            f"the verdict of {gate}",
            RegistryEvent.VERDICT_GIVEN,
            (request.subject,),
            {
                "gate": gate,
                "attempt": request.attempt,
                # One that is not there says nothing that the log could tell.
                "outcome": verdict.outcome if verdict else None,
                "verdict": digest(verdict.content) if verdict else None,
            },
            pseudonym(system_account()),
        )


def _of_waiver(waiver: Waiver) -> Iterator[Claim]:
    subjects = (waiver.request.subject,)
    named = {"waiver": waiver.pk, "gate": waiver.gate}
    row = f"waiver {waiver.pk}"
    verdict = waiver.verdict
    seen = verdict and waiver.request.snapshots.get(attempt=verdict.gate_run.attempt)
    yield Claim(
        row,
        RegistryEvent.WAIVER_REQUESTED,
        subjects,
        {
            **named,
            "verdict": digest(verdict.content) if verdict else None,
            "outcome": verdict.outcome if verdict else None,
            "evidence": digest(seen.content) if seen else None,
            "scope": waiver.scope,
            "starts_at": waiver.starts_at.isoformat(),
            "expires_at": waiver.expires_at.isoformat(),
            "approvals_needed": waiver.approvals_needed,
        },
        pseudonym(waiver.requested_by),
        waiver.requested_at,
        written={
            "reason": waiver.reason,
            "compensating_control": waiver.compensating_control,
            "residual_risk": waiver.residual_risk,
        },
    )
    for approval in waiver.approvals.select_related("approver"):
        yield Claim(
            f"an approval of {row}",
            RegistryEvent.WAIVER_APPROVED,
            subjects,
            {**named, "method": approval.method},
            pseudonym(approval.approver),
            approval.approved_at,
            written={"printed_name": approval.printed_name, "reason": approval.reason},
        )
    withdrawn = RegistryEvent.WAIVER_WITHDRAWN
    yield Claim(f"withdrawals of {row}", withdrawn, subjects, named, times=0)


def _of_attestation(attested: Attestation, names: frozenset[str]) -> Iterator[Claim]:
    subjects = tuple(names)
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
        attested.attested_at,
        written={
            "printed_name": attested.printed_name,
            "statement": attested.statement,
            "link": attested.link,
        },
    )
    withdrawn = RegistryEvent.ATTESTATION_WITHDRAWN
    yield Claim(f"withdrawals of {row}", withdrawn, subjects, named, times=0)


def _of_approval(request: PromotionRequest) -> Claim:
    return Claim(
        f"the approval of request {request.pk}",
        RegistryEvent.REQUEST_APPROVED,
        (request.subject,),
        {
            "subject_digest": request.subject_digest,
            "expires_at": spelled(request.approval_expires_at),
        },
        at=request.approved_at,
    )
