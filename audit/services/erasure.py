"""Takes personal values out of the database; the entries only ever held commitments."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q, QuerySet

from audit.models import PrivateField
from audit.services.recording import pseudonym


@dataclass(frozen=True)
class Opening:
    """A personal value by its place: the event that commits to it, and its field."""

    event: str
    kind: str
    field: str


def openings_of(
    person: AbstractBaseUser, *, kept: Collection[StrEnum]
) -> tuple[list[Opening], list[Opening]]:
    """Return the values that concern a person: those to erase, and those to keep.

    They concern whoever an event is about, and whoever wrote them. Of the kinds `kept`
    the law wants them still.
    """
    rows = list(_rows(person).select_related("event").order_by("event_id", "field"))
    found = [Opening(str(r.event.uid), r.event.kind, r.field) for r in rows]
    return (
        [opening for opening in found if opening.kind not in kept],
        [opening for opening in found if opening.kind in kept],
    )


def erase_openings(person: AbstractBaseUser, *, kept: Collection[StrEnum]) -> None:
    """Remove values and salts, in the caller's transaction, which records it."""
    _rows(person).exclude(event__kind__in=[str(kind) for kind in kept]).delete()


def _rows(person: AbstractBaseUser) -> QuerySet[PrivateField]:
    name = pseudonym(person)
    return PrivateField.objects.filter(Q(event__subject=name) | Q(event__actor=name))
