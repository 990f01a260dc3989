"""Nothing is signed that contradicts the guard: a database set back or rewritten."""

import logging

import pytest
from django.db import transaction

from audit.errors import ConflictError
from audit.models import Entry, Event, Head, Pending, StoredCheckpoint
from audit.proofs import verify_log
from audit.sequencer import sequence_pending
from audit.storage.guard import path_of, read_guard
from audit.storage.tree import edge_bytes
from audit.tlog.merkle import leaf_hash
from audit.tlog.tiled_tree import TileEdge
from tests.audit.happenings import note, triggers_switched_off

TABLES = ("audit_event", "audit_entry", "audit_head", "audit_storedcheckpoint")


@pytest.fixture
def event(db) -> Event:
    recorded = note(1)
    sequence_pending()
    return recorded


def refusal() -> str:
    with pytest.raises(ConflictError) as refused:
        sequence_pending()
    return refused.value.code


def rewrite_everything(size: int) -> None:
    """Do what a DBA can: make head and checkpoints fit the entries that are left."""
    leaves = Entry.objects.order_by("index").values_list("leaf_hash", flat=True)
    edge = TileEdge().grow(map(bytes, leaves)).edge
    with triggers_switched_off("audit_head"):
        Head.objects.update(size=edge.size, root=edge.root(), edge=edge_bytes(edge))
    with triggers_switched_off("audit_storedcheckpoint"):
        StoredCheckpoint.objects.filter(size__gte=size).delete()


def test_guard_is_the_tree_that_was_signed_last(event):
    head = Head.objects.get()
    guard = read_guard(head)
    assert (guard.origin, guard.size, guard.root) == (
        head.origin,
        head.size,
        bytes(head.root),
    )


def test_database_set_back_to_a_backup_is_not_signed(event):
    size = Head.objects.get().size
    with triggers_switched_off("audit_entry"), triggers_switched_off("audit_event"):
        Entry.objects.filter(event=event).delete()
        Event.objects.filter(pk=event.pk).delete()
    rewrite_everything(size)

    assert refusal() == "log_shrank"
    first = next(iter(verify_log().faults))
    assert first.sentence == f"The guard saw {size} entries; the head says {size - 1}."


def test_backup_that_grew_past_the_guard_again_is_not_signed_either(event):
    size = Head.objects.get().size
    with triggers_switched_off("audit_entry"), triggers_switched_off("audit_event"):
        Entry.objects.filter(event=event).delete()
        Event.objects.filter(pk=event.pk).delete()
    rewrite_everything(size)
    note(2)
    note(3)

    assert refusal() == "log_rewritten"
    assert not StoredCheckpoint.objects.filter(size__gte=size).exists()


def test_history_rewritten_as_a_whole_is_not_signed(event):
    size = Head.objects.get().size
    body = bytes(event.body).replace(b'"number":1', b'"number":9')
    with triggers_switched_off("audit_entry"), triggers_switched_off("audit_event"):
        Event.objects.filter(pk=event.pk).update(body=body, leaf_hash=leaf_hash(body))
        Entry.objects.filter(event=event).update(leaf_hash=leaf_hash(body))
    rewrite_everything(size)

    assert refusal() == "log_rewritten"


def test_lost_guard_is_no_permission_to_sign(event):
    path_of(Head.objects.get()).unlink()
    note(2)
    assert refusal() == "guard_missing"


def test_guard_of_another_log_is_refused(event):
    path = path_of(Head.objects.get())
    path.write_text(path.read_text().replace("attestry.localhost/log", "other.example"))
    note(2)
    assert refusal() == "guard_of_another_log"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mac": bytes(32)}, "event_mac_wrong"),
        ({"mac": None}, "event_mac_wrong"),
        ({"leaf_hash": bytes(32)}, "event_leaf_wrong"),
    ],
    ids=["mac", "no mac", "leaf"],
)
def test_event_changed_before_it_is_sealed_gets_no_place_and_stops_the_rest(
    event, change, code
):
    before, bad, behind = note(2), note(3), note(4)
    with triggers_switched_off("audit_event"):
        Event.objects.filter(pk=bad.pk).update(**change)

    assert refusal() == code
    assert list(Pending.objects.order_by("event_id").values_list("pk", flat=True)) == [
        bad.pk,
        behind.pk,
    ]
    assert Entry.objects.filter(event=before).exists()


def test_refusal_in_the_background_is_logged_with_its_code(real_commits, caplog):
    path_of(Head.objects.get()).unlink()
    with caplog.at_level(logging.ERROR), transaction.atomic():
        note(1)

    assert "(guard_missing)" in caplog.text
