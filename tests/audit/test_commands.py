"""`manage.py init_log` and `manage.py verify_log`, as an operator meets them."""

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event, Head
from audit.sequencer import sequence_pending
from tests.audit.happenings import execute, note, triggers_switched_off

pytestmark = pytest.mark.django_db


def test_intact_log_says_how_much_was_recomputed_and_the_root(capsys):
    note(1)

    call_command("verify_log")

    head = Head.objects.get()
    assert capsys.readouterr().out == (
        f"The log is intact: {head.size} entries recomputed, "
        f"root {bytes(head.root).hex()}.\n"
    )


def test_tampered_log_exits_with_seven_and_names_each_fault(capsys):
    event = note(1)
    sequence_pending()
    place = event.entry.index
    with triggers_switched_off("audit_event"):
        Event.objects.filter(pk=event.pk).update(body=b"{}")

    with pytest.raises(SystemExit) as exit_:
        call_command("verify_log")

    said = capsys.readouterr()
    assert exit_.value.code == 7
    assert said.out == f"The log is NOT intact: 1 fault, first at entry {place}.\n"
    assert said.err == f"  Entry {place}: the body does not hash to its leaf.\n"


def test_fault_without_an_index_is_still_reported(capsys):
    Head.objects.update(root=bytes(32))

    with pytest.raises(SystemExit) as exit_:
        call_command("verify_log")

    assert exit_.value.code == 7
    assert capsys.readouterr().out == "The log is NOT intact: 1 fault.\n"


def test_verifying_without_a_log_says_how_to_start_one():
    with triggers_switched_off("audit_head"):
        execute("UPDATE audit_head SET is_current = false")

    with pytest.raises(CommandError) as refusal:
        call_command("verify_log")

    assert str(refusal.value) == "There is no log yet: run manage.py init_log."


def test_second_init_log_is_refused():
    with pytest.raises(CommandError) as refusal:
        call_command("init_log")

    assert str(refusal.value) == (
        "This installation's log exists already; go on using it. (log_exists)"
    )
