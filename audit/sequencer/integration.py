"""Integrates pending events: entries without a gap, full tiles, then the head.

Several may run at once; the lock on the head row lets one in at a time.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from audit.errors import ConflictError
from audit.models import Event, Head, Pending, StoredTile
from audit.sequencer.kill_points import reached
from audit.storage import keys
from audit.storage.tree import edge_bytes, edge_of
from audit.tlog.merkle import leaf_hash

BATCH = 5000


# The two databases differ in how they read a list.
_IDS = {
    "postgresql": "SELECT value::bigint FROM json_array_elements_text(%s)",
    "sqlite": "SELECT value FROM json_each(%s)",
}
_TAKE = "DELETE FROM audit_pending WHERE event_id IN ({ids})"
_ENTER = """
INSERT INTO audit_entry (event_id, log_id, "index", leaf_hash)
SELECT id, %s, %s + row_number() OVER (ORDER BY id) - 1, leaf_hash
FROM audit_event WHERE id IN ({ids})
"""


@dataclass(frozen=True)
class Waiting:
    """A pending event as the database has it now."""

    event_id: int
    uid: str
    body: bytes
    leaf_hash: bytes
    mac: bytes | None


def integrate_pending() -> int:
    """Integrate every event that is visible now; return how many got an index.

    An event that the application did not write as it stands there stops it, with
    everything before that event integrated.
    """
    mac_key, total = keys.mac_key(), 0
    while Pending.objects.exists():
        integrated = _integrate_batch(mac_key)
        total += integrated
        if integrated < BATCH:
            break
    return total


def integrate_inception(head: Head, event: Event) -> None:
    """Make the event that starts a log its entry 0, in the caller's transaction."""
    Pending.objects.filter(event=event).delete()
    body, leaf = bytes(event.body), bytes(event.leaf_hash)
    mac = bytes(event.mac) if event.mac else None
    _append(head, [Waiting(event.pk, str(event.uid), body, leaf, mac)])


def _integrate_batch(mac_key: bytes) -> int:
    with transaction.atomic():
        _commit_synchronously()
        head = Head.objects.locked()
        reached("head locked")
        genuine, refused = _genuine(_oldest_waiting(), mac_key)
        if refused and not genuine:
            raise refused
        if not genuine:
            return 0
        _execute(_TAKE, json.dumps([row.event_id for row in genuine]))
        reached("pending taken")
        _append(head, genuine)
    reached("integration committed")
    if refused:
        raise refused
    return len(genuine)


def _append(head: Head, events: Sequence[Waiting]) -> None:
    # In the database, three times as fast as row by row; its leaf hashes were checked.
    _execute(_ENTER, head.pk, head.size, json.dumps([row.event_id for row in events]))
    growth = edge_of(head).grow(row.leaf_hash for row in events)
    StoredTile.objects.bulk_create(
        StoredTile(log=head, level=tile.level, index=tile.index, hashes=hashes)
        for tile, hashes in growth.full_tiles
    )
    reached("entries written")
    head.size, head.root = growth.edge.size, growth.edge.root()
    head.edge = edge_bytes(growth.edge)
    head.save(update_fields=["size", "root", "edge", "moved_at"])
    reached("head moved")


def _execute(statement: str, *parameters: int | str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(ids=_IDS[connection.vendor]), parameters)


def _oldest_waiting() -> list[Waiting]:
    rows = Pending.objects.order_by("event_id").values_list(
        "event_id", "event__uid", "event__body", "event__leaf_hash", "event__mac"
    )
    return [
        Waiting(pk, str(uid), bytes(body), bytes(leaf), bytes(mac) if mac else None)
        for pk, uid, body, leaf, mac in rows[:BATCH]
    ]


def _genuine(
    waiting: Sequence[Waiting], mac_key: bytes
) -> tuple[Sequence[Waiting], ConflictError | None]:
    """Return the events up to the first that is not as the application wrote it."""
    for place, row in enumerate(waiting):
        code = _fault(row, mac_key)
        if code:
            return waiting[:place], ConflictError(
                code,
                f"Event {row.uid} was not written by the application as it stands in "
                f"the database, so it gets no place in the log. Find out who changed "
                f"it; nothing behind it is sequenced until it is put right.",
            )
    return waiting, None


def _fault(row: Waiting, mac_key: bytes) -> str | None:
    if row.mac is None or not hmac.compare_digest(
        event_mac(mac_key, row.body), row.mac
    ):
        return "event_mac_wrong"
    return None if leaf_hash(row.body) == row.leaf_hash else "event_leaf_wrong"


def event_mac(mac_key: bytes, body: bytes) -> bytes:
    """Mark a body as written by the application (RFC 2104, with SHA-256)."""
    return hmac.digest(mac_key, body, hashlib.sha256)


def _commit_synchronously() -> None:
    """Overrule a server that may forget what it said was committed."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', true) "
                "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
            )
