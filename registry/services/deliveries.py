"""Deliveries are attempted here, by a worker: claim, send, and try later what failed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, DomainError, PermissionDeniedError
from audit.services import record, system_account
from registry.events import RegistryEvent
from registry.jobs import deliver_later
from registry.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    Webhook,
    WebhookKey,
)
from registry.models.webhook import Scheme
from registry.permissions import may_connect_systems
from registry.services.lease import lease, lease_kept
from registry.services.mails import mail
from registry.services.recipients import has_mailbox
from registry.webhooks.addresses import endpoint
from registry.webhooks.sealing import unseal
from registry.webhooks.sending import post
from registry.webhooks.signatures import SigningKey, signed_headers

# After the first failure, the second, …; about three days altogether.
WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
JITTER = 0.2  # so that what failed together does not come back together
GONE = 410  # Standard Webhooks: the receiver wants no more
LONGEST_FAILURE = 300
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True)
class Try:
    """What came of one attempt; no failure means that it arrived."""

    status: int | None
    failure: str
    started_at: datetime
    took: timedelta

    @property
    def is_hopeless(self) -> bool:
        return self.status == GONE


def deliver(delivery_pk: int, *, jitter: Callable[[], float]) -> None:
    """Make one attempt, if it is due and nobody else makes it; safe to call any time.

    `jitter` returns a number from 0 to 1. A worker that dies between sending and storing
    sends twice: receivers leave out a `webhook-id` that they have.
    """
    claim = Delivery.objects.claim(delivery_pk, now=timezone.now(), lease=lease())
    if claim is None:
        return
    delivery = Delivery.objects.with_message().get(pk=delivery_pk)
    with lease_kept(Delivery.objects.all(), delivery_pk, claim=claim):
        attempted = _attempt(delivery)
    _store(delivery, attempted, claim=claim, jitter=jitter)


def replay(delivery: Delivery, *, actor: User) -> Delivery:
    """Send again what was delivered or given up, under its old `webhook-id`."""
    workspace = delivery.notification.workspace
    if not may_connect_systems(actor, workspace):
        raise PermissionDeniedError(
            "may_not_connect_systems",
            f"You may not replay deliveries of {workspace}: ask an administrator of it.",
        )
    now = timezone.now()
    with transaction.atomic():
        if not _still_wants(delivery):
            raise ConflictError(
                "receiver_wants_nothing",
                "Nobody is there to receive this: enable the webhook, or see to it that "
                "the person has an account and an address.",
            )
        if not Delivery.objects.reopen(delivery.pk, due_at=now):
            raise ConflictError(
                "delivery_waits",
                "This delivery is still being tried: wait until it has arrived or was "
                "given up.",
            )
        record(
            RegistryEvent.DELIVERY_REPLAYED,
            actor=actor,
            subject=delivery.subject,
            payload={"message": delivery.notification.message_id},
        )
        deliver_later(delivery.pk)
    delivery.refresh_from_db()
    return delivery


def _attempt(delivery: Delivery) -> Try:
    started_at, started = timezone.now(), time.monotonic()
    status, failure = None, ""
    try:
        status = _send(delivery, now=started_at)
    except DomainError as error:
        failure = f"{error.code}: {error.detail}"
    except (OSError, HTTPException, ValueError) as error:
        failure = f"{type(error).__name__}: {error}"
    if status is not None and not 200 <= status < 300:
        failure = f"The receiver answered with status {status}."
    return Try(
        status=status,
        failure=failure[:LONGEST_FAILURE],
        started_at=started_at,
        took=timedelta(seconds=time.monotonic() - started),
    )


def _send(delivery: Delivery, *, now: datetime) -> int | None:
    if not _still_wants(delivery):
        raise ConflictError("receiver_wants_nothing", "The receiver is there no more.")
    if delivery.webhook is None:
        assert delivery.recipient is not None  # noqa: S101 - a constraint says so
        mail(delivery.notification, delivery.recipient)
        return None
    body = delivery.notification.document.encode()
    keys = [
        SigningKey(
            Scheme(key.scheme),
            unseal(bytes(key.sealed), owner=delivery.webhook.subject),
        )
        for key in WebhookKey.objects.filter(webhook=delivery.webhook).signing(now)
    ]
    message_id = delivery.notification.message_id
    return post(
        endpoint(delivery.webhook.url),
        body,
        headers={
            "Content-Type": CONTENT_TYPE,
            "User-Agent": f"Attestry/{settings.VERSION}",
            **signed_headers(message_id, body, keys=keys, now=now),
        },
    )


def _still_wants(delivery: Delivery) -> bool:
    """Ask again what may have changed since: is the webhook enabled, the person there?"""
    if delivery.recipient_id is None:
        return Webhook.objects.enabled().filter(deliveries=delivery).exists()
    return has_mailbox(User.objects.get(pk=delivery.recipient_id))


def _store(
    delivery: Delivery, attempted: Try, *, claim: int, jitter: Callable[[], float]
) -> None:
    with transaction.atomic():
        if not _move(delivery, attempted, claim=claim, jitter=jitter):
            return
        DeliveryAttempt.objects.create(
            delivery=delivery,
            claim=claim,
            status=attempted.status,
            failure=attempted.failure,
            took=attempted.took,
            attempted_at=attempted.started_at,
        )


def _move(
    delivery: Delivery, attempted: Try, *, claim: int, jitter: Callable[[], float]
) -> bool:
    """Close the delivery or put it off; False: another claim has taken it over."""
    deliveries = Delivery.objects
    if not attempted.failure:
        return deliveries.conclude(delivery.pk, claim=claim, to=DeliveryState.DELIVERED)
    is_last = delivery.failures >= len(WAITS)
    if attempted.is_hopeless or is_last or not _still_wants(delivery):
        return _give_up(delivery, attempted, claim=claim)
    wait = WAITS[delivery.failures] * (1 + JITTER * jitter())
    return deliveries.postpone(delivery.pk, claim=claim, due_at=timezone.now() + wait)


def _give_up(delivery: Delivery, attempted: Try, *, claim: int) -> bool:
    if not Delivery.objects.conclude(delivery.pk, claim=claim, to=DeliveryState.DEAD):
        return False
    record(
        RegistryEvent.DELIVERY_GIVEN_UP,
        actor=system_account(),
        subject=delivery.subject,
        payload={
            "message": delivery.notification.message_id,
            "about": delivery.notification.subject,
            "webhook": delivery.webhook.subject if delivery.webhook else None,
            "failures": delivery.failures + 1,
            "status": attempted.status,
        },
    )
    return True
