"""Sign-offs are given here, and refused to whoever is too close to the version."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.proofs import refuse_unsound_log
from audit.services import record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import (
    EvidenceView,
    PromotionRequest,
    RequestState,
    SignOff,
)
from registry.models.sign_off import SignerRole
from registry.permissions import may_sign_as
from registry.services.approvals import (
    refuse_altered_records,
    refuse_altered_sign_offs,
    refuse_changed_subject,
    refuse_due,
)
from registry.services.authority import refuse_untold_signer
from registry.services.claims.requests import claims_of_view
from registry.services.conclusions import approve_when_complete, locked_request
from registry.services.delegations import authority_to_sign, refuse_second_signature
from registry.services.governance import refuse_superseded_policy
from registry.services.quorum import conflicts_of, lacking_roles, required_signers
from registry.services.reauthentication import reauthenticate_for
from registry.signing import signed_name, valid_sign_offs
from tracking.services.log_ins import tries_counted


def sign_off(
    request: PromotionRequest,
    *,
    role: SignerRole,
    meaning: str,
    reason: str,
    password: str,
    seen_digest: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> SignOff:
    """Sign what the request is now, as one role; the last one needed approves it.

    `seen_digest` is the subject digest that the actor had before their eyes;
    `is_interactive` says that they sit in a logged-in session. The password is checked
    again for every single act (21 CFR 11.200), and with it a one-time `code` where the
    model's tier asks for two factors.
    """
    meaning, reason = meaning.strip(), stated(reason)
    if not meaning:
        raise InvalidError(
            "meaning_missing", "Say what your signature means, such as 'I reviewed …'."
        )
    with (
        refusals_recorded(
            RegistryEvent.SIGN_OFF_REFUSED,
            actor=actor,
            subject=request.subject,
            payload={"role": role},
        ),
        tries_counted(actor),
        transaction.atomic(),
    ):
        request = locked_request(request.pk)
        now = timezone.now()
        refuse_unless_may_sign(request, role, actor, now)
        delegation = authority_to_sign(request, role, actor, now)
        proof = reauthenticate_for(
            request.model_version.registered_model,
            actor,
            password=password,
            code=code,
            is_interactive=is_interactive,
            now=now,
        )
        refuse_unsound_log()
        refuse_unless_in_review(request, role)
        refuse_superseded_policy(request, now)
        _refuse_second_of_role(request, role)
        refuse_second_signature(request, actor, delegation)
        opened = refuse_unread_evidence(request, seen_digest, actor)
        model = request.model_version.registered_model
        refuse_untold_signer(actor, role, model)
        refuse_altered_records(claims_of_view(opened))
        refuse_changed_subject(request, now)
        refuse_altered_sign_offs(request)
        signed = SignOff.objects.create(
            request=request,
            role=role,
            signer=actor,
            printed_name=signed_name(actor, delegation),
            delegation=delegation,
            meaning=meaning,
            reason=reason,
            method=proof.method,
            subject_digest=request.subject_digest,
            signed_at=now,
        )
        record(
            RegistryEvent.SIGN_OFF_GIVEN,
            actor=actor,
            subject=request.subject,
            payload={
                "role": role,
                "method": signed.method,
                "evidence_opened_at": opened.viewed_at.isoformat(),
                "delegation": delegation.subject if delegation else None,
                "signed_at": now.isoformat(),
                "subject_digest": signed.subject_digest,
            },
            private={
                "printed_name": signed.printed_name,
                "meaning": signed.meaning,
                "reason": signed.reason,
            },
        )
        approve_when_complete(request.pk, actor=actor, now=now)
    return signed


def missing_roles(request: PromotionRequest) -> list[str]:
    """Return the roles that still have to sign."""
    return lacking_roles(request)


def stated(reason: str) -> str:
    """Return the reason of an act, or refuse an empty one."""
    if not reason.strip():
        raise InvalidError(
            "reason_missing", "Give your reason: it is kept with what you decide."
        )
    return reason.strip()


def refuse_unless_may_sign(
    request: PromotionRequest, role: SignerRole, actor: User, now: datetime
) -> None:
    """Refuse who is too close to the version, has left, or does not hold the role."""
    refuse_deactivated(actor)
    refuse_conflicting_duties(request, actor, now)
    if not may_sign_as(actor, role, request.model_version.registered_model):
        raise PermissionDeniedError(
            "may_not_sign",
            f"You may not sign as {role} for {request.model_version.registered_model}: "
            f"somebody who holds that role must.",
        )


def refuse_deactivated(actor: User) -> None:
    """Ask the database: the session may be older than the deactivation."""
    if not User.objects.filter(pk=actor.pk, is_active=True).exists():
        raise PermissionDeniedError(
            "account_deactivated",
            "Your account was deactivated, so nothing was done. Ask an administrator.",
        )


def refuse_conflicting_duties(
    request: PromotionRequest, actor: User, now: datetime
) -> None:
    conflicts = conflicts_of(actor, request, now=now)
    if conflicts:
        raise PermissionDeniedError(
            "segregation_of_duties",
            f"You may not sign off this version, because you {' and '.join(conflicts)}. "
            f"Somebody else must sign.",
            conflicts=conflicts,
        )


def refuse_unless_in_review(request: PromotionRequest, role: SignerRole) -> None:
    """Refuse a signature or a rejection that nobody waits for."""
    if request.state != RequestState.IN_REVIEW:
        raise ConflictError(
            "request_not_in_review",
            f"This request is {request.get_state_display().lower()}: only a request in "
            f"review can be signed or rejected.",
            state=request.state,
        )
    refuse_due(request, timezone.now())
    if role not in required_signers(request):
        raise ConflictError(
            "role_not_wanted", f"The policy wants no signature of the {role}."
        )


def refuse_unread_evidence(
    request: PromotionRequest, seen_digest: str, actor: User
) -> EvidenceView:
    """Return when the actor first opened exactly this evidence (R6), or refuse."""
    if request.subject_digest != seen_digest:
        raise ConflictError(
            "evidence_not_seen",
            "The evidence is not what you were shown. Open the request again and read it "
            "before you sign.",
        )
    opened = request.evidence_views.filter(
        viewer=actor, subject_digest=request.subject_digest
    ).first()
    if opened is None:
        raise ConflictError(
            "evidence_not_opened",
            "You have not opened the evidence as it is now. Open the request in your "
            "own session and read it before you sign.",
        )
    return opened


def _refuse_second_of_role(request: PromotionRequest, role: SignerRole) -> None:
    if valid_sign_offs(request).filter(role=role).exists():
        raise ConflictError("role_signed", f"Somebody has signed as {role} already.")
