"""A slot is rolled back here, and frozen until somebody else has reviewed that."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.errors import (
    ConflictError,
    InvalidError,
    PermissionDeniedError,
    would_refuse,
)
from audit.proofs import refuse_unsound_log
from audit.services import record, refusals_recorded
from registry.duties import duties_of_signer
from registry.events import RegistryEvent
from registry.models import (
    Delegation,
    Freeze,
    FreezeLifting,
    ModelVersion,
    Promotion,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    Rollback,
    Slot,
)
from registry.models.finding import Finding, FindingCause, Severity
from registry.models.sign_off import SignerRole
from registry.permissions import (
    delegation_to_sign,
    may_roll_back,
    may_sign_as,
    people_behind,
)
from registry.services.approvals import (
    refuse_altered_records,
    refuse_altered_sign_offs,
)
from registry.services.assessment import assess
from registry.services.authority import (
    refuse_untold_permission_of_owner,
    refuse_untold_signer,
)
from registry.services.claims.requests import claims_of_request
from registry.services.decisions import refuse_denied
from registry.services.evidence import refuse_changed_run
from registry.services.findings import add_finding, responsible
from registry.services.hindrances import refuse_blocking_findings
from registry.services.out_of_use import refuse_out_of_use
from registry.services.reauthentication import reauthenticate_for
from registry.services.revalidation_triggers import call_by_rollback
from registry.services.slots import fill, locked_slot
from registry.signing import signed_name
from tracking.services.log_ins import tries_counted

REVIEW_WITHIN = timedelta(hours=72)


def roll_back(slot: Slot, *, to: ModelVersion, reason: str, actor: User) -> Rollback:
    """Let a version serve again that still holds its approval, at once.

    One person is enough. What was wrong becomes a finding, and the slot is frozen.
    """
    reason = _stated(reason)
    with (
        refusals_recorded(
            RegistryEvent.ROLLBACK_REFUSED,
            actor=actor,
            subject=slot.subject,
            payload={"to": to.subject},
        ),
        transaction.atomic(),
    ):
        # Who owns it is asked of the database.
        model = RegisteredModel.objects.select_related("workspace", "owner").get(
            pk=slot.registered_model_id
        )
        if not may_roll_back(actor, model):
            raise PermissionDeniedError(
                "may_not_roll_back",
                f"You may not roll back {model}: ask its owner, or somebody with the "
                f"release or risk role.",
            )
        refuse_untold_permission_of_owner(actor, "roll_back", model)
        refuse_unsound_log()
        slot = locked_slot(model, slot.environment)
        now = timezone.now()
        former = slot.champion
        if former is None or former == to:
            raise ConflictError(
                "nothing_to_roll_back",
                f"{to} serves there already, or nothing does: there is nothing to roll "
                f"back.",
            )
        promotion = _promotion_that_holds(slot, to, now)
        finding = _finding(slot, former, to, reason, actor=actor, now=now)
        rollback = Rollback.objects.create(
            slot=slot,
            rolled_back=former,
            promotion=promotion,
            finding=finding,
            reason=reason,
            rolled_back_by=actor,
            rolled_back_at=now,
        )
        freeze = Freeze.objects.create(
            slot=slot,
            rollback=rollback,
            frozen_at=now,
            review_due_at=now + REVIEW_WITHIN,
        )
        fill(slot, to, actor=actor, now=now)
        _take_back(slot, former)
        record(
            RegistryEvent.VERSION_ROLLED_BACK,
            actor=actor,
            subject=slot.subject,
            payload={
                "rolled_back": former.subject,
                "to": to.subject,
                "request": promotion.request.subject,
                "finding": finding.subject,
                "freeze": freeze.subject,
                "review_due_at": freeze.review_due_at.isoformat(),
            },
            private={"reason": reason},
        )
        call_by_rollback(promotion.request, actor=actor, now=now)
        refuse_denied(to, environment=slot.environment, now=now)
    return rollback


def lift_freeze(
    freeze: Freeze,
    *,
    conclusion: str,
    password: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> FreezeLifting:
    """Sign that a rollback was reviewed; from then on versions are promoted again."""
    conclusion = _stated(conclusion)
    with (
        refusals_recorded(
            RegistryEvent.FREEZE_REFUSED,
            actor=actor,
            subject=freeze.subject,
            payload={},
        ),
        tries_counted(actor),
        transaction.atomic(),
    ):
        slot = freeze.slot
        role, delegation = _authority_to_review(freeze, actor)
        now = timezone.now()
        proof = reauthenticate_for(
            slot.registered_model,
            actor,
            password=password,
            code=code,
            is_interactive=is_interactive,
            now=now,
        )
        locked_slot(slot.registered_model, slot.environment)
        if FreezeLifting.objects.filter(freeze=freeze).exists():
            raise ConflictError("freeze_lifted", "This freeze is lifted already.")
        lifting = FreezeLifting.objects.create(
            freeze=freeze,
            conclusion=conclusion,
            lifted_by=actor,
            printed_name=signed_name(actor, delegation),
            method=proof.method,
            lifted_at=now,
        )
        record(
            RegistryEvent.FREEZE_LIFTED,
            actor=actor,
            subject=freeze.subject,
            payload={
                "slot": slot.subject,
                "role": role,
                "method": proof.method,
                "delegation": delegation.subject if delegation else None,
                "signed_at": now.isoformat(),
            },
            private={"conclusion": conclusion, "printed_name": lifting.printed_name},
        )
    return lifting


def may_lift_freeze(actor: User, freeze: Freeze) -> bool:
    """Say whether somebody may review a rollback that nobody has reviewed yet."""
    return not hasattr(freeze, "lifting") and not would_refuse(
        _authority_to_review, freeze, actor
    )


def may_go_back(actor: User, slot: Slot) -> bool:
    """Say whether somebody may roll a slot back, and there is anything to go back to."""
    return (
        slot.champion is not None
        and may_roll_back(actor, slot.registered_model)
        and versions_before(slot).exists()
    )


def versions_before(slot: Slot) -> QuerySet[ModelVersion]:
    """Return what was promoted to a slot, was not rolled back and does not serve there.

    Whether an approval still holds is asked of the one that is chosen.
    """
    served = ModelVersion.objects.with_lineage().filter(
        promotion_requests__promotion__slot=slot,
        promotion_requests__state=RequestState.PROMOTED,
    )
    return served.exclude(slots=slot).distinct()


def approval_holds_until(promotion: Promotion) -> datetime | None:
    """Return when the approval of a promotion lapses; None while the version serves.

    An approval must be redeemed within its life. It is in use while the version serves,
    and once the version has left its slot the same life begins anew: who served lately
    may come back, and who left long ago is asked about again.
    """
    request = promotion.request
    left_at = _left_at(promotion)
    if left_at is None:
        return None
    approved_at, expires_at = request.approved_at, request.approval_expires_at
    if approved_at is None or expires_at is None:
        return left_at
    return max(expires_at, left_at + (expires_at - approved_at))


def _left_at(promotion: Promotion) -> datetime | None:
    """Return when the version last left the slot; by a promotion or by a rollback."""
    slot, version = promotion.slot, promotion.request.model_version
    superseded = Promotion.objects.filter(
        slot=slot, superseded=version, promoted_at__gte=promotion.promoted_at
    )
    rolled = Rollback.objects.filter(
        slot=slot, rolled_back=version, rolled_back_at__gte=promotion.promoted_at
    )
    broken = slot.break_glasses.filter(
        confirmation__fallback=version,
        confirmation__confirmed_at__gte=promotion.promoted_at,
    )
    times = [
        *superseded.values_list("promoted_at", flat=True),
        *rolled.values_list("rolled_back_at", flat=True),
        *broken.values_list("confirmation__confirmed_at", flat=True),
    ]
    return max(times, default=None)


def _promotion_that_holds(slot: Slot, to: ModelVersion, now: datetime) -> Promotion:
    """Return the promotion by which a version may serve again, or say why none does."""
    promotion = (
        Promotion.objects.filter(
            slot=slot,
            request__model_version=to,
            request__state=RequestState.PROMOTED,
        )
        .select_related(
            "slot__registered_model",
            "request__model_version__source_run",
            "request__policy",
        )
        .order_by("-pk")
        .first()
    )
    if promotion is None:
        raise ConflictError(
            "approval_missing",
            f"{to} was never promoted to {slot.environment}, or was rolled back itself: "
            f"choose another version, or promote in an emergency with two people.",
        )
    until = approval_holds_until(promotion)
    if until is not None and until <= now:
        raise ConflictError(
            "approval_expired",
            f"The approval of {to} lapsed on {until:%Y-%m-%d}: choose another version, "
            f"or promote in an emergency with two people.",
        )
    refuse_out_of_use(to)
    refuse_blocking_findings(to, now)
    refuse_changed_run(promotion.request)
    _refuse_what_does_not_stand(promotion.request, now)
    return promotion


def _refuse_what_does_not_stand(request: PromotionRequest, now: datetime) -> None:
    """Refuse when a waiver has ended, or records are not those that were signed."""
    assessed = assess(request, now)
    open_gates = assessed.open_gates
    if open_gates:
        raise ConflictError(
            "waiver_expired",
            f"The waiver of {', '.join(open_gates)} has ended: choose another version, "
            f"or promote in an emergency with two people.",
            gates=list(open_gates),
        )
    then = request.approved_at or now
    seen = assess(request, then, attested_by=then)
    if request.subject_digest != seen.subject_digest:
        raise ConflictError(
            "subject_changed",
            "What was signed is no longer what would serve: something that it rested on "
            "was withdrawn, or altered. Have the log verified before anything else.",
        )
    refuse_altered_records(claims_of_request(request, assessed))
    refuse_altered_sign_offs(request)


def _finding(
    slot: Slot,
    former: ModelVersion,
    to: ModelVersion,
    reason: str,
    *,
    actor: User,
    now: datetime,
) -> Finding:
    model = slot.registered_model
    return add_finding(
        model,
        version=former,
        severity=Severity.HIGH,
        cause=FindingCause.ROLLBACK,
        title=f"{slot.environment} was rolled back to version {to.number}",
        description=reason,
        owner=responsible(model, actor),
        actor=actor,
        now=now,
    )


def _take_back(slot: Slot, former: ModelVersion) -> None:
    """Move the request by which the version had come on to rolled back."""
    came_by = PromotionRequest.objects.filter(
        Q(promotion__slot=slot), model_version=former, state=RequestState.PROMOTED
    )
    for pk in came_by.values_list("pk", flat=True):
        PromotionRequest.objects.move(pk, to=RequestState.ROLLED_BACK)


def _authority_to_review(
    freeze: Freeze, actor: User
) -> tuple[SignerRole, Delegation | None]:
    """Return the role of a reviewer, and by which delegation if not in their own right."""
    model = freeze.slot.registered_model
    reviews = (SignerRole.VALIDATOR, SignerRole.RISK)
    roles = [role for role in reviews if may_sign_as(actor, role, model)]
    if not roles:
        raise PermissionDeniedError(
            "may_not_lift_freeze",
            f"You may not review rollbacks of {model}: a validator or somebody with the "
            f"risk role must.",
        )
    rolled_back_by = freeze.rollback.rolled_back_by
    version = freeze.rollback.rolled_back
    duties = [duty for role in roles for duty in duties_of_signer(actor, role, version)]
    if duties:
        raise PermissionDeniedError(
            "segregation_of_duties",
            f"You may not review why {version} was rolled back, because you, or for whom "
            f"you sign, {' and '.join(dict.fromkeys(duties))}. Somebody else must.",
            conflicts=list(dict.fromkeys(duties)),
        )
    independent = [
        (role, delegation_to_sign(actor, role, model))
        for role in roles
        if rolled_back_by not in people_behind(actor, role, model)
    ]
    if not independent:
        raise PermissionDeniedError(
            "reviewer_rolled_back",
            "You, or for whom you sign, rolled this back, so somebody else must review "
            "it.",
        )
    role, delegation = min(independent, key=lambda found: found[1] is not None)
    refuse_untold_signer(actor, role, model)
    return role, delegation


def _stated(reason: str) -> str:
    if not reason.strip():
        raise InvalidError("reason_missing", "Say why, in a sentence for the record.")
    return reason.strip()
