"""Erases what is known of a person; the log still verifies."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError
from audit.services import (
    Opening,
    erase_openings,
    openings_of,
    record,
    system_account,
)
from tracking.events import TrackingEvent
from tracking.models import RoleGrant, SecondFactor
from tracking.services.accounts import deactivate_account
from tracking.services.roles import revoke_grant

# So that the entry which tells of them stays far below its largest size.
OPENINGS_AN_ENTRY = 300


@dataclass(frozen=True)
class Erasure:
    """What of a person goes, and what a duty to keep signatures still holds."""

    erased: tuple[Opening, ...]
    kept: tuple[Opening, ...]


def foresee_erasure(user: User, *, kept: Collection[StrEnum]) -> Erasure:
    """Say what `erase_subject` would remove, and remove nothing."""
    erased, remaining = openings_of(user, kept=kept)
    return Erasure(tuple(erased), tuple(remaining))


def erase_subject(
    user: User, *, reason: str, kept: Collection[StrEnum], actor: User
) -> Erasure:
    """Remove a person's values, close the account and give it a name that says nothing.

    The account's number stays, because entries name it; the reason is no place for
    personal data and stands in the entry as a commitment only.
    """
    reason = reason.strip()
    if not reason:
        raise InvalidError("reason_missing", "Say why the person is erased.")
    if user.pk == system_account().pk:
        raise ConflictError(
            "account_is_the_installation", "The installation acts as this account."
        )
    if user.pk == actor.pk:
        raise ConflictError("erases_oneself", "Somebody else must erase you.")
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        erasure = foresee_erasure(user, kept=kept)
        deactivate_account(user, actor=actor)
        _take_roles_away(user, actor=actor)
        erase_openings(user, kept=kept)
        _forget_second_factor(user)
        _forget_names(user)
        _record(user, erasure, reason=reason, actor=actor)
    return erasure


def _take_roles_away(user: User, *, actor: User) -> None:
    for grant in RoleGrant.objects.open().with_people().filter(account=user):
        revoke_grant(grant, actor=actor)


def _forget_second_factor(user: User) -> None:
    SecondFactor.objects.filter(user=user, removed_at=None).update(
        removed_at=timezone.now(), encrypted_secret=b""
    )


def _forget_names(user: User) -> None:
    user.username = f"erased-{user.pk}"
    user.first_name = user.last_name = user.email = ""
    user.is_superuser = user.is_staff = user.is_active = False
    user.set_unusable_password()
    user.save()


def _record(user: User, erasure: Erasure, *, reason: str, actor: User) -> None:
    parts = range(0, max(len(erasure.erased), 1), OPENINGS_AN_ENTRY)
    for first in parts:
        part = erasure.erased[first : first + OPENINGS_AN_ENTRY]
        record(
            TrackingEvent.ACCOUNT_ERASED,
            actor=actor,
            subject=f"user/{user.pk}",
            payload={
                "openings": [{"event": o.event, "field": o.field} for o in part],
                "kept": len(erasure.kept),
            },
            private={"reason": reason},
        )
