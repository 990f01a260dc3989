"""What `record()` writes, and that it stands or falls with the change it tells of."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import transaction

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.models import Entry, Event, Head, Pending, PrivateField
from audit.proofs import told_below, trail, verify_log
from audit.services import init_log, record, refusals_recorded, system_account
from audit.storage import keys
from audit.tlog.canonical import canonical_bytes
from audit.tlog.commitment import commitment
from audit.tlog.merkle import leaf_hash
from tests.audit.happenings import Happening, note


@pytest.mark.django_db
def test_body_is_the_canonical_json_of_everything_that_happened():
    moment = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
    system = system_account()
    with time_machine.travel(moment, tick=False):
        event = record(
            Happening.NOTED,
            actor=system,
            subject="thing/1",
            payload={"b": 1, "a": float("nan")},
        )

    expected = {
        "v": 1,
        "uid": str(event.uid),
        "kind": "tests.thing.noted",
        "at": "2026-03-04T05:06:07.000890+00:00",
        "actor": f"user/{system.pk}",
        "subject": "thing/1",
        "payload": {"a": "NaN", "b": 1},
        "private": {},
    }
    stored = Event.objects.get(pk=event.pk)
    assert bytes(stored.body) == canonical_bytes(expected)
    assert bytes(stored.leaf_hash) == leaf_hash(canonical_bytes(expected))
    assert (stored.kind, stored.actor, stored.subject, stored.recorded_at) == (
        expected["kind"],
        expected["actor"],
        "thing/1",
        moment,
    )
    assert Pending.objects.filter(event=stored).exists()


@pytest.mark.django_db
def test_personal_values_stay_out_of_the_body_and_open_their_commitments():
    event = note(1, full_name="Zebedee Uniquename", reason="Because of Zebedee")

    body = bytes(Event.objects.get(pk=event.pk).body)
    assert b"Zebedee" not in body
    committed = json.loads(body)["private"]
    openings = PrivateField.objects.filter(event=event)
    assert {o.field: o.value for o in openings} == {
        "full_name": "Zebedee Uniquename",
        "reason": "Because of Zebedee",
    }
    assert committed == {
        o.field: commitment(bytes(o.salt), o.field, o.value) for o in openings
    }
    assert len({bytes(o.salt) for o in openings}) == 2


@pytest.mark.django_db
def test_same_personal_value_is_committed_to_differently_every_time():
    first, second = note(1, name="Alice"), note(2, name="Alice")
    committed = {json.loads(bytes(e.body))["private"]["name"] for e in (first, second)}
    assert len(committed) == 2


def test_recording_outside_a_transaction_is_an_error_and_writes_nothing(real_commits):
    before = Event.objects.count()

    with pytest.raises(RuntimeError) as refusal:
        note(1)

    assert str(refusal.value) == (
        "record() needs the transaction of the change it tells of."
    )
    assert Event.objects.count() == before


def test_rollback_leaves_neither_the_change_nor_its_event(real_commits):
    before = Event.objects.count(), Head.objects.get().size

    def change_and_fail():
        with transaction.atomic():
            Group.objects.create(name="undone")
            note(1, name="Alice")
            raise ConflictError("thing_gone", "The thing is gone.")

    with pytest.raises(ConflictError):
        change_and_fail()

    assert not Group.objects.filter(name="undone").exists()
    assert not PrivateField.objects.filter(value="Alice").exists()
    assert (Event.objects.count(), Head.objects.get().size) == before
    assert verify_log().is_intact


def test_rolled_back_savepoint_takes_only_its_own_event(real_commits):
    with transaction.atomic():
        note(1)
        with transaction.atomic():
            note(2)
            transaction.set_rollback(True)
        note(3)

    assert [event.payload["number"] for event in trail(["thing/1"])] == [1, 3]
    assert verify_log().is_intact


def test_commit_gives_the_event_its_index_at_once(real_commits):
    size = Head.objects.get().size
    with transaction.atomic():
        event = note(1)

    assert Entry.objects.get(event=event).index == size
    assert Head.objects.get().size == size + 1
    assert not Pending.objects.exists()


@pytest.mark.parametrize("error", [PermissionDeniedError, ConflictError])
def test_refusal_is_recorded_although_the_refused_change_rolled_back(
    real_commits, error
):
    def refused():
        with (
            refusals_recorded(
                Happening.REFUSED,
                actor=system_account(),
                subject="thing/1",
                payload={"wanted": "all"},
            ),
            transaction.atomic(),
        ):
            Group.objects.create(name="undone")
            note(1)
            raise error("not_so", "Not so.")

    with pytest.raises(error, match=r"^Not so\.$"):
        refused()

    assert not Group.objects.filter(name="undone").exists()
    assert [(e.kind, e.payload) for e in trail(["thing/1"])] == [
        ("tests.thing.refused", {"wanted": "all", "code": "not_so"})
    ]
    assert trail(["thing/1"])[0].index is not None
    assert verify_log().is_intact


def test_other_errors_than_refusals_are_not_recorded(real_commits):
    def invalid():
        with (
            refusals_recorded(
                Happening.REFUSED, actor=system_account(), subject="thing/1", payload={}
            ),
            transaction.atomic(),
        ):
            raise InvalidError("nonsense", "Nonsense.")

    with pytest.raises(InvalidError):
        invalid()

    assert trail(["thing/1"]) == []


@pytest.mark.django_db
def test_body_of_the_largest_size_is_taken_and_one_byte_more_is_refused():
    spent = len(bytes(note_text("").body))
    assert len(bytes(note_text("x" * (65_535 - spent)).body)) == 65_535

    with pytest.raises(InvalidError) as refusal:
        note_text("x" * (65_536 - spent))

    assert refusal.value.code == "entry_too_large"
    assert refusal.value.detail == (
        "The log entry would have 65536 bytes; 65535 is the most. Send the content as "
        "an artifact and refer to its digest."
    )


def note_text(text: str) -> Event:
    return record(
        Happening.NOTED,
        actor=system_account(),
        subject="thing/1",
        payload={"text": text},
    )


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["payload", "private"])
def test_text_that_is_no_unicode_is_refused(where):
    arguments: dict[str, Any] = {"payload": {}, "private": {}} | {
        where: {"text": "\ud800"}
    }
    before = Event.objects.count()

    with pytest.raises(InvalidError) as refusal:
        record(Happening.NOTED, actor=system_account(), subject="thing/1", **arguments)

    assert refusal.value.code == "text_has_no_canonical_form"
    assert Event.objects.count() == before


@pytest.mark.django_db
def test_log_starts_with_its_own_beginning():
    first = Entry.objects.select_related("event").get(index=0).event
    head = Head.objects.get()
    assert (first.kind, first.subject) == (
        "audit.log.initialised",
        f"log/{head.origin}",
    )
    assert json.loads(bytes(first.body))["payload"] == {
        "origin": head.origin,
        "hash": "sha256",
        "tree": "rfc6962",
        "key": str(keys.signing_keys()[0].verifier_key),
        "predecessor": None,
    }


@pytest.mark.django_db
def test_second_log_is_refused_and_the_first_goes_on():
    before = Event.objects.count(), bytes(Head.objects.get().root)

    with pytest.raises(ConflictError) as refusal:
        init_log()

    assert (refusal.value.code, refusal.value.detail) == (
        "log_exists",
        "This installation's log exists already; go on using it.",
    )
    assert (Event.objects.count(), bytes(Head.objects.get().root)) == before


@pytest.mark.django_db
def test_nobody_can_log_in_as_the_installation():
    assert not system_account().has_usable_password()


@pytest.mark.django_db
def test_log_says_of_which_subjects_below_a_prefix_it_tells_something_of_a_kind():
    for subject in ("thing/1/a", "thing/1/b", "thing/1/b", "THING/1/c", "thing/10/d"):
        note(1, subject=subject)

    assert told_below("thing/1/", kind=Happening.NOTED) == {"thing/1/a", "thing/1/b"}
    assert told_below("thing/1/", kind=Happening.REFUSED) == set()
