"""Requests end here without a promotion: rejected, withdrawn, invalidated, expired."""

from contextlib import AbstractContextManager
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.services import record, refusals_recorded, system_account
from registry.events import RegistryEvent
from registry.models import (
    Closing,
    Delegation,
    NotificationType,
    Policy,
    PromotionRequest,
    RequestState,
    TierAssessment,
)
from registry.models.sign_off import SignerRole
from registry.permissions import may_invalidate, may_reject, may_request_promotion
from registry.services.approvals import refuse_due
from registry.services.authority import (
    refuse_untold_permission_of_owner,
    refuse_untold_signer,
)
from registry.services.conclusions import locked_request
from registry.services.delegations import authority_to_sign
from registry.services.governance import bound_models, is_superseded
from registry.services.notifications import notify
from registry.services.reauthentication import reauthenticate_for
from registry.services.sign_offs import (
    refuse_deactivated,
    refuse_unless_in_review,
    refuse_unless_may_sign,
    refuse_unread_evidence,
    stated,
)
from registry.signing import printed_name, signed_name
from tracking.authority import refuse_untold_person
from tracking.services.log_ins import tries_counted

NEWS = {
    RequestState.REJECTED: NotificationType.REQUEST_REJECTED,
    RequestState.WITHDRAWN: NotificationType.REQUEST_WITHDRAWN,
    RequestState.INVALIDATED: NotificationType.REQUEST_INVALIDATED,
    RequestState.EXPIRED: NotificationType.REQUEST_EXPIRED,
}
EVENTS = {
    RequestState.REJECTED: RegistryEvent.REQUEST_REJECTED,
    RequestState.WITHDRAWN: RegistryEvent.REQUEST_WITHDRAWN,
    RequestState.INVALIDATED: RegistryEvent.REQUEST_INVALIDATED,
    RequestState.EXPIRED: RegistryEvent.REQUEST_EXPIRED,
}


def reject_request(
    request: PromotionRequest,
    *,
    role: SignerRole,
    reason: str,
    password: str,
    seen_digest: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> Closing:
    """Refuse a version, signed, as one of the reviewers whose signature is wanted."""
    reason = stated(reason)
    with (
        _refusals(RequestState.REJECTED, request, actor),
        tries_counted(actor),
        transaction.atomic(),
    ):
        request = locked_request(request.pk)
        now = timezone.now()
        refuse_unless_may_sign(request, role, actor, now)
        delegation = authority_to_sign(request, role, actor, now)
        model = request.model_version.registered_model
        if not may_reject(actor, model):
            raise PermissionDeniedError(
                "may_not_reject",
                f"You may not reject requests of {model}: ask for a reviewer's role.",
            )
        refuse_untold_signer(actor, role, model)
        proof = reauthenticate_for(
            model,
            actor,
            password=password,
            code=code,
            is_interactive=is_interactive,
            now=now,
        )
        refuse_unless_in_review(request, role)
        refuse_unread_evidence(request, seen_digest, actor)
        return _close(
            request,
            RequestState.REJECTED,
            reason=reason,
            actor=actor,
            now=now,
            delegation=delegation,
            role=role,
            method=proof.method,
            printed_name=signed_name(actor, delegation),
        )


def withdraw_request(request: PromotionRequest, *, reason: str, actor: User) -> Closing:
    """Take an open request back, as whoever may ask for promotions of the model."""
    reason = stated(reason)
    with _refusals(RequestState.WITHDRAWN, request, actor), transaction.atomic():
        request = locked_request(request.pk)
        refuse_deactivated(actor)
        model = request.model_version.registered_model
        if not may_request_promotion(actor, model):
            raise PermissionDeniedError(
                "may_not_withdraw",
                f"You may not withdraw requests of {model}: ask the developer or the "
                f"owner to.",
            )
        now = timezone.now()
        return _close(
            request, RequestState.WITHDRAWN, reason=reason, actor=actor, now=now
        )


def invalidate_request(
    request: PromotionRequest,
    *,
    reason: str,
    password: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> Closing:
    """Revoke the evidence of an open request, signed: it proves nothing any more."""
    reason = stated(reason)
    with (
        _refusals(RequestState.INVALIDATED, request, actor),
        tries_counted(actor),
        transaction.atomic(),
    ):
        request = locked_request(request.pk)
        now = timezone.now()
        refuse_deactivated(actor)
        model = request.model_version.registered_model
        if not may_invalidate(actor, model):
            raise PermissionDeniedError(
                "may_not_invalidate",
                f"You may not revoke the evidence of {model}: its owner may, and whoever "
                f"reviews it.",
            )
        refuse_untold_person(actor)
        refuse_untold_permission_of_owner(actor, "reject_request", model)
        proof = reauthenticate_for(
            model,
            actor,
            password=password,
            code=code,
            is_interactive=is_interactive,
            now=now,
        )
        return _close(
            request,
            RequestState.INVALIDATED,
            reason=reason,
            actor=actor,
            now=now,
            method=proof.method,
            printed_name=printed_name(actor),
        )


def end_requests_of_other_tier(
    assessment: TierAssessment, *, actor: User, now: datetime
) -> None:
    """End a model's open requests, in the transaction that changes its tier.

    Who signs, with how many factors, under which policy and for how long depends on the
    tier: a request and its approval hold for the tier that they began with.
    """
    model = assessment.registered_model
    of_model = PromotionRequest.objects.open().filter(
        model_version__registered_model=model
    )
    for pk in of_model.order_by("pk").values_list("pk", flat=True):
        _end_by_system(
            locked_request(pk),
            reason="The tier of the model was assessed anew: open another request.",
            cause=f"{model.subject}/tier/{assessment.pk}",
            actor=actor,
            now=now,
        )


def end_requests_of_former_policy(
    policy: Policy, *, actor: User, now: datetime
) -> None:
    """End the open requests that another policy governs, in the transaction of that one.

    What people signed, or were to, is whether a version comes up to what was demanded.
    """
    open_there = PromotionRequest.objects.open().filter(
        environment=policy.environment,
        model_version__registered_model__in=bound_models(policy),
    )
    for pk in open_there.order_by("pk").values_list("pk", flat=True):
        request = locked_request(pk)
        if is_superseded(request, now):
            reason = f"{policy} governs {policy.environment} now: open another request."
            _end_by_system(
                request, reason=reason, cause=policy.subject, actor=actor, now=now
            )


def expire_if_due(request_pk: int, *, now: datetime) -> bool:
    """End a request whose time has run out, in a transaction; say whether it did."""
    with transaction.atomic():
        request = locked_request(request_pk)
        if not request.is_due(now):
            return False
        ran_out = (
            "The approval was not redeemed in time."
            if request.state == RequestState.APPROVED
            else "The request was not approved in time."
        )
        _close(
            request,
            RequestState.EXPIRED,
            reason=ran_out,
            actor=system_account(),
            now=now,
        )
    return True


def _end_by_system(
    request: PromotionRequest, *, reason: str, cause: str, actor: User, now: datetime
) -> None:
    if request.is_open and not expire_if_due(request.pk, now=now):
        _close(
            request,
            RequestState.INVALIDATED,
            reason=reason,
            cause=cause,
            actor=actor,
            now=now,
        )


def _refusals(
    to: RequestState, request: PromotionRequest, actor: User
) -> AbstractContextManager[None]:
    return refusals_recorded(
        RegistryEvent.CLOSING_REFUSED,
        actor=actor,
        subject=request.subject,
        payload={"state": to},
    )


def _close(
    request: PromotionRequest,
    to: RequestState,
    *,
    reason: str,
    actor: User,
    now: datetime,
    delegation: Delegation | None = None,
    cause: str | None = None,
    **signature: str,
) -> Closing:
    """End a request; `cause` is what ended it where nobody signs, as the log names it."""
    if to != RequestState.EXPIRED:
        refuse_due(request, now)
    if not PromotionRequest.objects.move(request.pk, to=to):
        raise ConflictError(
            "request_not_open",
            f"This request is {request.get_state_display().lower()}: it has ended and "
            f"stays as it is.",
            state=request.state,
        )
    closing = Closing.objects.create(
        request=request,
        state=to,
        reason=reason,
        closed_by=actor,
        subject_digest=request.subject_digest,
        closed_at=now,
        **signature,
    )
    record(
        EVENTS[to],
        actor=actor,
        subject=request.subject,
        payload={
            "from": request.state,
            "role": closing.role,
            "method": closing.method,
            "delegation": delegation.subject if delegation else None,
            "subject_digest": closing.subject_digest,
            **({"cause": cause} if to == RequestState.INVALIDATED else {}),
        },
        private={"printed_name": closing.printed_name, "reason": reason},
    )
    notify(NEWS[to], request)
    return closing
