"""Sends checkpoints to mailboxes, webhooks and time-stamping authorities.

An old copy elsewhere shows a rewritten log.
"""

import base64
import hashlib
import hmac
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from http.client import HTTPException

from django.conf import settings
from django.core.mail import send_mail
from django.utils import timezone

from audit.models import CheckpointCopy, Head, StoredCheckpoint
from audit.services.timestamps import timestamp
from audit.storage.witnesses import cosigned_note

TIMEOUT_SECONDS = 10.0
EVENT = "audit.checkpoint.signed"
logger = logging.getLogger(__name__)
Way = CheckpointCopy.Way
# Sends, and returns what came back, if it is worth keeping.
Sender = Callable[[StoredCheckpoint, datetime], bytes | None]


def send_copies_when_due() -> list[str]:
    """Send the newest checkpoint each way that is set and due; return which ways.

    What fails is logged and tried again by the next call.
    """
    log = Head.objects.current()
    newest = StoredCheckpoint.objects.filter(log=log).order_by("-size").first()
    if newest is None:
        return []
    now = timezone.now()
    return [
        way
        for way, send in _ways().items()
        if _is_due(newest, way, now) and _send(newest, way, send, now)
    ]


def _ways() -> dict[str, Sender]:
    ways: dict[str, Sender] = {}
    if settings.ATTESTRY_LOG_COPY_EMAIL_TO:
        ways[Way.EMAIL] = _mail
    if settings.ATTESTRY_LOG_COPY_WEBHOOK_URL:
        ways[Way.WEBHOOK] = _post
    if settings.ATTESTRY_LOG_TIMESTAMP_URL:
        ways[Way.TIMESTAMP] = _stamp
    return ways


def _is_due(newest: StoredCheckpoint, way: str, now: datetime) -> bool:
    last = (
        CheckpointCopy.objects.filter(log=newest.log, way=way).order_by("-pk").first()
    )
    if last is None:
        return True
    period = timedelta(seconds=settings.ATTESTRY_LOG_COPY_EVERY_SECONDS)
    return newest.size > last.size and now - last.sent_at >= period


def _send(newest: StoredCheckpoint, way: str, send: Sender, now: datetime) -> bool:
    try:
        answer = send(newest, now)
    except (OSError, HTTPException, ValueError) as error:
        logger.error("The checkpoint could not be sent by %s: %s", way, error)  # noqa: TRY400 - the sentence is enough
        return False
    CheckpointCopy.objects.create(
        log=newest.log, size=newest.size, way=way, sent_at=now, answer=answer
    )
    return True


def _mail(newest: StoredCheckpoint, _now: datetime) -> None:
    send_mail(
        f"Checkpoint of {newest.log.origin} at {newest.size}",
        "Keep this mail. Whoever has it can show later that the log still contains "
        "what it contained today.\n\n" + cosigned_note(newest).decode(),
        settings.DEFAULT_FROM_EMAIL,
        settings.ATTESTRY_LOG_COPY_EMAIL_TO,
    )


def _stamp(newest: StoredCheckpoint, _now: datetime) -> bytes:
    return timestamp(newest)


def _post(newest: StoredCheckpoint, now: datetime) -> None:
    content = {
        "type": EVENT,
        "timestamp": now.isoformat(),
        "data": {
            "origin": newest.log.origin,
            "size": newest.size,
            "checkpoint": cosigned_note(newest).decode(),
        },
    }
    body = json.dumps(content).encode()
    name = f"checkpoint-{newest.log_id}-{newest.size}"
    request = urllib.request.Request(  # noqa: S310 - the operator's own setting names it
        settings.ATTESTRY_LOG_COPY_WEBHOOK_URL,
        data=body,
        headers={"Content-Type": "application/json", **_signed(name, now, body)},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 - likewise
        pass


def _signed(name: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks 1.0.0, section Signature scheme."""
    stamp = str(int(now.timestamp()))
    headers = {"webhook-id": name, "webhook-timestamp": stamp}
    secret = settings.ATTESTRY_LOG_COPY_WEBHOOK_SECRET
    if secret:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        signed = f"{name}.{stamp}.".encode() + body
        mac = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        headers["webhook-signature"] = f"v1,{mac}"
    return headers
