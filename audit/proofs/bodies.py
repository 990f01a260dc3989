"""Holds what stands beside an entry's bytes against them: hash, mark, columns, openings."""

import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.models import Head, PrivateField
from audit.proofs.faults import Fault
from audit.proofs.signers import Signers
from audit.sequencer.integration import event_mac
from audit.tlog.commitment import SALT_BYTES, commitment
from audit.tlog.merkle import leaf_hash

# SQLite hands out bytes and PostgreSQL a view of them.
Stored = bytes | memoryview


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """An entry with its event, as the tables have them now."""

    index: int
    leaf_hash: Stored
    event_id: int
    uid: UUID
    kind: str
    actor: str
    subject: str
    recorded_at: datetime
    body: Stored
    event_leaf_hash: Stored
    mac: Stored | None


def entry_faults(
    row: ReadEntry, expected_index: int, mac_key: bytes, signers: Signers
) -> Iterator[Fault]:
    """Yield what is wrong with one entry by itself."""
    place, body = row.index, bytes(row.body)
    if place != expected_index:
        sentence = f"Entry {place} stands where {expected_index} belongs."
        yield Fault(place, sentence)
    if leaf_hash(body) != bytes(row.leaf_hash):
        yield Fault(place, f"Entry {place}: the body does not hash to its leaf.")
        return
    if not _is_marked(row, body, mac_key, signers):
        yield Fault(place, f"Entry {place} was not written by the application.")
    if not _columns_fit(row, body):
        yield Fault(place, f"Entry {place}: a search column differs from the body.")


def _is_marked(row: ReadEntry, body: bytes, mac_key: bytes, signers: Signers) -> bool:
    if row.mac is None:
        first = signers.first_marked_event
        return first is None or row.event_id < first
    return hmac.compare_digest(bytes(row.mac), event_mac(mac_key, body))


def _columns_fit(row: ReadEntry, body: bytes) -> bool:
    try:
        said = json.loads(body)
        return (
            said["uid"] == str(row.uid)
            and said["kind"] == row.kind
            and said["actor"] == row.actor
            and said["subject"] == row.subject
            and datetime.fromisoformat(said["at"]) == row.recorded_at
            and bytes(row.event_leaf_hash) == bytes(row.leaf_hash)
        )
    except (ValueError, KeyError, TypeError):
        return False


def opening_faults(log: Head, rows: Sequence[ReadEntry]) -> list[Fault]:
    """Return the private values that are not what their entries committed to."""
    if not rows:
        return []
    by_event = {row.event_id: row for row in rows}
    openings = PrivateField.objects.filter(
        event__entry__log=log,
        event__entry__index__gte=rows[0].index,
        event__entry__index__lte=rows[-1].index,
    )
    faults = []
    for opening in openings.order_by("event_id", "field"):
        row = by_event.get(opening.event_id)
        if row and not _opens(opening, _commitments(row).get(opening.field)):
            sentence = (
                f"Entry {row.index}: the stored {opening.field} is not what was "
                f"committed to."
            )
            faults.append(Fault(row.index, sentence))
    return faults


def _commitments(row: ReadEntry) -> dict[str, Any]:
    try:
        private: dict[str, Any] = json.loads(bytes(row.body))["private"]
    except (ValueError, KeyError, TypeError):
        return {}
    return private


def _opens(opening: PrivateField, committed: str | None) -> bool:
    salt = bytes(opening.salt)
    return (
        len(salt) == SALT_BYTES
        and commitment(salt, opening.field, opening.value) == committed
    )
