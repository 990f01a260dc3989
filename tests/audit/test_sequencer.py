"""Indices without a gap, in causal order, whoever writes and sequences at once."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction

from audit.models import Entry, Event, Head, Pending
from audit.proofs import verify_log
from audit.sequencer import integration, sequence_pending
from audit.storage.tree import edge_of
from audit.tlog.merkle import root_of
from tests.audit.happenings import note

WRITERS = 4
SEQUENCERS = 2
EVENTS_A_WRITER = 25


def stored_root() -> str:
    return bytes(Head.objects.get().root).hex()


@pytest.mark.django_db
def test_events_get_indices_without_a_gap_in_the_order_they_were_recorded():
    size = Head.objects.get().size
    events = [note(number) for number in range(5)]

    assert sequence_pending() == 5

    indices = [Entry.objects.get(event=event).index for event in events]
    assert indices == list(range(size, size + 5))
    assert not Pending.objects.exists()


@pytest.mark.django_db
def test_head_is_the_root_over_all_leaves_and_can_grow_further():
    for number in range(7):
        note(number)
        sequence_pending()

    leaves = [
        bytes(leaf)
        for leaf in Entry.objects.order_by("index").values_list("leaf_hash", flat=True)
    ]
    head = Head.objects.get()
    assert head.size == len(leaves)
    assert stored_root() == root_of(leaves).hex()
    assert edge_of(head).root().hex() == stored_root()


@pytest.mark.django_db
def test_nothing_pending_changes_nothing():
    before = Head.objects.get().moved_at
    assert sequence_pending() == 0
    assert Head.objects.get().moved_at == before


@pytest.mark.django_db
def test_more_than_one_batch_is_integrated_whole(monkeypatch):
    monkeypatch.setattr(integration, "BATCH", 3)
    for number in range(10):
        note(number)

    assert sequence_pending() == 10
    assert verify_log().is_intact


def test_concurrent_writers_and_sequencers_lose_double_and_reorder_nothing(
    real_commits,
):
    size = Head.objects.get().size
    writing_is_over = threading.Event()

    def write(writer: int) -> list[int]:
        kept = []
        try:
            for number in range(EVENTS_A_WRITER):
                is_undone = number % 5 == 4
                with transaction.atomic():
                    note(number, subject=f"writer/{writer}")
                    transaction.set_rollback(is_undone)
                if not is_undone:
                    kept.append(number)
        finally:
            connections.close_all()
        return kept

    def sequence() -> None:
        try:
            while not writing_is_over.is_set():
                sequence_pending()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WRITERS + SEQUENCERS) as pool:
        sequencers = [pool.submit(sequence) for _ in range(SEQUENCERS)]
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        try:
            kept = [writer.result(timeout=60) for writer in writers]
        finally:
            writing_is_over.set()
        for running in sequencers:
            running.result(timeout=60)
    sequence_pending()

    for writer, numbers in enumerate(kept):
        logged = Event.objects.about([f"writer/{writer}"]).order_by("entry__index")
        assert [json.loads(bytes(e.body))["payload"]["number"] for e in logged] == (
            numbers
        )
    total = size + sum(map(len, kept))
    assert list(Entry.objects.order_by("index").values_list("index", flat=True)) == (
        list(range(total))
    )
    assert not Pending.objects.exists()
    verification = verify_log()
    assert (verification.faults, verification.entries) == ((), total)
