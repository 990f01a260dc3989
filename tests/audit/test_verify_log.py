# ruff: noqa: ISC004 - sentences stand in lists
"""What `verify_log()` finds after somebody got past the triggers, named exactly."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from audit.models import Entry, Event, Head, Pending, PrivateField, StoredCheckpoint
from audit.proofs import trail, verification, verify_log
from audit.sequencer import sequence_pending
from audit.storage.tree import edge_bytes
from audit.tlog.merkle import leaf_hash
from audit.tlog.tiled_tree import TileEdge
from tests.audit.happenings import execute, note, triggers_switched_off


@pytest.fixture
def events(db) -> list[Event]:
    """Three events behind what starts a log; the first holds a private value."""
    recorded = [note(1, name="Alice"), note(2), note(3)]
    sequence_pending()
    return recorded


def index_of(event: Event) -> int:
    return Entry.objects.get(event=event).index


def sentences() -> list[str]:
    return [fault.sentence for fault in verify_log().faults]


ROOT_DIFFERS = "The root over all entries is not the root of the head."


def test_log_that_nobody_touched_is_intact(events):
    verification = verify_log()
    assert verification.is_intact
    assert verification.first_bad_index is None
    assert verification.entries == verification.head.size == index_of(events[2]) + 1
    assert verification.recomputed_root == verification.head.root
    assert verification.pending == 0


def test_pending_events_are_counted_and_are_no_fault(events):
    note(4)
    verification = verify_log()
    assert (verification.is_intact, verification.pending) == (True, 1)


def test_edited_body_is_named_with_its_index(events):
    place = index_of(events[1])
    body = bytes(events[1].body).replace(b'"number":2', b'"number":9')
    with triggers_switched_off("audit_event"):
        Event.objects.filter(pk=events[1].pk).update(body=body)

    assert sentences() == [f"Entry {place}: the body does not hash to its leaf."]
    assert verify_log().first_bad_index == place


def test_body_that_is_no_json_any_more_is_a_fault_and_no_crash(events):
    with triggers_switched_off("audit_event"):
        Event.objects.filter(pk=events[1].pk).update(body=b"\xff{")

    assert sentences() == [
        f"Entry {index_of(events[1])}: the body does not hash to its leaf."
    ]


def test_body_and_leaf_rewritten_together_do_not_fit_the_root(events):
    place, size = index_of(events[1]), Head.objects.get().size
    body = bytes(events[1].body).replace(b'"number":2', b'"number":9')
    leaf = leaf_hash(body)
    with triggers_switched_off("audit_event"), triggers_switched_off("audit_entry"):
        Event.objects.filter(pk=events[1].pk).update(body=body, leaf_hash=leaf)
        Entry.objects.filter(event=events[1]).update(leaf_hash=leaf)

    assert sentences() == [
        f"Entry {place} was not written by the application.",
        f"The checkpoint of size {size} signs another root.",
        ROOT_DIFFERS,
    ]


@pytest.mark.parametrize(
    "column",
    [
        {"kind": "tests.thing.forgotten"},
        {"actor": "user/0"},
        {"subject": "thing/2"},
        {"uid": "00000000-0000-4000-8000-000000000000"},
        {"recorded_at": "2020-01-01T00:00:00+00:00"},
        {"leaf_hash": bytes(32)},
    ],
    ids=lambda column: next(iter(column)),
)
def test_edited_search_column_is_named_with_its_index(events, column):
    with triggers_switched_off("audit_event"):
        Event.objects.filter(pk=events[2].pk).update(**column)

    assert sentences() == [
        f"Entry {index_of(events[2])}: a search column differs from the body."
    ]


def test_deleted_entry_leaves_a_gap_and_an_event_without_a_place(events):
    place, size = index_of(events[1]), Head.objects.get().size
    with triggers_switched_off("audit_entry"):
        Entry.objects.filter(event=events[1]).delete()

    assert sentences() == [
        f"Event {events[1].uid} is neither in the tree nor pending.",
        f"Entry {place + 1} stands where {place} belongs.",
        f"The head says {size} entries; {size - 1} are there.",
    ]


def test_deleted_event_and_entry_are_missed_all_the_same(events):
    size = Head.objects.get().size
    with triggers_switched_off("audit_entry"), triggers_switched_off("audit_event"):
        Entry.objects.filter(event=events[2]).delete()
        Event.objects.filter(pk=events[2].pk).delete()

    assert sentences() == [f"The head says {size} entries; {size - 1} are there."]
    assert verify_log().first_bad_index == size - 1


def test_swapped_entries_are_noticed(events):
    first, second = index_of(events[0]), index_of(events[1])
    with triggers_switched_off("audit_entry"):
        Entry.objects.filter(index__in=[first, second]).delete()
        Entry.objects.bulk_create(
            Entry(
                log=Head.objects.get(),
                index=index,
                event=event,
                leaf_hash=bytes(event.leaf_hash),
            )
            for index, event in [(first, events[1]), (second, events[0])]
        )

    size = Head.objects.get().size
    assert sentences() == [
        f"The checkpoint of size {size} signs another root.",
        ROOT_DIFFERS,
    ]


def test_edited_root_of_the_head_is_noticed(events):
    Head.objects.update(root=bytes(32))
    assert sentences() == [ROOT_DIFFERS]


def test_edited_subtrees_of_the_head_are_noticed_before_they_spoil_the_next_root(
    events,
):
    head = Head.objects.get()
    Head.objects.update(edge=bytes(len(bytes(head.edge))))
    assert sentences() == ["The head holds other subtrees than the entries make."]


def test_head_that_says_more_than_there_is_is_noticed(events):
    size = Head.objects.get().size
    Head.objects.update(size=size + 1)
    assert sentences() == [f"The head says {size + 1} entries; {size} are there."]


def test_head_set_back_with_a_matching_root_leaves_entries_beyond_it(events):
    size = Head.objects.get().size
    leaves = Entry.objects.order_by("index").values_list("leaf_hash", flat=True)
    earlier = TileEdge().grow(bytes(leaf) for leaf in list(leaves)[:-1]).edge
    with triggers_switched_off("audit_head"):
        Head.objects.update(
            size=earlier.size, root=earlier.root(), edge=edge_bytes(earlier)
        )
    assert sentences() == [
        f"A checkpoint of size {size} was signed; the head says {size - 1}.",
        "There are entries beyond the size of the head.",
    ]


@pytest.mark.parametrize(
    "change",
    [{"value": "Bob"}, {"salt": bytes(32)}, {"salt": b"short"}, {"field": "nickname"}],
    ids=["value", "salt", "length of the salt", "field"],
)
def test_altered_private_field_is_named_with_its_index(events, change):
    PrivateField.objects.filter(event=events[0]).update(**change)
    field = change.get("field", "name")
    assert sentences() == [
        f"Entry {index_of(events[0])}: the stored {field} is not what was committed to."
    ]


def test_private_field_smuggled_in_later_is_noticed(events):
    PrivateField.objects.create(
        event=events[1], field="name", salt=bytes(32), value="Bob"
    )
    assert sentences() == [
        f"Entry {index_of(events[1])}: the stored name is not what was committed to."
    ]


def test_erased_private_field_leaves_the_log_intact(events):
    PrivateField.objects.all().delete()
    assert sentences() == []


@pytest.fixture
def tiled(db) -> None:
    """A log with its first full tile."""
    sequence_pending()
    for number in range(256 - Head.objects.current().size):
        note(number)
    sequence_pending()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM audit_storedtile", "The tile 0/0 is missing."),
        (
            "UPDATE audit_storedtile SET hashes = (SELECT leaf_hash FROM audit_entry"
            ' WHERE "index" = 7)',
            "Entry 0 is not the one in the tile 0/0.",
        ),
    ],
)
def test_edited_or_removed_tile_is_named(tiled, statement, sentence):
    with triggers_switched_off("audit_storedtile"):
        execute(statement)

    assert sentences()[0] == sentence


def test_edited_checkpoint_is_named_with_its_size(events):
    newest = StoredCheckpoint.objects.latest("size")
    edited = bytes(newest.note).replace(b"%d" % newest.size, b"%d" % (newest.size + 1))
    with triggers_switched_off("audit_storedcheckpoint"):
        StoredCheckpoint.objects.filter(pk=newest.pk).update(note=edited)

    assert sentences() == [
        f"The checkpoint of size {newest.size}: The signature of "
        f"attestry.localhost/log does not verify."
    ]


def test_checkpoints_moved_to_another_size_are_named(events):
    note(4)
    sequence_pending()
    older, newer = StoredCheckpoint.objects.order_by("-size")[:2][::-1]
    with triggers_switched_off("audit_storedcheckpoint"):
        StoredCheckpoint.objects.filter(pk=newer.pk).update(note=older.note)

    assert sentences() == [
        f"The checkpoint of size {newer.size} is of attestry.localhost/log, size "
        f"{older.size}."
    ]


def test_false_event_slipped_into_the_tree_is_named(events):
    false = bytes(events[0].body).replace(b'"number":1', b'"number":7')
    with triggers_switched_off("audit_event"), triggers_switched_off("audit_entry"):
        Event.objects.filter(pk=events[0].pk).update(
            body=false, leaf_hash=leaf_hash(false)
        )
        Entry.objects.filter(event=events[0]).update(leaf_hash=leaf_hash(false))

    place = index_of(events[0])
    assert sentences()[0] == f"Entry {place} was not written by the application."


def test_clock_that_is_set_back_or_forward_changes_no_order(db):
    start = timezone.now()
    told = []
    for hours in (0, -1, 24, 0):
        with time_machine.travel(start + timedelta(hours=hours), tick=False):
            told.append(note(hours))
            sequence_pending()

    places = [index_of(event) for event in told]
    assert places == list(range(places[0], places[0] + 4))
    assert sentences() == []


def test_event_removed_from_the_queue_is_named(events):
    lost = note(4)
    Pending.objects.filter(event=lost).delete()
    assert sentences() == [f"Event {lost.uid} is neither in the tree nor pending."]


def test_dropped_trigger_is_named(events):
    if connection.vendor == "postgresql":
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        name = "audit_event_append_only"
        execute(f"DROP TRIGGER {name} ON audit_event")
    else:
        name = "audit_event_append_only_update"
        execute(f"DROP TRIGGER {name}")

    assert sentences() == [f"The trigger {name}, which refuses changes, is missing."]


def test_disabled_trigger_is_named(events):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite cannot disable a trigger")
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_append_only")

    assert sentences() == [
        "The trigger audit_event_append_only is switched off, or off for replicas."
    ]


def test_log_that_grows_while_it_is_verified_is_still_intact(real_commits, monkeypatch):
    monkeypatch.setattr(verification, "CHUNK", 1)
    grown: list[Event] = []

    def grow(done: int, size: int) -> None:
        if not grown:
            with transaction.atomic():
                grown.append(note(1))

    verified = verify_log(progress=grow)

    assert grown
    assert Head.objects.get().size > verified.head.size
    assert verified.faults == ()


def test_trail_tells_of_the_named_subjects_only_and_in_order(events):
    other = note(4, subject="thing/2")
    told = trail(["thing/1", "thing/2"])
    assert [(entry.index, entry.subject, entry.payload) for entry in told] == [
        (index_of(events[0]), "thing/1", {"number": 1}),
        (index_of(events[1]), "thing/1", {"number": 2}),
        (index_of(events[2]), "thing/1", {"number": 3}),
        (None, "thing/2", {"number": 4}),
    ]
    assert told[3].uid == json.loads(bytes(other.body))["uid"]
    assert trail(["thing/3"]) == []
