"""Failed log-ins become entries here, as many as tell of an attack, and lock accounts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import PermissionDeniedError
from audit.proofs import count_since
from audit.services import record, system_account
from tracking.events import TrackingEvent
from tracking.models import FailedTries, SecondFactor

# Whoever guesses passwords must not be able to fill the log.
AT_MOST, WITHIN = 20, timedelta(minutes=1)
UNKNOWN = "log-in/unknown"
# So many wrong passwords or codes within a time lock an account for as long.
TRIES, LOCKED_FOR = 5, timedelta(minutes=15)
WRONG = frozenset({"password_wrong", "second_factor_wrong"})


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


def prove_password(user: User, password: str, *, is_interactive: bool) -> None:
    """Check the password again, in a session that somebody logged in to."""
    if not is_interactive:
        raise PermissionDeniedError(
            "needs_a_session", "A token cannot do this. Log in with your password."
        )
    if not user.check_password(password):
        raise PermissionDeniedError(
            "password_wrong",
            "The password is wrong, so nothing was done. Enter your password again.",
        )


@contextmanager
def tries_counted(user: User) -> Iterator[None]:
    """Count a wrong password or code against its account, and refuse a locked one.

    Stands around the transaction that asks for them, because it rolls back.
    """
    refuse_locked(user)
    try:
        yield
    except PermissionDeniedError as refusal:
        if refusal.code in WRONG:
            count_failed_try(user)
        raise
    forget_failed_tries(user)


def is_locked(user: User) -> bool:
    return _lock_on(user) is not None


def refuse_locked(user: User) -> None:
    tries = _lock_on(user)
    if tries is not None:
        raise PermissionDeniedError(
            "account_locked",
            f"After {TRIES} wrong tries this account is locked for a while: wait until "
            f"{tries.locked_until:%H:%M} UTC.",
        )


def _lock_on(user: User) -> FailedTries | None:
    tries = FailedTries.objects.filter(user=user).first()
    return tries if tries and tries.is_locked(timezone.now()) else None


def count_failed_try(user: User) -> None:
    """Count one more; the fifth within a quarter of an hour locks for as long."""
    now = timezone.now()
    with transaction.atomic():
        tries, _ = FailedTries.objects.select_for_update().get_or_create(user=user)
        if tries.first_at is None or now - tries.first_at > LOCKED_FOR:
            tries.number, tries.first_at = 0, now
        tries.number += 1
        if tries.number >= TRIES:
            tries.number, tries.first_at = 0, None
            tries.locked_until = now + LOCKED_FOR
            record(
                TrackingEvent.ACCOUNT_LOCKED,
                actor=system_account(),
                subject=f"user/{user.pk}",
                payload={"until": tries.locked_until.isoformat()},
            )
        tries.save()


def forget_failed_tries(user: User) -> None:
    """Begin to count anew after a right password.

    Not where codes are asked for as well: whoever knows the password could guess on.
    """
    if not SecondFactor.objects.confirmed().filter(user=user).exists():
        forget_all_tries(user)


def forget_all_tries(user: User) -> None:
    """Begin to count anew after a right code."""
    FailedTries.objects.filter(user=user, number__gt=0).update(number=0, first_at=None)
