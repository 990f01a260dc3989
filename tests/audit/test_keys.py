"""The log's keys: made once, refused when open or lost, rotated, declared compromised."""

import json
import stat
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from audit.errors import ConflictError
from audit.models import Entry, Event, Head, Pending, StoredCheckpoint
from audit.proofs import verify_log
from audit.sequencer import sequence_pending
from audit.storage import keys
from audit.tlog.checkpoint import open_checkpoint, parse_checkpoint
from audit.tlog.note import Note
from audit.tlog.verify import main
from tests.audit.happenings import note

pytestmark = pytest.mark.django_db


def code_of(act, *arguments) -> str:
    with pytest.raises(ConflictError) as refused:
        act(*arguments)
    return refused.value.code


def file_of(name: str) -> Path:
    path = getattr(settings, name)
    assert isinstance(path, Path)
    return path


def newest() -> bytes:
    return bytes(StoredCheckpoint.objects.latest("log_id", "size").note)


def signers() -> int:
    return len(Note.parse(newest()).signatures)


def published_verifies_with(*old) -> bool:
    folder = Path(settings.ATTESTRY_LOG_PUBLISH_TO)
    return main(["log", str(folder), "--key", str(folder / "key"), *old]) == 0


@pytest.mark.parametrize("name", ["ATTESTRY_LOG_KEY", "ATTESTRY_LOG_MAC_KEY"])
def test_key_files_are_for_their_owner_only(name):
    assert stat.S_IMODE(file_of(name).stat().st_mode) == 0o600


def test_missing_mac_key_lets_nothing_be_recorded():
    file_of("ATTESTRY_LOG_MAC_KEY").unlink()
    before = Event.objects.count()
    assert code_of(note, 1) == "log_mac_key_missing"
    assert Event.objects.count() == before


def test_key_that_everybody_can_read_signs_nothing():
    file_of("ATTESTRY_LOG_KEY").chmod(0o644)
    note(1)
    assert code_of(sequence_pending) == "log_key_open_to_others"


def test_mac_key_that_everybody_can_read_records_nothing():
    file_of("ATTESTRY_LOG_MAC_KEY").chmod(0o604)
    assert code_of(note, 1) == "log_mac_key_open_to_others"


def test_damaged_keys_are_refused():
    note(1)
    file_of("ATTESTRY_LOG_KEY").write_text("PRIVATE+KEY+x")
    assert code_of(sequence_pending) == "log_key_malformed"
    file_of("ATTESTRY_LOG_MAC_KEY").write_text("abc")
    assert code_of(note, 2) == "log_mac_key_malformed"


def test_key_of_another_log_signs_nothing(monkeypatch):
    key = keys.new_signing_key("other.example/log")
    monkeypatch.setattr(settings, "ATTESTRY_LOG_KEY", key.to_text())
    note(1)
    assert code_of(sequence_pending) == "log_key_of_another_log"


def test_process_without_the_log_key_only_records(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "ATTESTRY_LOG_KEY", tmp_path / "none")
    event = note(1)
    assert sequence_pending() == 0
    assert Pending.objects.filter(event=event).exists()


def test_keys_may_come_from_the_environment(monkeypatch):
    for name in ("ATTESTRY_LOG_KEY", "ATTESTRY_LOG_MAC_KEY"):
        text = file_of(name).read_text().strip()
        monkeypatch.setattr(settings, name, text)
    note(1)
    assert sequence_pending() == 1
    assert code_of(keys.key_file) == "log_key_not_in_a_file"


def test_rotated_key_signs_beside_the_old_one_and_is_itself_an_entry(tmp_path):
    old = keys.signing_keys()[0]
    early = tmp_path / "early"
    early.write_bytes(newest())

    call_command("rotate_log_key")

    new, kept = keys.signing_keys()
    assert (kept, new == old) == (old, False)
    added = Event.objects.latest("id")
    assert added.kind == "audit.log_key.added"
    assert json.loads(bytes(added.body))["payload"] == {"key": str(new.verifier_key)}
    for key in (old, new):
        open_checkpoint(newest(), [key.verifier_key])
    assert verify_log().faults == ()


def test_retired_key_signs_no_more_and_what_it_signed_still_verifies():
    old = keys.signing_keys()[0]
    call_command("rotate_log_key")
    call_command("rotate_log_key", "--retire-old")
    note(1)
    sequence_pending()

    assert signers() == 1
    assert old not in keys.signing_keys()
    assert published_verifies_with()
    assert verify_log().faults == ()


def test_second_rotation_waits_for_the_first_to_end():
    call_command("rotate_log_key")
    with pytest.raises(CommandError, match=r"\(log_key_being_rotated\)$"):
        call_command("rotate_log_key")


def test_retiring_needs_a_rotation():
    with pytest.raises(CommandError, match=r"\(log_key_not_rotated\)$"):
        call_command("rotate_log_key", "--retire-old")


def test_compromised_key_closes_the_log_and_the_next_one_names_its_end(
    django_capture_on_commit_callbacks,
):
    closed, old = Head.objects.get(), keys.signing_keys()[0]
    waiting = note(1)

    with django_capture_on_commit_callbacks(execute=True):
        call_command(
            "declare_log_key_compromised",
            "--new-origin=attestry.localhost/log-2",
            "--reason=laptop stolen",
        )

    closed.refresh_from_db()
    started = Head.objects.current()
    assert (closed.is_current, started.origin) == (False, "attestry.localhost/log-2")
    assert Entry.objects.get(event=waiting).log == closed
    first = json.loads(bytes(Entry.objects.get(log=started, index=0).event.body))
    last = first["payload"]["predecessor"]
    assert (last["origin"], last["size"]) == (closed.origin, closed.size)
    assert parse_checkpoint(last["checkpoint"].encode()).root == bytes(closed.root)
    assert keys.signing_keys()[0] != old
    assert b"laptop" not in b"".join(
        bytes(body) for body in Event.objects.values_list("body", flat=True)
    )

    note(2)
    sequence_pending()
    assert published_verifies_with()
    aside = Path(settings.ATTESTRY_LOG_PUBLISH_TO).with_name(
        f"published-log.closed-log-{closed.pk}"
    )
    assert main(["log", str(aside), "--key", str(old.verifier_key)]) == 0
    for log in Head.objects.all():
        assert verify_log(log=log).faults == ()


def test_used_origin_is_refused_for_the_next_log():
    with pytest.raises(CommandError, match=r"\(origin_used\)$"):
        call_command(
            "declare_log_key_compromised",
            f"--new-origin={Head.objects.get().origin}",
            "--reason=none",
        )
    assert Head.objects.count() == 1
