"""Failed log-ins become entries here, as many as tell of an attack and no more."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.proofs import count_since
from audit.services import record, system_account
from tracking.events import TrackingEvent

# Whoever guesses passwords must not be able to fill the log.
AT_MOST, WITHIN = 20, timedelta(minutes=1)
UNKNOWN = "log-in/unknown"


def record_failed_log_in(account: User | None, *, door: str, code: str) -> None:
    """Record that somebody failed to get in; the name that was typed is not kept.

    It may be a password in the wrong field. Of each account, and of all unknown ones
    together, the first twenty failures a minute are recorded.
    """
    subject = UNKNOWN if account is None else f"user/{account.pk}"
    since = timezone.now() - WITHIN
    with transaction.atomic():
        recorded = count_since(TrackingEvent.LOG_IN_FAILED, subject, since)
        if recorded >= AT_MOST:
            return
        record(
            TrackingEvent.LOG_IN_FAILED,
            actor=account or system_account(),
            subject=subject,
            payload={
                "door": door,
                "code": code,
                "further_are_left_out": recorded + 1 == AT_MOST,
            },
        )
