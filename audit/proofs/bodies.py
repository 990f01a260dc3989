"""Holds what stands beside an entry's bytes against them: hash, mark, columns, openings."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from audit.models import Event, Head, PrivateField
from audit.proofs.faults import Fault
from audit.proofs.rows import Row
from audit.proofs.signers import Signers
from audit.tlog.commitment import SALT_BYTES, commitment

_BLOCK_BYTES = 64


class EntryChecker:
    """Checks entries by themselves, in the order of their indices.

    A million of them are a matter of seconds only if each costs a few microseconds:
    hence the prepared hashes, and no more than comparisons for an entry that is whole.
    """

    def __init__(self, mac_key: bytes, signers: Signers) -> None:
        # RFC 2104, with the two keyed blocks hashed once.
        block = mac_key.ljust(_BLOCK_BYTES, b"\x00")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
        self._signers = signers

    def check(
        self, rows: Iterable[Row], expected: int
    ) -> tuple[list[bytes], list[Fault]]:
        """Return the leaf hashes that stand there, and what is wrong with entries."""
        sha256, inner, outer = hashlib.sha256, self._inner, self._outer
        leaves, doubtful = [], []
        for row in rows:
            place, leaf, _, body, columns_fit, mac = row
            inside, outside = inner.copy(), outer.copy()
            inside.update(body)
            outside.update(inside.digest())
            is_marked = outside.digest() == mac
            is_hashed = sha256(b"\x00" + body).digest() == leaf
            if not (is_marked and is_hashed and columns_fit and place == expected):
                doubt = {"is_hashed": is_hashed, "is_marked": is_marked}
                doubtful.append((row, expected, doubt))
            leaves.append(leaf)
            expected += 1
        return leaves, [
            fault
            for row, place, doubt in doubtful
            for fault in self._faults(row, place, **doubt)
        ]

    def _faults(
        self, row: Row, expected: int, *, is_hashed: bool, is_marked: bool
    ) -> Iterator[Fault]:
        """Yield what is wrong with an entry that failed the quick comparison."""
        place = row.place
        if place != expected:
            sentence = f"Entry {place} stands where {expected} belongs."
            yield Fault(place, sentence)
        if not is_hashed:
            yield Fault(place, f"Entry {place}: the body does not hash to its leaf.")
            return
        if not (is_marked or self._is_older_than_marks(row)):
            yield Fault(place, f"Entry {place} was not written by the application.")
        if not (row.columns_fit or _columns_fit(row)):
            yield Fault(place, f"Entry {place}: a search column differs from the body.")

    def _is_older_than_marks(self, row: Row) -> bool:
        first = self._signers.first_marked_event
        return row.mac is None and (first is None or row.event_id < first)


def _columns_fit(row: Row) -> bool:
    event = Event.objects.get(pk=row.event_id)
    try:
        said = json.loads(row.body)
        return (
            said["uid"] == str(event.uid)
            and said["kind"] == event.kind
            and said["actor"] == event.actor
            and said["subject"] == event.subject
            and datetime.fromisoformat(said["at"]) == event.recorded_at
            and bytes(event.leaf_hash) == row.leaf_hash
        )
    except (ValueError, KeyError, TypeError):
        return False


def opening_faults(log: Head, first: int, end: int) -> Iterator[Fault]:
    """Yield the private values that are not what their entries committed to."""
    openings = PrivateField.objects.filter(
        event__entry__log=log,
        event__entry__index__gte=first,
        event__entry__index__lt=end,
    ).select_related("event__entry")
    for opening in openings.order_by("event__entry__index", "field").iterator():
        committed = _commitments(bytes(opening.event.body)).get(opening.field)
        if not _opens(opening, committed):
            place = opening.event.entry.index
            sentence = (
                f"Entry {place}: the stored {opening.field} is not what was "
                f"committed to."
            )
            yield Fault(place, sentence)


def _commitments(body: bytes) -> dict[str, Any]:
    try:
        private: dict[str, Any] = json.loads(body)["private"]
    except (ValueError, KeyError, TypeError):
        return {}
    return private


def _opens(opening: PrivateField, committed: str | None) -> bool:
    salt = bytes(opening.salt)
    return (
        len(salt) == SALT_BYTES
        and commitment(salt, opening.field, opening.value) == committed
    )
