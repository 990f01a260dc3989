"""Which keys may have signed a log: those that its own entries name."""

import json
from dataclasses import dataclass

from audit.events import AuditEvent
from audit.models import Event, Head
from audit.tlog.errors import MalformedError
from audit.tlog.keys import VerifierKey

NAMING = (AuditEvent.LOG_INITIALISED, AuditEvent.LOG_KEY_ADDED)


@dataclass(frozen=True)
class Signers:
    """The keys of a log, newest first, and the first event that was marked with a MAC."""

    keys: tuple[VerifierKey, ...]
    first_marked_event: int | None

    @property
    def newest(self) -> VerifierKey | None:
        return self.keys[0] if self.keys else None


def signers_of(log: Head) -> Signers:
    """Read the keys that entries name; an entry that was altered may name none."""
    events = Event.objects.filter(entry__log=log, kind__in=NAMING).order_by("id")
    keys: list[VerifierKey] = []
    first: int | None = None
    for event in events:
        key = _key_in(bytes(event.body))
        if key is None:
            continue
        first = event.pk if first is None else first
        keys.insert(0, key)
    return Signers(tuple(keys), first)


def _key_in(body: bytes) -> VerifierKey | None:
    try:
        return VerifierKey.parse(json.loads(body)["payload"]["key"])
    except (ValueError, KeyError, TypeError, MalformedError):
        return None
