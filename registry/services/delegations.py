"""Signing roles are delegated here, signed and for a while, and taken back."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import pseudonym, record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import (
    Delegation,
    DelegationWithdrawal,
    PromotionRequest,
    RegisteredModel,
)
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.permissions import delegation_to_sign, may_delegate
from registry.services.quorum import conflicts_of
from registry.signing import printed_name, reauthenticate, valid_sign_offs
from tracking.models import Workspace
from tracking.people import people_seen_by, refuse_unknown
from tracking.permissions import Role, holds
from tracking.services.log_ins import tries_counted
from tracking.services.roles import refuse_forbidden_combination

LONGEST = timedelta(days=30)


def delegate_signing(
    workspace: Workspace,
    *,
    role: SignerRole,
    delegate: User,
    model: RegisteredModel | None = None,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    password: str,
    code: str = "",
    is_interactive: bool,
    actor: User,
) -> Delegation:
    """Let somebody sign in the actor's role, for one model or for all of the workspace.

    It is signed like a sign-off, and ends by itself; only who holds the role from a
    grant delegates it, so it goes no further (R8).
    """
    _refuse_wrong_times(starts_at, ends_at)
    if not reason.strip():
        raise InvalidError("reason_missing", "Say why you delegate, such as a leave.")
    with (
        refusals_recorded(
            RegistryEvent.DELEGATION_REFUSED,
            actor=actor,
            subject=workspace.subject,
            payload={
                "role": role,
                "delegate": pseudonym(delegate) if delegate.pk else None,
            },
        ),
        tries_counted(actor),
        transaction.atomic(),
    ):
        if not may_delegate(actor, role, workspace=workspace, model=model):
            raise PermissionDeniedError(
                "may_not_delegate",
                f"You do not sign as {role} there yourself, so you cannot delegate it.",
            )
        refuse_unknown(delegate, people_seen_by(actor), code="account_unknown")
        _refuse_unfit(delegate, role, workspace, model, actor)
        now = timezone.now()
        proof = reauthenticate(
            actor,
            password=password,
            code=code,
            two_factors=_wants_two_factors(workspace, model),
            is_interactive=is_interactive,
            now=now,
        )
        delegation = Delegation.objects.create(
            workspace=workspace,
            registered_model=model,
            role=role,
            delegator=actor,
            delegate=delegate,
            printed_name=printed_name(actor),
            reason=reason.strip(),
            method=proof.method,
            starts_at=starts_at,
            ends_at=ends_at,
            signed_at=now,
        )
        record(
            RegistryEvent.DELEGATION_GIVEN,
            actor=actor,
            subject=delegation.subject,
            payload={
                "role": role,
                "on": model.subject if model else workspace.subject,
                "delegate": f"user/{delegate.pk}",
                "starts_at": starts_at.isoformat(),
                "ends_at": ends_at.isoformat(),
                "method": proof.method,
            },
            private={
                "printed_name": delegation.printed_name,
                "reason": delegation.reason,
            },
        )
    return delegation


def withdraw_delegation(delegation: Delegation, *, actor: User) -> None:
    """Take a delegation back before its end; what was signed by it stays valid."""
    with (
        refusals_recorded(
            RegistryEvent.DELEGATION_REFUSED,
            actor=actor,
            subject=delegation.subject,
            payload={
                "role": delegation.role,
                "delegate": f"user/{delegation.delegate_id}",
            },
        ),
        transaction.atomic(),
    ):
        if actor.pk not in {delegation.delegator_id, delegation.delegate_id}:
            raise PermissionDeniedError(
                "delegation_of_somebody_else",
                "Only the two people of a delegation end it before its time.",
            )
        _, is_new = DelegationWithdrawal.objects.get_or_create(
            delegation=delegation, defaults={"withdrawn_at": timezone.now()}
        )
        if not is_new:
            raise ConflictError(
                "delegation_withdrawn", "This delegation was taken back already."
            )
        record(
            RegistryEvent.DELEGATION_WITHDRAWN,
            actor=actor,
            subject=delegation.subject,
            payload={},
        )


def authority_to_sign(
    request: PromotionRequest, role: SignerRole, actor: User, now: datetime
) -> Delegation | None:
    """Return the delegation that a signature stands on, None if it needs none.

    What the delegator did counts as if they signed themselves, and they count once.
    """
    model = request.model_version.registered_model
    delegation = delegation_to_sign(actor, role, model)
    if delegation is None:
        return None
    conflicts = conflicts_of(delegation.delegator, request, now=now)
    if conflicts:
        raise PermissionDeniedError(
            "segregation_of_duties",
            f"You may not sign for {delegation.printed_name}, who {' and '.join(conflicts)}."
            f" Somebody else must sign.",
            conflicts=conflicts,
        )
    return delegation


def refuse_second_signature(
    request: PromotionRequest, actor: User, delegation: Delegation | None
) -> None:
    """Count both people of a delegation once, whoever of them has signed (R2)."""
    counted = set()
    for signed in valid_sign_offs(request).select_related("delegation"):
        counted |= {signed.signer_id}
        counted |= {signed.delegation.delegator_id} if signed.delegation else set()
    mine = {actor.pk} | ({delegation.delegator_id} if delegation else set())
    if counted & mine:
        raise ConflictError(
            "signer_counts_once",
            "You have signed this request already, or it was signed for you or for whom "
            "you sign; another role needs another person.",
        )


def _refuse_wrong_times(starts_at: datetime, ends_at: datetime) -> None:
    if not timedelta(0) < ends_at - starts_at <= LONGEST or ends_at <= timezone.now():
        raise InvalidError(
            "delegation_times_invalid",
            f"A delegation ends after it starts, in the future, and within "
            f"{LONGEST.days} days: choose other times.",
        )


def _refuse_unfit(
    delegate: User,
    role: SignerRole,
    workspace: Workspace,
    model: RegisteredModel | None,
    actor: User,
) -> None:
    if delegate == actor:
        raise ConflictError(
            "delegate_is_oneself", "You sign for yourself anyway: choose somebody else."
        )
    refuse_forbidden_combination(delegate, Role(role.value))
    sees = (
        holds(delegate, "view_registeredmodel", model)
        if model
        else holds(delegate, "view_workspace", workspace)
    )
    if not sees:
        raise ConflictError(
            "delegate_is_a_stranger",
            f"{delegate.username} cannot see what they would sign: choose somebody with "
            f"a role there.",
        )


def _wants_two_factors(workspace: Workspace, model: RegisteredModel | None) -> bool:
    if model is not None:
        return model.wants_two_factors
    upper = RegisteredModel.objects.filter(workspace=workspace, tier__lte=Tier.HIGH)
    return upper.exists()
