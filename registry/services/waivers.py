"""Waivers are asked for by one person, approved by others, and withdrawn here."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import (
    ConflictError,
    InvalidError,
    PermissionDeniedError,
    would_refuse,
)
from audit.proofs import refuse_unsound_log
from audit.services import record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import (
    PromotionRequest,
    RequestState,
    Verdict,
    Waiver,
    WaiverApproval,
    WaiverScope,
    WaiverWithdrawal,
)
from registry.models.tier import TierRules, rules_of
from registry.permissions import may_approve_waiver, may_request_waiver
from registry.policy_document import read_policy_document
from registry.services.approvals import refuse_due
from registry.services.assessment import WAIVED, covers, is_waivable, lets_through
from registry.services.authority import refuse_untold_permission
from registry.services.conclusions import locked_request, reconsider
from registry.services.reauthentication import reauthenticate_for
from registry.services.sign_offs import (
    refuse_conflicting_duties,
    refuse_deactivated,
    stated,
)
from registry.signing import printed_name
from tracking.services.log_ins import tries_counted

LIVES = 2  # once granted, and renewed once


def request_waiver(
    request: PromotionRequest,
    *,
    gate: str,
    scope: WaiverScope,
    reason: str,
    compensating_control: str,
    residual_risk: str,
    days: int,
    actor: User,
) -> Waiver:
    """Ask that an open gate be let through for some days; it waives nothing yet."""
    texts = {
        "reason": reason.strip(),
        "compensating_control": compensating_control.strip(),
        "residual_risk": residual_risk.strip(),
    }
    for name, text in texts.items():
        if not text:
            raise InvalidError(
                f"{name}_missing", f"Write the {name.replace('_', ' ')} of the waiver."
            )
    with _refusals(request, actor, gate), transaction.atomic():
        request = locked_request(request.pk)
        now = timezone.now()
        _refuse_unless_may_ask(request, actor)
        _refuse_unless_blocked(request, now)
        verdict = _verdict_to_waive(request, gate)
        _refuse_too_long(request, days)
        waiver = Waiver.objects.create(
            request=request,
            gate=gate,
            verdict=verdict,
            scope=scope,
            approvals_needed=_rules(request).waiver_approvers,
            renews=_renewed(request, gate),
            starts_at=now,
            expires_at=now + timedelta(days=days),
            requested_by=actor,
            requested_at=now,
            **texts,
        )
        record(
            RegistryEvent.WAIVER_REQUESTED,
            actor=actor,
            subject=request.subject,
            payload={
                "waiver": waiver.pk,
                "gate": gate,
                "verdict": verdict.digest,
                "outcome": verdict.outcome,
                "evidence": request.snapshots.get(attempt=request.attempt).digest,
                "scope": scope,
                "renews": waiver.renews_id,
                "starts_at": waiver.starts_at.isoformat(),
                "expires_at": waiver.expires_at.isoformat(),
                "approvals_needed": waiver.approvals_needed,
            },
            private=texts,
        )
    return waiver


def approve_waiver(
    waiver: Waiver,
    *,
    reason: str,
    password: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> WaiverApproval:
    """Take responsibility for a waiver; the last approval needed puts it in force."""
    reason = stated(reason)
    with (
        _refusals(waiver.request, actor, waiver.gate),
        tries_counted(actor),
        transaction.atomic(),
    ):
        request = locked_request(waiver.request_id)
        waiver = Waiver.objects.with_people().get(pk=waiver.pk)
        now = timezone.now()
        _refuse_unless_may_approve(request, waiver, actor, now)
        proof = reauthenticate_for(
            request.model_version.registered_model,
            actor,
            password=password,
            code=code,
            is_interactive=is_interactive,
            now=now,
        )
        refuse_unsound_log()
        _refuse_unless_asked_for(waiver, actor, now)
        _refuse_unless_blocked(request, now)
        _refuse_other_result(request, waiver)
        # Several may have been asked for before the first was granted.
        _renewed(request, waiver.gate)
        approval = WaiverApproval.objects.create(
            waiver=waiver,
            approver=actor,
            printed_name=printed_name(actor),
            reason=reason,
            method=proof.method,
            approved_at=now,
        )
        record(
            RegistryEvent.WAIVER_APPROVED,
            actor=actor,
            subject=request.subject,
            payload={
                "waiver": waiver.pk,
                "gate": waiver.gate,
                "method": proof.method,
                "is_granted": Waiver.objects.granted().filter(pk=waiver.pk).exists(),
            },
            private={"printed_name": approval.printed_name, "reason": reason},
        )
        _reconsider_requests(waiver, actor=actor, now=now)
    return approval


def withdraw_waiver(waiver: Waiver, *, reason: str, actor: User) -> WaiverWithdrawal:
    """End a waiver before its day, as who asked for it or may approve it."""
    reason = stated(reason)
    with _refusals(waiver.request, actor, waiver.gate), transaction.atomic():
        request = locked_request(waiver.request_id)
        _refuse_unless_may_withdraw(request, waiver, actor)
        if WaiverWithdrawal.objects.filter(waiver=waiver).exists():
            raise ConflictError("waiver_withdrawn", "It was withdrawn already.")
        now = timezone.now()
        withdrawal = WaiverWithdrawal.objects.create(
            waiver=waiver, withdrawn_by=actor, reason=reason, withdrawn_at=now
        )
        record(
            RegistryEvent.WAIVER_WITHDRAWN,
            actor=actor,
            subject=request.subject,
            payload={"waiver": waiver.pk, "gate": waiver.gate},
            private={"reason": reason},
        )
        _reconsider_requests(waiver, actor=actor, now=now)
    return withdrawal


def gates_to_waive(
    actor: User, request: PromotionRequest, gates: Iterable[str]
) -> list[str]:
    """Return those of some gates for which somebody may ask for a waiver now."""
    if would_refuse(_refuse_unless_may_ask, request, actor) or would_refuse(
        _refuse_unless_blocked, request, timezone.now()
    ):
        return []
    return [
        gate
        for gate in gates
        if not would_refuse(_verdict_to_waive, request, gate)
        and not would_refuse(_renewed, request, gate)
    ]


def may_approve_any_waiver(actor: User, request: PromotionRequest) -> bool:
    """Say whether a waiver that a request may rest on waits for this person."""
    now = timezone.now()
    return any(
        not would_refuse(_refuse_to_approve, waiver, actor, now)
        for waiver in Waiver.objects.covering(request).with_people()
    )


def may_withdraw_any_waiver(actor: User, request: PromotionRequest) -> bool:
    """Say whether this person may end a waiver that a request may rest on."""
    standing = Waiver.objects.covering(request).filter(withdrawal__isnull=True)
    return any(
        not would_refuse(_refuse_unless_may_withdraw, request, waiver, actor)
        for waiver in standing
    )


def _refusals(
    request: PromotionRequest, actor: User, gate: str
) -> AbstractContextManager[None]:
    return refusals_recorded(
        RegistryEvent.WAIVER_REFUSED,
        actor=actor,
        subject=request.subject,
        payload={"gate": gate},
    )


def _rules(request: PromotionRequest) -> TierRules:
    return rules_of(request.model_version.registered_model.tier)


def _refuse_unless_may_ask(request: PromotionRequest, actor: User) -> None:
    refuse_deactivated(actor)
    model = request.model_version.registered_model
    if not may_request_waiver(actor, model):
        raise PermissionDeniedError(
            "may_not_request_waiver",
            f"You may not ask for waivers of {model}: ask for the developer or owner "
            f"role.",
        )


def _refuse_unless_may_withdraw(
    request: PromotionRequest, waiver: Waiver, actor: User
) -> None:
    refuse_deactivated(actor)
    is_own = waiver.requested_by_id == actor.pk
    model = request.model_version.registered_model
    if not (is_own or may_approve_waiver(actor, model)):
        raise PermissionDeniedError(
            "may_not_withdraw_waiver",
            "You may not withdraw this waiver: who asked for it may, and whoever may "
            "approve waivers.",
        )


def _refuse_to_approve(waiver: Waiver, actor: User, now: datetime) -> None:
    _refuse_unless_asked_for(waiver, actor, now)
    _refuse_unless_blocked(waiver.request, now)
    _refuse_unless_may_approve(waiver.request, waiver, actor, now)


def _refuse_unless_may_approve(
    request: PromotionRequest, waiver: Waiver, actor: User, now: datetime
) -> None:
    refuse_deactivated(actor)
    if waiver.requested_by_id == actor.pk:
        raise PermissionDeniedError(
            "asker_does_not_approve",
            "You asked for this waiver, so somebody else must approve it.",
        )
    refuse_conflicting_duties(request, actor, now)
    model = request.model_version.registered_model
    if not may_approve_waiver(actor, model):
        raise PermissionDeniedError(
            "may_not_approve_waiver",
            f"You may not approve waivers of {model}: somebody with the validator, risk "
            f"or ethics role must.",
        )
    refuse_untold_permission(actor, "approve_waiver", model)


def _refuse_unless_blocked(request: PromotionRequest, now: datetime) -> None:
    """Let a promoted version have the waiver renewed that it rests on, too."""
    if request.state not in (RequestState.BLOCKED, RequestState.PROMOTED):
        raise ConflictError(
            "request_not_blocked",
            f"This request is {request.get_state_display().lower()}: only the open gates "
            f"of a blocked or promoted request are waived.",
            state=request.state,
        )
    refuse_due(request, now)


def _verdict_to_waive(request: PromotionRequest, gate: str) -> Verdict:
    """Return the verdict that stands in the way, or refuse where none is waived."""
    verdict = Verdict.objects.filter(
        gate_run__request=request,
        gate_run__attempt=request.attempt,
        gate_run__gate=gate,
    ).first()
    if verdict is None:
        raise InvalidError(
            "gate_unknown", f"The policy has no gate {gate!r}: name one of its gates."
        )
    clause = read_policy_document(request.policy.document).clause(gate)
    rules = _rules(request)
    if lets_through(verdict.outcome, clause, rules):
        raise ConflictError(
            "gate_not_open", f"The gate {gate} does not stand in the way."
        )
    if verdict.outcome not in WAIVED:
        raise ConflictError(
            "gate_measured_nothing",
            f"The gate {gate} measured nothing, so there is no result to waive. Ask for "
            f"a new evaluation.",
        )
    if not is_waivable(clause, rules):
        raise ConflictError(
            "gate_not_waivable",
            f"The gate {gate} cannot be waived: the policy or the model's tier forbids "
            f"it. Only a version that passes it can go on.",
        )
    return verdict


def _refuse_other_result(request: PromotionRequest, waiver: Waiver) -> None:
    """Refuse to let through what nobody has asked to be let through."""
    verdict = _verdict_to_waive(request, waiver.gate)
    if not covers(waiver, verdict):
        raise ConflictError(
            "waiver_of_other_result",
            f"What the gate {waiver.gate} says now is worse than what this waiver was "
            f"asked for, or rests on other evidence: let another one be asked for.",
        )


def _refuse_too_long(request: PromotionRequest, days: int) -> None:
    at_most = _rules(request).waiver_days
    if not 1 <= days <= at_most:
        raise InvalidError(
            "waiver_too_long",
            f"A waiver of this model lives for 1 to {at_most} days, not {days}.",
        )


def _renewed(request: PromotionRequest, gate: str) -> Waiver | None:
    """Return the granted waiver that a new one follows; there may be one renewal.

    One that was withdrawn has lived: withdrawing it early earns nobody another one.
    """
    earlier = Waiver.objects.ever_granted().filter(
        gate=gate,
        request__model_version=request.model_version_id,
        request__environment=request.environment,
    )
    lived = list(earlier.order_by("pk"))
    if len(lived) >= LIVES:
        raise ConflictError(
            "waiver_renewed_already",
            f"The gate {gate} of this version was waived and that was renewed once. "
            f"Bring a version that passes it.",
        )
    return lived[-1] if lived else None


def _refuse_unless_asked_for(waiver: Waiver, actor: User, now: datetime) -> None:
    standing = waiver.standing(now)
    if standing != "asked for":
        raise ConflictError(
            "waiver_not_asked_for",
            f"This waiver is {standing}: there is nothing to approve.",
            standing=standing,
        )
    if any(given.approver_id == actor.pk for given in waiver.approvals.all()):
        raise ConflictError(
            "approver_counts_once",
            "You have approved this waiver already; another person must as well.",
        )


def _reconsider_requests(waiver: Waiver, *, actor: User, now: datetime) -> None:
    for pk in _resting_on(waiver):
        reconsider(pk, cause=f"waiver {waiver.pk}", actor=actor, now=now)


def _resting_on(waiver: Waiver) -> list[int]:
    """Return the open requests that may rest on a waiver."""
    request = waiver.request
    if waiver.scope == WaiverScope.REQUEST:
        return [request.pk]
    of_version = PromotionRequest.objects.open().filter(
        model_version=request.model_version_id, environment=request.environment
    )
    return list(of_version.order_by("pk").values_list("pk", flat=True))
