"""The text of an e-mail: what waits and where to act; the evidence stays here."""

import json

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from registry.models import Notification, NotificationType

_ASKS = {
    NotificationType.GATES_FINISHED: "The gates have run. Look at what they found.",
    NotificationType.SIGN_OFF_WANTED: "Your signature is wanted. Read the evidence first.",
    NotificationType.REQUEST_APPROVED: "The request is approved. It can be promoted now.",
    NotificationType.REQUEST_REJECTED: "A reviewer refused it. Its page says why.",
    NotificationType.REQUEST_WITHDRAWN: "It was taken back. Its page says why.",
    NotificationType.REQUEST_INVALIDATED: (
        "It has ended: its evidence was revoked, or another policy or risk tier governs "
        "it now. Its page says which. If that is not the evidence, ask again."
    ),
    NotificationType.REQUEST_EXPIRED: "Its time has run out. Open a new request.",
    NotificationType.VERSION_PROMOTED: "The version serves now.",
    NotificationType.WAIVER_EXPIRING: "A waiver expires soon. Renew it or do without.",
    NotificationType.FINDING_OVERDUE: "A finding is overdue. Have it mended and verified.",
    NotificationType.REVALIDATION_WANTED: (
        "What serves is to be validated again: something calls for it, or its interval is "
        "over. Its page says which."
    ),
    NotificationType.RETIREMENT_SIGNED: (
        "A model of yours stands on it. Its page says why it will not serve again."
    ),
    NotificationType.FREEZE_OVERDUE: (
        "Nobody has reviewed a rollback in time. Nothing is promoted until somebody does."
    ),
    NotificationType.ACCOUNT_LOCKED: (
        "There were too many wrong passwords or codes. If they were not yours, tell an "
        "administrator."
    ),
    NotificationType.SENSITIVE_DATASET_USED: "A sensitive dataset was used.",
}


def mail(notification: Notification, reader: User) -> None:
    """Send one mail; OSError or ValueError if it cannot be sent."""
    EmailMessage(
        subject=f"[Attestry] {_title(notification)}",
        body=_text(notification),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[reader.email],
        headers={"X-Attestry-Message": notification.message_id},
    ).send()


def _title(notification: Notification) -> str:
    told = json.loads(notification.document)["data"]
    about = notification.subject
    if "environment" in told:
        about = (
            f"{told['registered_model']} v{told['version']} to {told['environment']}"
        )
    if "locked_until" in told:
        about = f"until {told['locked_until']}"
    # A name may hold line breaks, which would be headers of their own.
    return f"{notification.get_type_display()}: {' '.join(about.split())}"


def _text(notification: Notification) -> str:
    told = json.loads(notification.document)["data"]
    where = told.get("url") or notification.subject
    asks = _ASKS.get(NotificationType(notification.type), "")
    return "\n\n".join(
        [
            f"{_title(notification)}.",
            *([asks] if asks else []),
            str(where),
            f"Workspace {notification.workspace}, message {notification.message_id}.",
        ]
    )
