"""That somebody opened the evidence of a request is kept here: nobody signs unread."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.services import record
from registry.events import RegistryEvent
from registry.models import EvidenceView, PromotionRequest
from tracking.models import ServiceAccount


def open_evidence(request: PromotionRequest, *, actor: User) -> None:
    """Keep the first time that a person opened the evidence as it is now (R6).

    Called by the doors that show all of it to somebody in a session. Programs do not
    read, and there is nothing to read until every gate has answered.
    """
    if not request.subject_digest or _has_opened(request, actor):
        return
    if ServiceAccount.objects.filter(user=actor).exists():
        return
    with transaction.atomic():
        view, is_first = EvidenceView.objects.get_or_create(
            request=request,
            viewer=actor,
            subject_digest=request.subject_digest,
            defaults={"viewed_at": timezone.now()},
        )
        if is_first:
            record(
                RegistryEvent.EVIDENCE_OPENED,
                actor=actor,
                subject=request.subject,
                payload={"subject_digest": view.subject_digest},
            )


def _has_opened(request: PromotionRequest, actor: User) -> bool:
    return request.evidence_views.filter(
        viewer=actor, subject_digest=request.subject_digest
    ).exists()
