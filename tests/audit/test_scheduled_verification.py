"""The installation verifies its log by itself, alarms, and stops deciding."""

import logging
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from audit.errors import ConflictError
from audit.events import AuditEvent
from audit.models import (
    Event,
    Head,
    StoredTile,
    Verification,
    VerificationMode,
    VerificationTurn,
)
from audit.proofs import refuse_unsound_log, soundness
from audit.sequencer import sequence_pending
from audit.services import verify_when_due
from audit.services.verification import scrub_log, verify_log
from tests.audit.happenings import note, triggers_switched_off

pytestmark = pytest.mark.django_db
FULL, INCREMENTAL = VerificationMode.FULL, VerificationMode.INCREMENTAL


@pytest.fixture
def altered() -> Event:
    """An event whose body somebody has changed behind its entry."""
    event = note(1)
    sequence_pending()
    _write(event, b"{}")
    return event


def _write(event: Event, body: bytes) -> None:
    with triggers_switched_off("audit_event"):
        Event.objects.filter(pk=event.pk).update(body=body)


def verify(mode: VerificationMode = FULL) -> None:
    verify_log(Head.objects.current(), mode=mode)


def told() -> list[tuple[str, str]]:
    kinds = [AuditEvent.LOG_FOUND_ALTERED, AuditEvent.LOG_FOUND_INTACT]
    found = Event.objects.filter(kind__in=kinds).order_by("pk")
    return list(found.values_list("kind", "subject"))


def test_intact_full_verification_is_kept_and_alarms_nobody(caplog):
    verify()

    kept = Verification.objects.get()
    assert (kept.mode, kept.is_intact, kept.faults) == ("full", True, "")
    assert kept.size == Head.objects.current().size
    assert told() == []
    assert caplog.records == []


def test_intact_part_is_not_kept():
    verify(INCREMENTAL)
    scrub_log()

    assert not Verification.objects.exists()


def test_altered_log_alarms_once_is_told_once_and_refuses_decisions(
    altered, caplog, settings
):
    settings.ATTESTRY_ALARM_EMAIL_TO = ["ops@example.org"]
    place = altered.entry.index

    verify(INCREMENTAL)
    scrub_log()
    verify()

    alarms = [row for row in caplog.records if row.levelno == logging.CRITICAL]
    sentence = f"Entry {place}: the body does not hash to its leaf."
    assert [row.getMessage() for row in alarms] == [
        f"The audit log is NOT intact. {sentence}"
    ]
    assert [(m.subject, m.body, m.to) for m in mail.outbox] == [
        (
            "[Attestry] The audit log is NOT intact.",
            sentence,
            ["ops@example.org"],
        )
    ]
    assert told() == [("audit.log.found_altered", "log/attestry.localhost/log")]
    assert {row.first_bad_index for row in Verification.objects.all()} == {place}
    with pytest.raises(ConflictError) as refusal:
        refuse_unsound_log()
    assert refusal.value.code == "log_not_intact"
    assert refusal.value.extra == {"first_bad_index": place}


def test_only_a_full_verification_refutes_a_finding(altered):
    body = bytes(altered.body)
    verify()
    _write(altered, body)

    verify(INCREMENTAL)
    assert not soundness().is_intact
    verify()

    assert soundness().is_intact
    assert [kind for kind, _ in told()] == [
        "audit.log.found_altered",
        "audit.log.found_intact",
    ]
    refuse_unsound_log()


def test_verification_without_the_guard_does_not_refute_one_with_it(
    altered, settings, tmp_path
):
    body = bytes(altered.body)
    verify()
    _write(altered, body)
    with_key = settings.ATTESTRY_LOG_KEY
    settings.ATTESTRY_LOG_KEY = tmp_path / "none"

    verify()
    assert not soundness().is_intact
    settings.ATTESTRY_LOG_KEY = with_key
    verify()

    assert soundness().is_intact


def test_unreachable_mail_server_hides_no_alarm(altered, caplog, settings):
    settings.ATTESTRY_ALARM_EMAIL_TO = ["ops@example.org"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    verify()

    assert [row.levelname for row in caplog.records] == ["CRITICAL", "ERROR"]
    assert not soundness().is_intact


def test_each_mode_has_its_turn_when_its_period_has_passed():
    start = timezone.now()
    minutes = (0, 0, 0, 0, 1, 5, 5, 24 * 60)
    done = []
    for minute in minutes:
        with time_machine.travel(start + timedelta(minutes=minute), tick=False):
            done.append(verify_when_due())

    assert done == [
        "full",
        "incremental",
        "scrub",
        None,
        "scrub",
        "incremental",
        "scrub",
        "full",
    ]


def test_period_of_zero_means_never(settings):
    settings.ATTESTRY_LOG_VERIFY_FULL_EVERY_SECONDS = 0
    settings.ATTESTRY_LOG_VERIFY_NEW_EVERY_SECONDS = 0
    settings.ATTESTRY_LOG_SCRUB_EVERY_SECONDS = 0

    assert verify_when_due() is None
    assert not VerificationTurn.objects.exists()


def test_scrub_finds_a_tile_that_was_changed():
    sequence_pending()
    for number in range(256 - Head.objects.current().size):
        note(number)
    sequence_pending()
    with triggers_switched_off("audit_storedtile"):
        StoredTile.objects.filter(level=0).update(hashes=bytes(8192))

    scrub_log()

    found = Verification.objects.get()
    assert found.mode == VerificationMode.SCRUB
    assert "is not the one in the tile" in found.faults


def test_command_keeps_what_it_found(altered):
    with pytest.raises(SystemExit):
        call_command("verify_log")

    assert not Verification.objects.get().is_intact


def test_event_that_waits_is_late_and_then_silent():
    sequence_pending()
    note(1)
    start = timezone.now()

    with time_machine.travel(start + timedelta(seconds=6), tick=False):
        assert soundness().is_late
        refuse_unsound_log()
    with (
        time_machine.travel(start + timedelta(seconds=301), tick=False),
        pytest.raises(ConflictError) as refusal,
    ):
        refuse_unsound_log()

    assert refusal.value.code == "log_silent"
    sequence_pending()
    assert not soundness().lag


def test_health_tells_of_an_altered_log(altered, client):
    verify()

    told = client.get("/health/").json()["log"]

    assert (told["is_intact"], told["first_bad_index"], told["verified_at"]) == (
        False,
        altered.entry.index,
        None,
    )


def test_every_admin_page_shows_an_altered_log_in_red(altered, cast):
    verify()
    client = Client()
    client.force_login(cast.carol)

    shown = [client.get(path) for path in ("/admin/", "/admin/registry/slot/")]

    for page in shown:
        assert 'class="attestry-banner attestry-banner-bad" role="alert"' in (
            page.content.decode()
        )
    found = Verification.objects.get()
    path = f"/admin/audit/verification/{found.pk}/change/"
    assert path in shown[0].content.decode()
    assert found.faults in client.get(path).content.decode()


def test_log_in_page_tells_strangers_nothing(altered, client):
    verify()

    assert "intact" not in client.get("/admin/login/").content.decode()


def test_verifications_are_for_whoever_may_read_the_log(altered, cast):
    verify()
    client = Client()
    client.force_login(cast.bob)

    assert client.get("/admin/audit/verification/").status_code == 403
    assert "What was found" not in client.get("/admin/").content.decode()


def test_log_that_nobody_verifies_any_more_is_overdue(cast, caplog):
    sequence_pending()
    client = Client()
    verify()
    verified = Verification.objects.get().finished_at

    with time_machine.travel(verified + timedelta(hours=47), tick=False):
        assert not soundness().is_overdue
    with time_machine.travel(verified + timedelta(hours=49), tick=False):
        client.force_login(cast.carol)
        page = client.get("/admin/").content.decode()
        assert soundness().is_overdue
        assert client.get("/health/").json()["log"]["is_verified_in_time"] is False

    assert "has not been verified for too long" in page


def test_event_that_waits_shows_amber(cast):
    sequence_pending()
    client = Client()
    client.force_login(cast.carol)
    note(1)

    with time_machine.travel(timezone.now() + timedelta(seconds=9), tick=False):
        page = client.get("/admin/").content.decode()

    assert "The audit log is not being sealed." in page
    assert 'attestry-banner-open" role="alert"' in page
