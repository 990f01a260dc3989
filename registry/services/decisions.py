"""May this version serve there, now? Computed whenever somebody asks, stored nowhere.

Whatever is not known to be allowed is denied.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from django.db.models import Min

from audit.errors import ConflictError
from audit.proofs import soundness
from registry.models import (
    Attestation,
    BreakGlassConfirmation,
    BreakGlassEnd,
    Finding,
    Freeze,
    ModelCard,
    ModelVersion,
    Policy,
    PromotionRequest,
    RequestState,
    Slot,
    Waiver,
)
from registry.models.finding import FindingState, Severity
from registry.services.assessment import Assessment, assess
from registry.services.claims.requests import claims_of_request
from registry.services.claims.slots import claims_of_emergency, claims_of_revalidations
from registry.services.due_dates import GRACE, Due, due_dates
from registry.services.governance import governing_policy
from registry.services.hindrances import blocking_findings
from registry.services.out_of_use import is_archived
from registry.services.reconciliation import Claim, unfounded
from registry.services.sign_off_verification import sign_off_faults
from registry.services.slot_history import last_of


class Answer(StrEnum):
    """What a deployer gets to hear; only `allow` lets anything serve."""

    ALLOW = "allow"
    DENY = "deny"
    PENDING = "pending"


@dataclass(frozen=True)
class Reason:
    """Why; a code that never changes, and a sentence that says what to do."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Decision:
    """The answer for one version and environment at one moment.

    Reasons say why it is not `allow`, warnings what will soon be one. `expires_at` is
    when an `allow` ends if nothing else happens.
    """

    answer: Answer
    environment: str
    decided_at: datetime
    version: ModelVersion | None = None
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    restrictions: tuple[str, ...] = ()
    policy: Policy | None = None
    request: PromotionRequest | None = None
    expires_at: datetime | None = None


@dataclass
class _Found:
    """What is gathered while deciding."""

    reasons: list[Reason] = field(default_factory=list)
    warnings: list[Reason] = field(default_factory=list)
    waivers: tuple[Waiver, ...] = ()
    restrictions: list[str] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)
    is_pending: bool = False

    @property
    def answer(self) -> Answer:
        if not self.reasons:
            return Answer.ALLOW
        return Answer.PENDING if self.is_pending else Answer.DENY


def decide(version: ModelVersion, *, environment: str, now: datetime) -> Decision:
    """Say whether a version may serve in an environment now, and until when."""
    model = version.registered_model
    asked = Decision(Answer.DENY, environment, now, version)
    policy = governing_policy(model, environment, now)
    if policy is None:
        return replace(asked, reasons=(_no_policy(version, environment),))
    found = _Found()
    slot = _slot(version, environment)
    request = _newest_request(version, environment)
    if slot and slot.serving(now) == version:
        _look_at_champion(slot, version, found, now)
    else:
        _look_at_outsider(slot, version, request, policy, found, now)
    _look_at_model(version, found, now)
    return replace(
        asked,
        answer=found.answer,
        reasons=tuple(found.reasons),
        warnings=tuple(found.warnings),
        waivers=found.waivers,
        restrictions=tuple(found.restrictions),
        policy=policy,
        request=request,
        expires_at=min(found.ends, default=None) if not found.reasons else None,
    )


def refuse_denied(version: ModelVersion, *, environment: str, now: datetime) -> None:
    """Refuse, within its transaction, an act after which nobody may serve.

    Whoever was let into a slot and is denied there has only put somebody else out.
    """
    decided = decide(version, environment=environment, now=now)
    if decided.answer == Answer.DENY:
        first = decided.reasons[0]
        raise ConflictError(first.code, first.sentence)


def decide_among(
    versions: Sequence[ModelVersion], *, environment: str, now: datetime
) -> Decision:
    """Decide about the versions that an artifact's digest names: none or one of a model.

    Two models may hold the same artifact. What one was allowed, the other was not.
    """
    asked = Decision(Answer.DENY, environment, now)
    if not versions:
        reason = Reason(
            "unknown",
            "No version that you may see has this name or artifact: register it, and "
            "deploy exactly the file that was registered.",
        )
        return replace(asked, reasons=(reason,))
    if len(versions) > 1:
        reason = Reason(
            "ambiguous",
            "More than one model has this artifact: name the registered model as well.",
        )
        return replace(asked, reasons=(reason,))
    return decide(versions[0], environment=environment, now=now)


def _slot(version: ModelVersion, environment: str) -> Slot | None:
    return (
        Slot.objects.filter(
            registered_model=version.registered_model_id, environment=environment
        )
        .with_champion()
        .first()
    )


def _newest_request(version: ModelVersion, environment: str) -> PromotionRequest | None:
    requests = version.promotion_requests.filter(environment=environment)
    return requests.order_by("-pk").first()


def _look_at_champion(
    slot: Slot, version: ModelVersion, found: _Found, now: datetime
) -> None:
    approved = (
        version.promotion_requests.filter(
            promotion__slot=slot, state=RequestState.PROMOTED
        )
        .with_subject()
        .order_by("-pk")
        .first()
    )
    last = last_of(slot)
    if slot.approved_champion is not None and slot.approved_champion != last.version:
        found.reasons.append(
            Reason(
                "slot_altered",
                f"No promotion and no rollback put {slot.approved_champion} into {slot}: "
                f"find out who changed it, and have a version promoted.",
            )
        )
    claims = [*last.claims, *claims_of_revalidations(slot, version)]
    if approved is None and slot.break_glass is None:
        found.reasons.append(
            Reason("slot_altered", f"No approval lets it serve in {slot} any more.")
        )
    if approved:
        assessed = assess(approved, now)
        _look_at_waivers(assessed, found)
        _look_at_attestations(approved, assessed.missing_attestations, found)
        _look_at_sign_offs(approved, found)
        claims += claims_of_request(approved, assessed)
    emergency = slot.break_glass
    if emergency and not emergency.has_expired(now):
        claims += claims_of_emergency(emergency)
        if _has_ended(emergency, version):
            found.reasons.append(
                Reason("slot_altered", f"No emergency lets it serve in {slot} now.")
            )
        found.ends.append(emergency.expires_at)
        found.warnings.append(
            Reason(
                "break_glass",
                f"It serves in an emergency without an approval, until "
                f"{emergency.expires_at:%Y-%m-%d %H:%M} UTC.",
            )
        )
    _look_at_records(claims, found)
    due = due_dates([slot], now).get(slot.pk)
    if due and due.at:
        found.ends.append(due.at + GRACE)
        if due.is_due(now):
            (found.reasons if due.is_denied(now) else found.warnings).append(_due(due))
    freeze = Freeze.objects.in_force().filter(slot=slot).first()
    if freeze and freeze.is_review_overdue(now):
        found.warnings.append(
            Reason(
                "review_overdue",
                f"The rollback should have been reviewed by "
                f"{freeze.review_due_at:%Y-%m-%d %H:%M} UTC: have freeze {freeze.pk} "
                f"reviewed and lifted.",
            )
        )


def _has_ended(emergency: BreakGlassConfirmation, version: ModelVersion) -> bool:
    ended = BreakGlassEnd.objects.filter(confirmation=emergency).exists()
    return ended or emergency.break_glass.model_version_id != version.pk


def _look_at_waivers(assessed: Assessment, found: _Found) -> None:
    """Deny a champion whose gates were waived until a day that has come."""
    found.waivers = assessed.waivers
    found.ends += [waiver.expires_at for waiver in assessed.waivers]
    if assessed.open_gates:
        found.reasons.append(
            Reason(
                "waiver_expired",
                f"No waiver of {', '.join(assessed.open_gates)} counts any more: have it "
                f"renewed, or promote a version that needs none.",
            )
        )


def _look_at_records(claims: Iterable[Claim], found: _Found) -> None:
    """Deny a champion that rests on what the log does not tell of."""
    altered = next(unfounded(claims), None)
    if altered is not None:
        found.reasons.append(
            Reason(
                "records_altered",
                f"{altered.fault} Find out who changed it, and let another version serve.",
            )
        )


def _look_at_sign_offs(approved: PromotionRequest, found: _Found) -> None:
    """Deny a champion whose signatures are not those of which the log tells."""
    faults = [fault.sentence for fault in sign_off_faults([approved])]
    if faults:
        found.reasons.append(
            Reason(
                "sign_offs_altered",
                f"{faults[0]} Find out who changed it, and let another version serve.",
            )
        )


def _look_at_attestations(
    approved: PromotionRequest, missing: Iterable[str], found: _Found
) -> None:
    """Warn of what is too old by now, and deny what somebody has taken back since."""
    of_version = Attestation.objects.filter(
        model_version=approved.model_version_id,
        environment=approved.environment,
        kind__in=missing,
        withdrawal__withdrawn_at__gte=approved.approved_at,
    )
    withdrawn = sorted(set(of_version.values_list("kind", flat=True)))
    if withdrawn:
        found.reasons.append(
            Reason(
                "attestation_withdrawn",
                f"Withdrawn since it was approved: {', '.join(withdrawn)}. Have it "
                f"attested anew, or let another version serve.",
            )
        )
    expired = [kind for kind in missing if kind not in withdrawn]
    if expired:
        found.warnings.append(
            Reason(
                "attestation_expired", f"Not attested any more: {', '.join(expired)}."
            )
        )


def _look_at_outsider(
    slot: Slot | None,
    version: ModelVersion,
    request: PromotionRequest | None,
    policy: Policy,
    found: _Found,
    now: datetime,
) -> None:
    """Say why a version that holds no slot does not serve, and whether it may soon."""
    if slot and slot.break_glass and slot.champion == version:
        code, sentence = (
            "break_glass_expired",
            "Its emergency is over: ask for approval.",
        )
    elif request is None:
        code = "not_promoted"
        sentence = "Nobody has asked for its promotion: open a promotion request."
    else:
        code, sentence, found.is_pending = _of_request(request, policy, now)
    found.reasons.append(Reason(code, sentence))
    if (
        slot
        and found.is_pending
        and Freeze.objects.in_force().filter(slot=slot).exists()
    ):
        found.reasons.append(
            Reason("frozen", f"{slot} is frozen until its rollback has been reviewed.")
        )


def _of_request(
    request: PromotionRequest, policy: Policy, now: datetime
) -> tuple[str, str, bool]:
    """Return code, sentence and whether people are still at it."""
    asked = f"Request {request.pk}"
    if request.is_due(now) or request.state == RequestState.EXPIRED:
        if request.approved_at:
            return "approval_expired", f"{asked} was not promoted in time.", False
        return "request_expired", f"{asked} was not decided in time.", False
    if request.is_open and request.policy_id != policy.pk:
        superseded = (
            f"{asked} is held to a policy that {policy} has followed: ask anew."
        )
        return "policy_superseded", superseded, False
    match request.state:
        case RequestState.EVALUATING:
            return (
                "evaluating",
                f"{asked} is being evaluated: wait for its gates.",
                True,
            )
        case RequestState.IN_REVIEW:
            return "in_review", f"{asked} waits for its sign-offs.", True
        case RequestState.APPROVED:
            return "not_promoted", f"{asked} is approved: promote it.", True
        case RequestState.PROMOTED:
            return "superseded", "Another version has taken its slot.", False
        case RequestState.ROLLED_BACK:
            return "rolled_back", "It was rolled back: see the finding.", False
        case _:
            state = str(request.state)
    return state, f"{asked} is {state.replace('_', ' ')}: look at it.", False


def _look_at_model(version: ModelVersion, found: _Found, now: datetime) -> None:
    """Look at what forbids or restricts any use; whoever is pending is denied by it."""
    forbids = [*_of_log(), *_of_findings(version, now)]
    if version.is_retired:
        forbids.append(Reason("retired", f"{version} is retired: use another version."))
    if is_archived(version):
        forbids.append(
            Reason("archived", f"{version} is archived: use another version.")
        )
    if forbids:
        found.reasons += forbids
        found.is_pending = False
    card = ModelCard.objects.newest().filter(
        registered_model=version.registered_model_id
    )
    found.restrictions += [
        text for text in card.values_list("limits_of_use", flat=True) if text
    ]
    borne = Finding.objects.filter(
        registered_model=version.registered_model_id,
        severity__in=(Severity.CRITICAL, Severity.HIGH),
        state=FindingState.RISK_ACCEPTED,
        accepted_until__gt=now,
    )
    until = borne.aggregate(first=Min("accepted_until"))["first"]
    if until:
        found.ends.append(until)
        found.warnings.append(
            Reason("risk_accepted", f"A finding is borne until {until:%Y-%m-%d}.")
        )


def _of_log() -> Iterable[Reason]:
    log = soundness()
    if not log.is_intact:
        yield Reason(
            "log_not_intact",
            "The audit log was found altered: nothing rests on it until it is put right.",
        )
    elif log.is_silent:
        yield Reason(
            "log_silent",
            "The audit log has sealed nothing for too long: have its sequencer started.",
        )


def _of_findings(version: ModelVersion, now: datetime) -> Iterable[Reason]:
    for hindrance in blocking_findings(version, now):
        yield Reason(hindrance.code, hindrance.sentence)


def _due(due: Due) -> Reason:
    return Reason(
        "revalidation_due",
        f"It must be validated again since {due.at:%Y-%m-%d} ({due.why.replace('_', ' ')}): "
        f"after {GRACE.days} days of grace it may not serve.",
    )


def _no_policy(version: ModelVersion, environment: str) -> Reason:
    return Reason(
        "no_policy",
        f"No policy governs {version.registered_model} in {environment}: have one drafted "
        f"and published.",
    )
