"""The way into production: ask, evaluate again, promote; sign-offs are beside this."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.proofs import refuse_unsound_log, trail
from audit.services import record, refusals_recorded
from registry.events import RegistryEvent
from registry.jobs import run_gate_later
from registry.models import (
    GateRun,
    ModelVersion,
    NotificationType,
    Promotion,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    Slot,
)
from registry.permissions import may_promote, may_request_promotion, may_run_gates
from registry.policy_document import PolicyDocument, read_policy_document
from registry.services.approvals import (
    not_approved,
    refuse_altered_records,
    refuse_due,
    refuse_unredeemable,
)
from registry.services.attempts import refuse_exhausted_attempts
from registry.services.authority import refuse_untold_permission
from registry.services.claims.slots import claims_of_freezes
from registry.services.closings import expire_if_due
from registry.services.conclusions import locked_request
from registry.services.decisions import refuse_denied
from registry.services.evidence import (
    check,
    evidence_of,
    take_snapshot,
)
from registry.services.governance import pinned_policy
from registry.services.hindrances import refuse_blocking_findings
from registry.services.notifications import notify
from registry.services.out_of_use import refuse_retired
from registry.services.slot_history import compared_with, refuse_altered_slot
from registry.services.slots import fill, locked_slot, refuse_frozen
from registry.services.submission import refuse_unfit
from tracking.services.runs import freeze


def request_promotion(
    version: ModelVersion, *, environment: str, actor: User
) -> PromotionRequest:
    """Open a request, pin policy and evidence, and let the gates run."""
    with (
        refusals_recorded(
            RegistryEvent.REQUEST_REFUSED,
            actor=actor,
            subject=version.subject,
            payload={"environment": environment},
        ),
        transaction.atomic(),
    ):
        _refuse_unless_may_request(actor, version)
        # Its tier, as it is now, says which policy governs.
        version.registered_model = (
            RegisteredModel.objects.select_related("workspace", "owner")
            .select_for_update(of=("self",))
            .get(pk=version.registered_model_id)
        )
        now = timezone.now()
        policy = pinned_policy(version.registered_model, environment, now)
        _expire_what_is_due(version, environment, now)
        refuse_retired(version)
        _refuse_second_request(version, environment)
        _refuse_revoked_evidence(version)
        refuse_blocking_findings(version, now)
        refuse_unfit(version)
        document = read_policy_document(policy.document)
        refuse_exhausted_attempts(version, environment, document)
        version.source_run = freeze(version.linked_run, actor=actor)
        request = PromotionRequest.objects.create(
            model_version=version,
            environment=environment,
            policy=policy,
            requested_by=actor,
            expires_at=now + timedelta(days=document.request_days),
        )
        # Read again: what its signers depend on is asked of the database.
        request = locked_request(request.pk)
        record(
            RegistryEvent.REQUEST_OPENED,
            actor=actor,
            subject=request.subject,
            payload={
                "version": version.subject,
                "environment": environment,
                "policy": {"subject": policy.subject, "digest": policy.digest},
            },
        )
        _start_evaluation(request, actor=actor)
        notify(NotificationType.REQUEST_OPENED, request)
    return request


def evaluate_again(request: PromotionRequest, *, actor: User) -> PromotionRequest:
    """Start a new attempt on fresh evidence; earlier attempts and verdicts stay.

    After an ERROR as often as anybody likes, after a FAIL as often as the policy says.
    """
    with (
        refusals_recorded(
            RegistryEvent.REQUEST_REFUSED,
            actor=actor,
            subject=request.subject,
            payload={"environment": request.environment},
        ),
        transaction.atomic(),
    ):
        request = locked_request(request.pk)
        version = request.model_version
        if not may_run_gates(actor, version.registered_model):
            raise PermissionDeniedError(
                "may_not_run_gates",
                f"You may not have gates of {version.registered_model} run again: ask "
                f"for the developer, owner or validator role.",
            )
        refuse_due(request, timezone.now())
        document = read_policy_document(request.policy.document)
        refuse_exhausted_attempts(version, request.environment, document)
        moved = PromotionRequest.objects.move(
            request.pk,
            to=RequestState.EVALUATING,
            attempt=request.attempt + 1,
            subject_digest="",
            revision=request.next_revision,
            approved_at=None,
            approval_expires_at=None,
            rests_until=None,
        )
        if not moved:
            raise ConflictError(
                "request_not_to_be_evaluated",
                f"This request is {request.get_state_display().lower()}: it cannot be "
                f"evaluated again.",
            )
        request = locked_request(request.pk)
        _start_evaluation(request, actor=actor)
    return request


def promote(request: PromotionRequest, *, actor: User) -> Promotion:
    """Redeem an approval: the version takes the slot, the former champion leaves it."""
    with (
        refusals_recorded(
            RegistryEvent.PROMOTION_REFUSED,
            actor=actor,
            subject=request.subject,
            payload={"version": request.model_version.subject},
        ),
        transaction.atomic(),
    ):
        version = request.model_version
        if not may_promote(actor, version.registered_model):
            raise PermissionDeniedError(
                "may_not_promote",
                f"You may not promote {version.registered_model}: ask for the release "
                f"role.",
            )
        refuse_untold_permission(actor, "promote_version", version.registered_model)
        refuse_unsound_log()
        slot = locked_slot(version.registered_model, request.environment)
        refuse_altered_slot(slot)
        former = slot.approved_champion
        request = locked_request(request.pk)
        now = timezone.now()
        refuse_unredeemable(request, now)
        refuse_frozen(slot)
        refuse_altered_records(claims_of_freezes(slot))
        refuse_retired(version)
        refuse_blocking_findings(version, now)
        if not PromotionRequest.objects.move(request.pk, to=RequestState.PROMOTED):
            raise not_approved(request)
        promotion = Promotion.objects.create(
            slot=slot,
            request=request,
            superseded=former,
            promoted_by=actor,
            promoted_at=now,
        )
        fill(slot, version, actor=actor, now=now)
        record(
            RegistryEvent.VERSION_PROMOTED,
            actor=actor,
            subject=request.subject,
            payload={
                "version": version.subject,
                "environment": request.environment,
                "superseded": former.subject if former else None,
                "subject_digest": request.subject_digest,
            },
        )
        refuse_denied(version, environment=request.environment, now=now)
        notify(NotificationType.VERSION_PROMOTED, request)
    return promotion


def _refuse_unless_may_request(actor: User, version: ModelVersion) -> None:
    if not may_request_promotion(actor, version.registered_model):
        raise PermissionDeniedError(
            "may_not_request_promotion",
            f"You may not ask for promotions of {version.registered_model}: ask for the "
            f"developer or owner role.",
        )


def _expire_what_is_due(version: ModelVersion, environment: str, now: datetime) -> None:
    """Clear the way of a request that has run out, however late the timer is."""
    due = version.promotion_requests.due(now).filter(environment=environment)
    for pk in due.values_list("pk", flat=True):
        expire_if_due(pk, now=now)


def _refuse_second_request(version: ModelVersion, environment: str) -> None:
    if compared_with(version, environment) == version:
        raise ConflictError(
            "version_is_champion", f"{version} serves in {environment} already."
        )
    if version.promotion_requests.open().filter(environment=environment).exists():
        raise ConflictError(
            "request_open",
            f"{version} has an open request for {environment} already: go on with it.",
        )


def _refuse_revoked_evidence(version: ModelVersion) -> None:
    """Refuse what comes of a run whose evidence somebody has revoked, signed, for good.

    The log is asked, where a revocation stays signed whatever its row says by now.
    """
    of_run = PromotionRequest.objects.filter(
        model_version__source_run=version.linked_run
    )
    asked = {request.subject: request.pk for request in of_run.order_by("pk")}
    ended = trail(list(asked), kinds=[RegistryEvent.REQUEST_INVALIDATED])
    revoked = next((entry for entry in ended if entry.payload["method"]), None)
    if revoked is not None:
        pk = asked[revoked.subject]
        raise ConflictError(
            "evidence_revoked",
            f"The evidence of run {version.linked_run.run_id} was revoked with request "
            f"{pk}: log another run, and register what comes of it.",
            request=pk,
        )


def _start_evaluation(request: PromotionRequest, *, actor: User) -> None:
    policy = read_policy_document(request.policy.document)
    _refuse_altered_slot(request)
    champion = compared_with(request.model_version, request.environment)
    evidence = evidence_of(request.model_version, champion, policy)
    check(evidence)
    snapshot = take_snapshot(request, evidence, champion)
    runs = _create_gate_runs(request, policy)
    record(
        RegistryEvent.EVALUATION_STARTED,
        actor=actor,
        subject=request.subject,
        payload={
            "attempt": request.attempt,
            "evidence": snapshot.digest,
            "gates": [run.gate for run in runs],
            "champion": champion.subject if champion else None,
        },
    )
    for run in runs:
        run_gate_later(run.pk)


def _refuse_altered_slot(request: PromotionRequest) -> None:
    model = request.model_version.registered_model
    slots = Slot.objects.with_champion().filter(registered_model=model)
    for slot in slots.filter(environment=request.environment):
        refuse_altered_slot(slot)


def _create_gate_runs(
    request: PromotionRequest, policy: PolicyDocument
) -> list[GateRun]:
    return [
        GateRun.objects.create(
            request=request,
            attempt=request.attempt,
            gate=clause.slug,
            position=position,
        )
        for position, clause in enumerate(policy.gates)
    ]
