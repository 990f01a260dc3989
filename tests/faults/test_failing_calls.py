"""Every call of the sequencer to database and files fails once, without or with effect.

What follows goes on by itself, and the log is what was recorded: nothing lost, doubled,
out of order or forked.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from audit.errors import ConflictError
from audit.events import AuditEvent
from audit.models import Entry, Event, Head, Pending
from audit.proofs import verify_log
from audit.sequencer import sequence_pending
from audit.services.log import (
    declare_log_key_compromised,
    retire_old_log_key,
    rotate_log_key,
)
from audit.storage.keys import signing_keys
from audit.tlog.verify import main as verify
from tests.audit.happenings import note
from tests.faults.edge import Manner, failing

pytestmark = [pytest.mark.on_postgresql, pytest.mark.slow]
# `make soak` lets each pass fill tiles of its own.
EVENTS_A_PASS = int(os.environ.get("SOAK_EVENTS_A_PASS", "7"))


@pytest.fixture
def seen(real_commits, monkeypatch, tmp_path: Path) -> "Seen":
    monkeypatch.setattr(settings, "ATTESTRY_LOG_SEQUENCER", "own-process")
    return Seen(tmp_path)


class Seen:
    """What the test recorded, and every published checkpoint that it saw."""

    def __init__(self, folder: Path) -> None:
        self.recorded = list(Event.objects.order_by("id").values_list("uid", flat=True))
        self._folder = folder
        self._old: list[str] = []

    def record(self, count: int) -> None:
        with transaction.atomic():
            self.recorded += [note(number).uid for number in range(count)]

    def keep_checkpoint(self) -> None:
        copy = self._folder / f"old-{len(self._old)}"
        copy.write_bytes(
            (Path(settings.ATTESTRY_LOG_PUBLISH_TO) / "checkpoint").read_bytes()
        )
        self._old += ["--old", str(copy)]

    def assert_in_order(self) -> None:
        indexed = Entry.objects.order_by("index").values_list("event__uid", flat=True)
        assert list(indexed) == self.recorded
        assert not Pending.objects.exists()

    def assert_whole(self) -> None:
        """Verify the log from inside and as an outsider with every old checkpoint."""
        assert verify_log().faults == ()
        assert verifies(*self._old)


def verifies(*old: str) -> bool:
    folder = Path(settings.ATTESTRY_LOG_PUBLISH_TO)
    return verify(["log", str(folder), "--key", str(folder / "key"), *old]) == 0


def until_nothing_fails(act: Callable[[int], bool]) -> int:
    """Let the first call fail, then the second, … ; return how many there were."""
    at = 1
    while act(at):
        at += 1
    return at - 1


@pytest.mark.parametrize("manner", Manner)
def test_pass_whose_call_fails_is_completed_by_the_next(seen: Seen, manner: Manner):
    def fail_in_a_pass(at: int) -> bool:
        seen.record(EVENTS_A_PASS)
        with failing(at, manner) as edge, suppress(DatabaseError, OSError):
            sequence_pending()
        # As the command does after a failure.
        connection.close()
        seen.keep_checkpoint()
        if at % 2:
            # Every other failure meets what the one before it has left.
            sequence_pending()
            seen.keep_checkpoint()
        return edge.has_failed

    calls = until_nothing_fails(fail_in_a_pass)

    sequence_pending()
    assert calls > 30
    seen.assert_in_order()
    seen.assert_whole()


@pytest.mark.parametrize("manner", Manner)
def test_change_and_its_event_stand_or_fall_together_whatever_fails(
    seen: Seen, manner: Manner
):
    def fail_in_a_change(at: int) -> bool:
        name = f"changed-{at}"
        with failing(at, manner) as edge, suppress(DatabaseError), transaction.atomic():
            Group.objects.create(name=name)
            note(at, subject=name, name="Alice")
        connection.close()
        told = list(Event.objects.about([name]).values_list("uid", flat=True))
        assert len(told) == Group.objects.filter(name=name).count()
        seen.recorded += told
        return edge.has_failed

    # PostgreSQL takes an entry and its private fields in one statement.
    fewest = 4 if connection.vendor == "postgresql" else 5
    assert until_nothing_fails(fail_in_a_change) >= fewest

    sequence_pending()
    seen.assert_in_order()
    seen.assert_whole()


@pytest.mark.parametrize("manner", Manner)
def test_rotation_whose_call_fails_is_completed_by_the_next(seen: Seen, manner: Manner):
    def fail_in_a_rotation(at: int) -> bool:
        with failing(at, manner) as edge, suppress(DatabaseError, OSError):
            rotate_log_key()
        connection.close()
        # What is done already is said, and not done twice.
        with suppress(ConflictError):
            rotate_log_key()
        assert len(signing_keys()) == 2
        retire_old_log_key()
        return edge.has_failed

    rotations = until_nothing_fails(fail_in_a_rotation) + 1

    assert rotations > 30
    assert times_recorded(AuditEvent.LOG_KEY_ADDED) == rotations
    assert verify_log().faults == ()
    # The checkpoints before were signed by keys that an outsider now lacks.
    assert verifies()


@pytest.mark.parametrize("manner", Manner)
def test_retirement_whose_call_fails_is_completed_by_the_next(
    seen: Seen, manner: Manner
):
    def fail_in_a_retirement(at: int) -> bool:
        newest = rotate_log_key()
        with failing(at, manner) as edge, suppress(DatabaseError, OSError):
            retire_old_log_key()
        connection.close()
        with suppress(ConflictError):
            retire_old_log_key()
        assert signing_keys() == (newest,)
        sequence_pending()
        return edge.has_failed

    retirements = until_nothing_fails(fail_in_a_retirement) + 1

    assert retirements > 30
    assert times_recorded(AuditEvent.LOG_KEY_RETIRED) == retirements
    assert verify_log().faults == ()
    # The checkpoints before were signed by keys that an outsider now lacks.
    assert verifies()


@pytest.mark.parametrize("manner", Manner)
def test_closing_whose_call_fails_is_completed_by_the_next(seen: Seen, manner: Manner):
    def fail_in_a_closing(at: int) -> bool:
        origin = f"attestry.localhost/log-{at}"
        with failing(at, manner) as edge, suppress(DatabaseError, OSError):
            declare_log_key_compromised(new_origin=origin, reason="stolen")
        connection.close()
        with suppress(ConflictError):
            declare_log_key_compromised(new_origin=origin, reason="stolen")
        assert Head.objects.current().origin == origin
        seen.record(1)
        sequence_pending()
        published = Path(settings.ATTESTRY_LOG_PUBLISH_TO)
        closed = Head.objects.filter(is_current=False).latest("pk")
        for folder in (
            published,
            published.with_name(f"{published.name}.closed-log-{closed.pk}"),
        ):
            assert verify(["log", str(folder), "--key", str(folder / "key")]) == 0
        return edge.has_failed

    closings = until_nothing_fails(fail_in_a_closing) + 1

    assert closings > 30
    assert times_recorded(AuditEvent.LOG_CLOSED) == closings
    assert verify_log().faults == ()


def times_recorded(kind: AuditEvent) -> int:
    return Event.objects.filter(kind=str(kind)).count()
