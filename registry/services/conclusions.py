"""An attempt is concluded here, and anew when a waiver or an attestation comes or ends."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from audit.services import record, system_account
from registry.events import RegistryEvent
from registry.models import NotificationType, PromotionRequest, RequestState
from registry.models.tier import rules_of
from registry.policy_document import read_policy_document
from registry.services.assessment import Assessment, assess
from registry.services.governance import is_superseded
from registry.services.notifications import notify
from registry.services.quorum import lacking_roles

RECONSIDERED = frozenset(
    {RequestState.BLOCKED, RequestState.IN_REVIEW, RequestState.APPROVED}
)


def locked_request(pk: int) -> PromotionRequest:
    """Return a request, locked; every act on one begins with it."""
    return (
        PromotionRequest.objects.with_subject()
        .select_for_update(of=("self",))
        .get(pk=pk)
    )


def conclude(request_pk: int, *, now: datetime) -> None:
    """Close the attempt, in the caller's transaction; all of its gates have run.

    People review it only when every mandatory gate passes or is waived, and everything
    that the policy wants attested is. What has ended meanwhile stays ended.
    """
    request = locked_request(request_pk)
    if request.state != RequestState.EVALUATING:
        return
    found = assess(request, now)
    to = _settle(request, found)
    record(
        RegistryEvent.EVALUATION_CONCLUDED,
        actor=system_account(),
        subject=request.subject,
        payload={"attempt": request.attempt, "state": to, **_as_payload(found)},
    )
    notify(NotificationType.GATES_FINISHED, request)
    notify(NotificationType.SIGN_OFF_WANTED, request)
    if to == RequestState.IN_REVIEW:
        approve_when_complete(request.pk, actor=system_account(), now=now)


def reconsider(request_pk: int, *, cause: str, actor: User, now: datetime) -> None:
    """Judge anew what has happened since, in the caller's transaction.

    What the signatures were bound to has another digest then, so they are void (R7),
    and stay so if it changes back; where nothing that counts has changed, nothing
    happens.
    """
    request = locked_request(request_pk)
    if request.state not in RECONSIDERED or request.is_due(now):
        return
    found = assess(request, now)
    if found.subject_digest == request.subject_digest and found.is_clear == (
        request.state != RequestState.BLOCKED
    ):
        return
    if request.state != RequestState.BLOCKED:
        PromotionRequest.objects.move(
            request.pk,
            to=RequestState.EVALUATING,
            approved_at=None,
            approval_expires_at=None,
        )
    elif not found.is_clear:
        return
    request.revision = request.next_revision
    found = assess(request, now)
    to = _settle(request, found)
    record(
        RegistryEvent.REQUEST_RECONSIDERED,
        actor=actor,
        subject=request.subject,
        payload={
            "attempt": request.attempt,
            "cause": cause,
            "from": request.state,
            "state": to,
            **_as_payload(found),
        },
    )
    notify(NotificationType.SIGN_OFF_WANTED, request)
    if to == RequestState.IN_REVIEW:
        approve_when_complete(request.pk, actor=actor, now=now)


def approve_when_complete(request_pk: int, *, actor: User, now: datetime) -> None:
    """Approve a request in review if every signature is there, in the transaction."""
    request = locked_request(request_pk)
    if request.is_due(now) or is_superseded(request, now) or lacking_roles(request):
        return
    policy = read_policy_document(request.policy.document)
    at_most = rules_of(request.model_version.registered_model.tier).approval_days
    expires_at = now + timedelta(days=min(policy.approval_days, at_most))
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


def _settle(request: PromotionRequest, found: Assessment) -> RequestState:
    to = RequestState.IN_REVIEW if found.is_clear else RequestState.BLOCKED
    PromotionRequest.objects.move(
        request.pk,
        to=to,
        subject_digest=found.subject_digest,
        revision=request.revision,
        rests_until=found.rests_until,
    )
    return to


def _as_payload(found: Assessment) -> dict[str, object]:
    return {
        "open_gates": list(found.open_gates),
        "waivers": [waiver.pk for waiver in found.waivers],
        "missing_attestations": list(found.missing_attestations),
        "subject_digest": found.subject_digest,
    }
