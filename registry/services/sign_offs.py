"""Sign-offs are given here, and refused to whoever is too close to the version."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.proofs import refuse_unsound_log
from audit.services import record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import (
    NotificationType,
    PromotionRequest,
    RequestState,
    SignOff,
)
from registry.models.sign_off import SignerRole
from registry.permissions import duties_that_conflict, may_sign_as
from registry.policy_document import read_policy_document
from registry.services.evidence import refuse_changed_evidence
from registry.services.notifications import notify
from registry.signing import reauthenticate, subject_digest, valid_sign_offs


def sign_off(
    request: PromotionRequest,
    *,
    role: SignerRole,
    meaning: str,
    password: str,
    seen_digest: str,
    is_interactive: bool,
    actor: User,
) -> SignOff:
    """Sign what the request is now, as one role; the last one needed approves it.

    `seen_digest` is the subject digest that the actor had before their eyes;
    `is_interactive` says that they sit in a logged-in session. The password is checked
    again for every single act (21 CFR 11.200).
    """
    meaning = meaning.strip()
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
        transaction.atomic(),
    ):
        request = (
            PromotionRequest.objects.with_subject()
            .select_for_update(of=("self",))
            .get(pk=request.pk)
        )
        now = timezone.now()
        _refuse_unless_may_sign(request, role, actor, now)
        proof = reauthenticate(
            actor, password=password, is_interactive=is_interactive, now=now
        )
        refuse_unsound_log()
        _refuse_unless_in_review(request, role, actor)
        _refuse_changed_subject(request, seen_digest)
        signed = SignOff.objects.create(
            request=request,
            role=role,
            signer=actor,
            printed_name=actor.get_full_name() or actor.get_username(),
            meaning=meaning,
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
                "signed_at": now.isoformat(),
                "subject_digest": signed.subject_digest,
            },
            private={"printed_name": signed.printed_name, "meaning": signed.meaning},
        )
        _approve_when_complete(request, actor=actor, now=now)
    return signed


def missing_roles(request: PromotionRequest) -> list[str]:
    """Return the roles that the policy still wants a signature of."""
    wanted = read_policy_document(request.policy.document).sign_offs
    given = set(valid_sign_offs(request).values_list("role", flat=True))
    return [role for role in wanted if role not in given]


def _refuse_unless_may_sign(
    request: PromotionRequest, role: SignerRole, actor: User, now: datetime
) -> None:
    conflicts = duties_that_conflict(actor, request, now=now)
    if conflicts:
        raise PermissionDeniedError(
            "segregation_of_duties",
            f"You may not sign off this version, because you {' and '.join(conflicts)}. "
            f"Somebody else must sign.",
            conflicts=conflicts,
        )
    if not may_sign_as(actor, role, request.model_version.registered_model):
        raise PermissionDeniedError(
            "may_not_sign",
            f"You may not sign as {role} for {request.model_version.registered_model}: "
            f"somebody who holds that role must.",
        )


def _refuse_unless_in_review(
    request: PromotionRequest, role: SignerRole, actor: User
) -> None:
    if request.state != RequestState.IN_REVIEW:
        raise ConflictError(
            "request_not_in_review",
            f"This request is {request.get_state_display().lower()}: only a request in "
            f"review can be signed.",
            state=request.state,
        )
    if role not in read_policy_document(request.policy.document).sign_offs:
        raise ConflictError(
            "role_not_wanted", f"The policy wants no signature of the {role}."
        )
    given = valid_sign_offs(request)
    if given.filter(role=role).exists():
        raise ConflictError("role_signed", f"Somebody has signed as {role} already.")
    if given.filter(signer=actor).exists():
        raise ConflictError(
            "signer_counts_once",
            "You have signed this request already; another role needs another person.",
        )


def _refuse_changed_subject(request: PromotionRequest, seen_digest: str) -> None:
    if request.subject_digest != seen_digest:
        raise ConflictError(
            "evidence_not_seen",
            "The evidence is not what you were shown. Open the request again and read it "
            "before you sign.",
        )
    refuse_changed_evidence(request)
    if request.subject_digest != subject_digest(request):
        raise ConflictError(
            "subject_changed",
            "The evidence is no longer what was evaluated. Have the log verified before "
            "anything else.",
        )


def _approve_when_complete(
    request: PromotionRequest, *, actor: User, now: datetime
) -> None:
    if missing_roles(request):
        return
    policy = read_policy_document(request.policy.document)
    expires_at = now + timedelta(days=policy.approval_days)
    PromotionRequest.objects.move(
        request.pk,
        to=RequestState.APPROVED,
        approved_at=now,
        approval_expires_at=expires_at,
    )
    record(
        RegistryEvent.REQUEST_APPROVED,
        actor=actor,
        subject=request.subject,
        payload={
            "subject_digest": request.subject_digest,
            "expires_at": expires_at.isoformat(),
        },
    )
    notify(NotificationType.REQUEST_APPROVED, request)
