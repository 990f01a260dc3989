"""What the log must tell of a request, a slot and a model, before anything rests on them."""

from collections.abc import Iterator
from datetime import datetime

from audit.services import pseudonym, system_account
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import (
    Attestation,
    BreakGlass,
    BreakGlassConfirmation,
    Delegation,
    EvidenceView,
    Finding,
    FreezeLifting,
    ModelCard,
    ModelVersion,
    Policy,
    Promotion,
    PromotionRequest,
    RegisteredModel,
    Retirement,
    Revalidation,
    Rollback,
    Slot,
    TierAssessment,
    Verdict,
    Waiver,
)
from registry.models.finding import UNRESOLVED, Severity
from registry.models.sign_off import SignerRole
from registry.policy_document import read_policy_document
from registry.services.assessment import Assessment
from registry.services.reconciliation import Claim
from tracking.events import TrackingEvent
from tracking.lineage import data_of_lineage


def claims_of_request(
    request: PromotionRequest, assessed: Assessment
) -> Iterator[Claim]:
    """Return what a request rests on, from the version to the last verdict."""
    version = request.model_version
    names = _names(version)
    yield _of_version(version, names)
    yield from _of_data(version)
    yield _of_retirements(version, names)
    yield _of_policy(request.policy)
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
    if request.approved_at:
        yield _of_approval(request)
    yield from claims_of_model(version.registered_model)


def claims_of_model(model: RegisteredModel) -> Iterator[Claim]:
    """Return its tier, what calls for a validation, and what became of its findings."""
    newest = TierAssessment.objects.filter(registered_model=model).order_by("-pk")
    signed = newest.select_related("signer").first()
    if model.tier is not None:
        yield Claim(
            f"the tier of {model}",
            RegistryEvent.TIER_ASSESSED,
            tuple(model.subjects),
            {"tier": model.tier, "method": signed.method if signed else None},
            pseudonym(signed.signer) if signed else None,
            newest=True,
            written={
                "printed_name": signed.printed_name,
                "rationale": signed.rationale,
                "exposure": signed.exposure,
            }
            if signed
            else {},
        )
    yield Claim(
        f"calls for a validation of {model}",
        RegistryEvent.REVALIDATION_TRIGGERED,
        tuple(model.subjects),
        times=model.revalidation_triggers.count(),
    )
    settled = Finding.objects.filter(
        registered_model=model, severity__in=(Severity.CRITICAL, Severity.HIGH)
    ).exclude(state__in=UNRESOLVED)
    for finding in settled.select_related("owner", "opened_by").order_by("pk"):
        yield claim_of_finding(finding)
        yield Claim(
            f"finding {finding.pk}",
            RegistryEvent.FINDING_MOVED,
            (finding.subject,),
            {
                "to": finding.state,
                "accepted_until": _said(finding.accepted_until),
            },
            newest=True,
        )


def claim_of_finding(finding: Finding) -> Claim:
    """Return how it was opened: how bad, due when and for whom to mend."""
    return Claim(
        f"the opening of finding {finding.pk}",
        RegistryEvent.FINDING_OPENED,
        (finding.subject,),
        {
            "severity": finding.severity,
            "owner": pseudonym(finding.owner),
            "due_at": _said(finding.due_at),
        },
        pseudonym(finding.opened_by),
        written={"title": finding.title, "description": finding.description},
    )


def claims_of_promotion(promotion: Promotion) -> Iterator[Claim]:
    request = promotion.request
    yield Claim(
        f"promotion {promotion.pk}",
        RegistryEvent.VERSION_PROMOTED,
        (request.subject,),
        {
            "version": request.model_version.subject,
            "environment": promotion.slot.environment,
            "subject_digest": request.subject_digest,
        },
        pseudonym(promotion.promoted_by),
    )


def claims_of_rollback(rollback: Rollback) -> Iterator[Claim]:
    request = rollback.promotion.request
    yield Claim(
        f"rollback {rollback.pk}",
        RegistryEvent.VERSION_ROLLED_BACK,
        (rollback.slot.subject,),
        {
            "to": request.model_version.subject,
            "request": request.subject,
            "finding": rollback.finding.subject,
        },
        pseudonym(rollback.rolled_back_by),
    )


def claims_of_emergency(confirmed: BreakGlassConfirmation) -> Iterator[Claim]:
    """Return that two people signed, and until when it lasts."""
    asked = confirmed.break_glass
    names = _names(asked.model_version)
    yield claim_of_asking(asked)
    yield Claim(
        f"the confirmation of break-glass promotion {asked.pk}",
        RegistryEvent.BREAK_GLASS_CONFIRMED,
        (asked.subject,),
        {
            "version": names,
            "role": confirmed.confirmed_as,
            "method": confirmed.method,
            "finding": confirmed.finding.subject,
            "signed_at": confirmed.confirmed_at.isoformat(),
            "expires_at": confirmed.expires_at.isoformat(),
        },
        pseudonym(confirmed.confirmed_by),
        written={"printed_name": confirmed.printed_name},
    )
    yield _of_version(asked.model_version, names)


def claim_of_asking(asked: BreakGlass) -> Claim:
    return Claim(
        f"break-glass promotion {asked.pk}",
        RegistryEvent.BREAK_GLASS_ASKED,
        (asked.subject,),
        {
            "version": _names(asked.model_version),
            "role": asked.asked_as,
            "hours": asked.hours,
            "method": asked.method,
            "signed_at": asked.asked_at.isoformat(),
        },
        pseudonym(asked.asked_by),
        written={"printed_name": asked.printed_name, "reason": asked.reason},
    )


def claims_of_revalidations(slot: Slot, version: ModelVersion) -> Iterator[Claim]:
    signed = Revalidation.objects.filter(slot=slot, model_version=version)
    for one in signed.select_related("signer").order_by("pk"):
        yield Claim(
            f"revalidation {one.pk}",
            RegistryEvent.REVALIDATION_SIGNED,
            (slot.subject,),
            {
                "version": version.subject,
                "method": one.method,
                "signed_at": one.signed_at.isoformat(),
            },
            pseudonym(one.signer),
            written={"printed_name": one.printed_name, "conclusion": one.conclusion},
        )


def claims_of_freezes(slot: Slot) -> Iterator[Claim]:
    """Return that each rollback froze its slot, and who lifted that."""
    yield Claim(
        f"freezes of {slot}",
        RegistryEvent.VERSION_ROLLED_BACK,
        (slot.subject,),
        times=slot.freezes.count(),
    )
    lifted = FreezeLifting.objects.filter(freeze__slot=slot)
    for one in lifted.select_related("freeze", "lifted_by").order_by("pk"):
        yield Claim(
            f"the lifting of freeze {one.freeze_id}",
            RegistryEvent.FREEZE_LIFTED,
            (one.freeze.subject,),
            {"method": one.method, "signed_at": one.lifted_at.isoformat()},
            pseudonym(one.lifted_by),
        )


def claims_of_view(opened: EvidenceView) -> Iterator[Claim]:
    yield Claim(
        f"how {opened.viewer} opened the evidence",
        RegistryEvent.EVIDENCE_OPENED,
        (opened.request.subject,),
        {"subject_digest": opened.subject_digest},
        pseudonym(opened.viewer),
        opened.viewed_at,
    )


def claims_of_authority(
    role: SignerRole, model: RegisteredModel, delegation: Delegation | None
) -> Iterator[Claim]:
    """Return who owns a model, for whoever signs as that, and who delegated to them."""
    if role == SignerRole.OWNER:
        has_card = ModelCard.objects.filter(registered_model=model).exists()
        yield Claim(
            f"the owner of {model}",
            RegistryEvent.MODEL_CARD_WRITTEN
            if has_card
            else RegistryEvent.MODEL_REGISTERED,
            tuple(model.subjects),
            {"owner": pseudonym(model.owner) if model.owner else None},
            newest=True,
        )
    if delegation is not None:
        yield Claim(
            f"delegation {delegation.pk}",
            RegistryEvent.DELEGATION_GIVEN,
            (delegation.subject,),
            {
                "role": delegation.role,
                "delegate": pseudonym(delegation.delegate),
                "starts_at": delegation.starts_at.isoformat(),
                "ends_at": delegation.ends_at.isoformat(),
                "method": delegation.method,
            },
            pseudonym(delegation.delegator),
            written={"printed_name": delegation.printed_name},
        )


def _of_version(version: ModelVersion, names: frozenset[str]) -> Claim:
    return Claim(
        f"{version}",
        RegistryEvent.VERSION_REGISTERED,
        tuple(names),
        {
            "source_run": version.linked_run.subject,
            "artifact_path": version.path,
            "artifact_sha256": version.artifact_sha256,
        },
        pseudonym(version.created_by),
    )


def _of_data(version: ModelVersion) -> Iterator[Claim]:
    """Return what cards ever said of the data of its lineage: labels and labellers."""
    for dataset in data_of_lineage(version.linked_run):
        cards = dataset.cards.all()
        subjects = (dataset.subject,)
        described = TrackingEvent.DATASET_DESCRIBED
        yield Claim(f"cards of {dataset}", described, subjects, times=len(cards))
        for card in cards:
            labellers = sorted(stated.user_id for stated in card.labellers.all())
            yield Claim(
                f"card {card.number} of {dataset}",
                described,
                subjects,
                {
                    "number": card.number,
                    "sensitivity": card.sensitivity,
                    "labellers": [f"user/{key}" for key in labellers],
                },
                pseudonym(card.created_by),
            )


def _of_retirements(version: ModelVersion, names: frozenset[str]) -> Claim:
    model = version.registered_model
    return Claim(
        f"retirements of {version}",
        RegistryEvent.RETIREMENT_SIGNED,
        (*names, *model.subjects),
        times=Retirement.objects.of_version(version).count(),
    )


def _of_policy(policy: Policy) -> Claim:
    return Claim(
        f"{policy}",
        RegistryEvent.POLICY_PUBLISHED,
        (policy.subject,),
        {
            # Of what it demands today, and not of what it demanded.
            "digest": digest(read_policy_document(policy.document).as_json()),
            "environment": policy.environment,
        },
        pseudonym(policy.publication.published_by),
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
            "expires_at": _said(request.approval_expires_at),
        },
        at=request.approved_at,
    )


def _names(version: ModelVersion) -> frozenset[str]:
    """Return as what the log knows a version, whatever its model was called.

    It is not renamed any more once a policy or a request goes by its name.
    """
    return frozenset(version.subjects(version.registered_model.subjects))


def _said(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
