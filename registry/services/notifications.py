"""Notifications are written here, in the transaction of what they tell of.

A row for each receiver stands in the database before anything is sent, so nothing is
lost with a broker or a receiver that is down; `deliveries` sends.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from registry.jobs import deliver_later
from registry.models import (
    Delivery,
    Notification,
    NotificationType,
    PromotionRequest,
    RequestState,
    TicketLink,
    TicketSubject,
    Webhook,
)
from registry.services.quorum import lacking_roles
from registry.services.recipients import has_mailbox, people_to_tell
from tracking.models import Workspace

LARGEST_BODY_BYTES = 20_000  # Standard Webhooks: keep payloads below 20 kB


def notify(kind: NotificationType, request: PromotionRequest) -> None:
    """Tell of a promotion request, as it stands now, whoever is to know."""
    request = PromotionRequest.objects.with_subject().get(pk=request.pk)
    told = _told_of(request)
    if kind == NotificationType.SIGN_OFF_WANTED and not told["missing_roles"]:
        return
    announce(
        kind,
        workspace=request.model_version.registered_model.workspace,
        subject=request.subject,
        data=told,
        people=people_to_tell(kind, request) if settings.ATTESTRY_SENDS_MAIL else (),
    )


def announce(
    kind: NotificationType,
    *,
    workspace: Workspace,
    subject: str,
    data: Mapping[str, Any],
    people: Iterable[User] = (),
) -> None:
    """Tell of anything: webhooks that want the kind, and these people by e-mail.

    `data` leaves the installation: numbers, names of things and digests, no personal
    values. Raises RuntimeError outside the transaction of what is told.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("announce() needs the transaction of what it tells of.")
    webhooks = [
        webhook
        for webhook in Webhook.objects.enabled().filter(workspace=workspace)
        if kind in webhook.event_types
    ]
    sends_mail = settings.ATTESTRY_SENDS_MAIL
    readers = [person for person in people if sends_mail and has_mailbox(person)]
    if not webhooks and not readers:
        return
    now = timezone.now()
    notification = _create(kind, workspace, subject, data, now)
    for delivery in (
        *(Delivery(webhook=webhook) for webhook in webhooks),
        *(Delivery(recipient=person) for person in readers),
    ):
        delivery.notification, delivery.due_at = notification, now
        delivery.save()
        deliver_later(delivery.pk)


def page_url(row: Model) -> str | None:
    """Return where people act on a row, if the installation knows its address."""
    if not settings.ATTESTRY_URL:
        return None
    page = reverse(f"admin:registry_{row._meta.model_name}_change", args=[row.pk])
    return f"{settings.ATTESTRY_URL}{page}"


def _create(
    kind: NotificationType,
    workspace: Workspace,
    subject: str,
    data: Mapping[str, Any],
    now: datetime,
) -> Notification:
    message_id = f"msg_{uuid.uuid4().hex}"
    document = json.dumps(
        {
            "specversion": "1.0",
            "id": message_id,
            "source": f"{settings.ATTESTRY_URL}/w/{workspace.name}",
            "type": kind.value,
            "time": now.isoformat(),
            "subject": subject,
            "datacontenttype": "application/json",
            "data": data,
        }
    )
    if len(document) > LARGEST_BODY_BYTES:
        raise ValueError(f"{kind} tells {len(document)} bytes: tell less.")
    return Notification.objects.create(
        workspace=workspace,
        message_id=message_id,
        type=kind,
        subject=subject,
        document=document,
        created_at=now,
    )


def _told_of(request: PromotionRequest) -> dict[str, Any]:
    version = request.model_version
    tickets = TicketLink.objects.about(TicketSubject.REQUEST, request.pk)
    return {
        "request": request.pk,
        "registered_model": version.registered_model.name,
        "version": version.number,
        "environment": request.environment,
        "state": request.state,
        "attempt": request.attempt,
        "subject_digest": request.subject_digest,
        "missing_roles": lacking_roles(request)
        if request.state == RequestState.IN_REVIEW
        else [],
        "tickets": list(tickets.values_list("ticket", flat=True)[:20]),
        "url": page_url(request),
    }
