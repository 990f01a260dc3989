"""Second factors are enrolled, used and removed here: one-time codes after RFC 6238."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import record
from tracking.events import TrackingEvent
from tracking.models import SecondFactor
from tracking.permissions import may_administer_accounts
from tracking.services.log_ins import (
    forget_all_tries,
    prove_password,
    tries_counted,
)
from tracking.services.second_factor_key import decrypt, encrypt

STEP_SECONDS, DIGITS, SECRET_BYTES = 30, 6, 20
# A clock may be one step off, either way (RFC 6238 section 5.2).
SKEW_STEPS = (-1, 0, 1)


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app needs, shown once: an address to scan, or its secret."""

    provisioning_uri: str
    secret: str


def has_second_factor(user: User) -> bool:
    return _confirmed(user) is not None


def enrol_second_factor(
    user: User, *, password: str, is_interactive: bool
) -> Enrolment:
    """Begin, or begin again; the factor counts once a code of it was confirmed."""
    secret = secrets.token_bytes(SECRET_BYTES)
    with tries_counted(user), transaction.atomic():
        _lock(user)
        if has_second_factor(user):
            raise ConflictError(
                "second_factor_enrolled",
                "You have a second factor already: have an administrator remove it "
                "first, if you have lost it.",
            )
        prove_password(user, password, is_interactive=is_interactive)
        SecondFactor.objects.update_or_create(
            user=user, removed_at=None, defaults={"encrypted_secret": encrypt(secret)}
        )
    return Enrolment(
        _totp(secret).get_provisioning_uri(
            user.username, f"Attestry {settings.ATTESTRY_LOG_ORIGIN}"
        ),
        base64.b32encode(secret).decode(),
    )


def confirm_second_factor(user: User, *, code: str, is_interactive: bool) -> None:
    """Prove by a code that the app has the secret; from now on it is asked for."""
    if not is_interactive:
        raise PermissionDeniedError(
            "needs_a_session", "A token cannot do this. Log in with your password."
        )
    with tries_counted(user), transaction.atomic():
        _lock(user)
        begun = SecondFactor.objects.filter(
            user=user, removed_at=None, confirmed_at=None
        ).first()
        if begun is None:
            raise ConflictError(
                "second_factor_not_begun",
                "There is nothing to confirm: begin the enrolment first.",
            )
        now = timezone.now()
        _take(begun, code, now=now)
        SecondFactor.objects.filter(pk=begun.pk).update(confirmed_at=now)
        record(
            TrackingEvent.SECOND_FACTOR_ENROLLED,
            actor=user,
            subject=f"user/{user.pk}",
            payload={},
        )


def use_code(user: User, code: str, *, now: datetime) -> None:
    """Take a one-time code of an enrolled factor, or say why not; none counts twice."""
    factor = _confirmed(user)
    if factor is None:
        raise PermissionDeniedError(
            "second_factor_not_enrolled",
            "This needs a second factor and you have none: enrol one first.",
        )
    if not code.strip():
        raise PermissionDeniedError(
            "second_factor_missing",
            "This needs your second factor: enter the code that your app shows.",
        )
    _take(factor, code, now=now)


def remove_second_factor(user: User, *, reason: str, actor: User) -> None:
    """Take a lost factor away; an administrator's act, and never on themselves."""
    reason = reason.strip()
    if not may_administer_accounts(actor) or user.pk == actor.pk:
        raise PermissionDeniedError(
            "may_not_remove_second_factor",
            "Only another person who administers accounts removes a second factor: ask "
            "one of them.",
        )
    if not reason:
        raise InvalidError("reason_missing", "Say why the second factor is removed.")
    with transaction.atomic():
        _lock(user)
        removed = SecondFactor.objects.filter(user=user, removed_at=None).update(
            removed_at=timezone.now(), encrypted_secret=b""
        )
        if not removed:
            raise ConflictError(
                "second_factor_not_enrolled",
                f"{user.username} has no second factor: there is nothing to remove.",
            )
        record(
            TrackingEvent.SECOND_FACTOR_REMOVED,
            actor=actor,
            subject=f"user/{user.pk}",
            payload={},
            private={"reason": reason},
        )


def _lock(user: User) -> None:
    """Let one after the other begin, confirm or remove a factor of one account."""
    User.objects.select_for_update().get(pk=user.pk)


def _confirmed(user: User) -> SecondFactor | None:
    return SecondFactor.objects.confirmed().filter(user=user).first()


def _take(factor: SecondFactor, code: str, *, now: datetime) -> None:
    """Compare and set: of two who send one code at once, one is too late."""
    step = _step_of(code, decrypt(bytes(factor.encrypted_secret)), now)
    if step is not None:
        unused = SecondFactor.objects.filter(
            pk=factor.pk, removed_at=None, last_step__lt=step
        )
        if unused.update(last_step=step):
            forget_all_tries(factor.user)
            return
    raise PermissionDeniedError(
        "second_factor_wrong",
        "The one-time code is wrong or was used before: wait for the next one.",
    )


def _step_of(code: str, secret: bytes, now: datetime) -> int | None:
    """Return the time step whose code this is, the newest one first."""
    given = code.replace(" ", "").encode()
    current = int(now.timestamp()) // STEP_SECONDS
    steps = [current + skew for skew in SKEW_STEPS]
    totp = _totp(secret)
    right = [s for s in steps if bytes_eq(totp.generate(s * STEP_SECONDS), given)]
    return max(right, default=None)


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - RFC 6238 and every app
