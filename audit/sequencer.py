"""Gives pending events their index: entries without a gap, then the head.

Several may run at once; the lock on the head row lets one in at a time.
"""

from django.db import transaction

from audit.models import Entry, Head, Pending
from audit.tlog.merkle import Frontier

BATCH = 1000


def sequence_pending() -> int:
    """Integrate every event that is visible now; return how many got an index."""
    total = 0
    while True:
        integrated = _sequence_batch()
        total += integrated
        if integrated < BATCH:
            return total


def _sequence_batch() -> int:
    with transaction.atomic():
        head = Head.objects.select_for_update().get()
        pending = list(
            Pending.objects.select_related("event").order_by("event_id")[:BATCH]
        )
        if not pending:
            return 0
        hashes = [bytes(row.event.leaf_hash) for row in pending]
        Entry.objects.bulk_create(
            Entry(index=head.size + offset, event_id=row.event_id, leaf_hash=leaf)
            for offset, (row, leaf) in enumerate(zip(pending, hashes, strict=True))
        )
        Pending.objects.filter(pk__in=[row.pk for row in pending]).delete()
        frontier = Frontier.from_bytes(head.size, bytes(head.frontier))
        frontier = frontier.extended(hashes)
        head.size, head.root = frontier.size, frontier.root()
        head.frontier = frontier.to_bytes()
        head.save(update_fields=["size", "root", "frontier", "moved_at"])
        return len(pending)
