"""What can be proven from the log: that it is whole, and what it says of a subject."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.models import Entry, Event, Head, Pending, PrivateField
from audit.tlog.commitment import SALT_BYTES, commitment
from audit.tlog.merkle import Frontier, leaf_hash
from audit.triggers import missing_triggers

CHUNK = 2000


@dataclass(frozen=True)
class LogHead:
    """Where the tree stands: `size` entries under `root` (hex)."""

    origin: str
    size: int
    root: str
    moved_at: datetime


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it was written; `index` is None where there is none."""

    index: int | None
    sentence: str


@dataclass(frozen=True)
class LogVerification:
    """What a full verification recomputed, and everything that did not agree."""

    head: LogHead
    entries: int
    pending: int
    recomputed_root: str
    faults: tuple[Fault, ...]

    @property
    def is_intact(self) -> bool:
        return not self.faults

    @property
    def first_bad_index(self) -> int | None:
        return min((f.index for f in self.faults if f.index is not None), default=None)


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


def log_head() -> LogHead:
    """Return the head; Head.DoesNotExist says that `manage.py init_log` never ran."""
    head = Head.objects.get()
    return LogHead(head.origin, head.size, bytes(head.root).hex(), head.moved_at)


def has_log() -> bool:
    return Head.objects.exists()


def pending_count() -> int:
    """Return how many events have no index yet."""
    return Pending.objects.count()


def trail(subjects: list[str]) -> list[TrailEntry]:
    """Return every event about the subjects, in the order of the log."""
    events = Event.objects.about(subjects).select_related("entry").order_by("id")
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


def verify_log(progress: Callable[[int, int], None] | None = None) -> LogVerification:
    """Recompute every leaf and the root from the stored bodies, and name what differs.

    `progress` is called with (entries done, size of the head). Memory stays flat.
    """
    head = log_head()
    frontier, faults = Frontier(), list(_lost_events())
    entries = Entry.objects.select_related("event").order_by("index")
    entries = entries.prefetch_related("event__private_fields")
    for entry in entries.filter(index__lt=head.size).iterator(chunk_size=CHUNK):
        recomputed = leaf_hash(bytes(entry.event.body))
        faults += [
            Fault(entry.index, sentence)
            for sentence in _entry_faults(entry, frontier.size, recomputed)
        ]
        frontier = frontier.extended([recomputed])
        if progress and frontier.size % CHUNK == 0:
            progress(frontier.size, head.size)
    root = frontier.root().hex()
    faults += _head_faults(head, frontier, root)
    return LogVerification(
        head=head,
        entries=frontier.size,
        pending=Pending.objects.count(),
        recomputed_root=root,
        faults=tuple(faults),
    )


def _lost_events() -> Iterable[Fault]:
    for name in missing_triggers():
        yield Fault(None, f"The trigger {name}, which refuses changes, is missing.")
    for event in Event.objects.unaccounted()[:100]:
        yield Fault(None, f"Event {event.uid} is neither in the tree nor pending.")


def _entry_faults(entry: Entry, expected_index: int, recomputed: bytes) -> list[str]:
    event = entry.event
    body = (
        json.loads(bytes(event.body)) if recomputed == bytes(entry.leaf_hash) else None
    )
    faults = []
    if entry.index != expected_index:
        faults.append(f"Entry {entry.index} stands where {expected_index} belongs.")
    if recomputed != bytes(entry.leaf_hash):
        faults.append(f"Entry {entry.index}: the body does not hash to its leaf.")
    elif body and _columns(event) != _columns_of(body, recomputed):
        faults.append(f"Entry {entry.index}: a search column differs from the body.")
    if body:
        faults += _opening_faults(entry, body["private"])
    return faults


def _columns(event: Event) -> tuple[str, str, str, str, datetime, bytes]:
    return (
        str(event.uid),
        event.kind,
        event.actor,
        event.subject,
        event.recorded_at,
        bytes(event.leaf_hash),
    )


def _columns_of(
    body: dict[str, Any], leaf: bytes
) -> tuple[str, str, str, str, datetime, bytes]:
    return (
        body["uid"],
        body["kind"],
        body["actor"],
        body["subject"],
        datetime.fromisoformat(body["at"]),
        leaf,
    )


def _opening_faults(entry: Entry, commitments: dict[str, str]) -> list[str]:
    return [
        f"Entry {entry.index}: the stored {opening.field} is not what was committed to."
        for opening in entry.event.private_fields.all()
        if not _opens(opening, commitments.get(opening.field))
    ]


def _opens(opening: PrivateField, committed: str | None) -> bool:
    salt = bytes(opening.salt)
    return (
        len(salt) == SALT_BYTES
        and commitment(salt, opening.field, opening.value) == committed
    )


def _head_faults(head: LogHead, frontier: Frontier, root: str) -> list[Fault]:
    size = frontier.size
    if size != head.size:
        return [Fault(size, f"The head says {head.size} entries; {size} are there.")]
    if root != head.root:
        return [Fault(None, "The root over all entries is not the root of the head.")]
    # The head may have moved meanwhile, so these two look at the head of this moment.
    now = Head.objects.get()
    if now.size == size and bytes(now.frontier) != frontier.to_bytes():
        return [Fault(None, "The head holds other subtrees than the entries make.")]
    beyond = Entry.objects.filter(index__gte=Head.objects.values("size")[:1])
    if beyond.exists():
        return [Fault(now.size, "There are entries beyond the size of the head.")]
    return []
