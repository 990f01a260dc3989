"""Reads the log: its head, its entries, and the trail of a subject."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max

from audit.errors import NotFoundError
from audit.models import Event, Head, Pending
from audit.storage.witnesses import witnessed_size


@dataclass(frozen=True)
class LogHead:
    """Where the tree stands: `size` entries under `root` (hex)."""

    origin: str
    size: int
    root: str
    moved_at: datetime


@dataclass(frozen=True)
class TrailEntry:
    """One event as a trail prints it; `index` is None until it is sequenced."""

    index: int | None
    uid: str
    kind: str
    actor: str
    subject: str
    recorded_at: datetime
    payload: dict[str, Any]
    leaf_hash: str


@dataclass(frozen=True)
class LogEntry:
    """One entry with the exact bytes that its leaf hash covers."""

    index: int
    leaf_hash: str
    body: bytes
    state: str


@dataclass(frozen=True)
class _Reach:
    """Up to which sizes a log is signed, and cosigned by a quorum of its witnesses."""

    sealed: int
    witnessed: int

    def state_of(self, index: int) -> str:
        if index < self.witnessed:
            return "witnessed"
        return "sealed" if index < self.sealed else "recorded"


def _reach(log: Head) -> _Reach:
    sealed = log.checkpoints.aggregate(size=Max("size"))["size"] or 0
    return _Reach(sealed, witnessed_size(log))


def log_head() -> LogHead:
    """Return the head; Head.DoesNotExist says that `manage.py init_log` never ran."""
    return head_of(Head.objects.current())


def head_of(log: Head) -> LogHead:
    return LogHead(log.origin, log.size, bytes(log.root).hex(), log.moved_at)


def has_log() -> bool:
    return Head.objects.exists()


def pending_count() -> int:
    """Return how many events have no index yet."""
    return Pending.objects.count()


def trail(
    subjects: list[str], *, kinds: Iterable[str] | None = None
) -> list[TrailEntry]:
    """Return every event about the subjects, or those of some kinds, in their order."""
    events = Event.objects.about(subjects).select_related("entry").order_by("id")
    if kinds is not None:
        events = events.filter(kind__in=[str(kind) for kind in kinds])
    return [_trail_entry(event) for event in events]


def _trail_entry(event: Event) -> TrailEntry:
    entry = getattr(event, "entry", None)
    return TrailEntry(
        index=entry.index if entry else None,
        uid=str(event.uid),
        kind=event.kind,
        actor=event.actor,
        subject=event.subject,
        recorded_at=event.recorded_at,
        payload=json.loads(bytes(event.body))["payload"],
        leaf_hash=bytes(event.leaf_hash).hex(),
    )


def told_below(prefix: str, *, kind: str) -> set[str]:
    """Return of which subjects with this prefix the log tells anything of a kind.

    Every event of the kind is looked at: ask it of kinds that seldom happen.
    """
    events = Event.objects.filter(kind=str(kind), subject__startswith=prefix)
    subjects = events.values_list("subject", flat=True)
    # SQLite's LIKE takes upper for lower case.
    return {subject for subject in subjects if subject.startswith(prefix)}


def count_since(kind: str, subject: str, since: datetime) -> int:
    """Return how many events of a kind about a subject were recorded since then."""
    recent = Event.objects.about([subject]).filter(kind=kind, recorded_at__gte=since)
    return recent.count()


def has_acted(actor: str, *, kinds: Iterable[str], subjects: Iterable[str]) -> bool:
    """Say whether an actor, by their pseudonym, did any of this to any of these."""
    events = Event.objects.about(list(subjects)).filter(actor=actor)
    return events.filter(kind__in=[str(kind) for kind in kinds]).exists()


def entry_at(index: int) -> LogEntry:
    """Return one entry of the current log."""
    log = Head.objects.current()
    found = log.entries.select_related("event").filter(index=index).first()
    if found is None:
        raise NotFoundError(
            "entry_unknown",
            f"The log has {log.size} entries and none at {index}: indices begin at 0.",
        )
    return LogEntry(
        index,
        bytes(found.leaf_hash).hex(),
        bytes(found.event.body),
        _reach(log).state_of(index),
    )


def entries(*, subject: str | None, since: int, limit: int) -> Iterable[LogEntry]:
    """Yield entries of the current log from an index on, perhaps about one subject."""
    log = Head.objects.current()
    found = log.entries.filter(index__gte=since).order_by("index")
    if subject is not None:
        found = found.filter(event__subject=subject)
    rows = found.values_list("index", "leaf_hash", "event__body")[:limit]
    reach = _reach(log)
    for index, leaf, body in rows:
        state = reach.state_of(index)
        yield LogEntry(index, bytes(leaf).hex(), bytes(body), state)
