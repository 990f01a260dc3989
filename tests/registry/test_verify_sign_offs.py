"""A signature belongs to one request: one that was moved or altered is named."""

import json
import logging
from datetime import timedelta

import pytest
import time_machine
from celery import current_app
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from audit.errors import ConflictError
from audit.models import Event, PrivateField
from audit.sequencer import sequence_pending
from registry.events import RegistryEvent
from registry.models import (
    PromotionRequest,
    RequestState,
    SignOff,
    SignOffVerification,
)
from registry.models.sign_off import SignerRole
from registry.services.decisions import decide
from registry.services.promotion import promote
from registry.services.sign_off_verification import (
    sign_off_faults,
    verify_sign_offs,
    verify_sign_offs_when_due,
)
from registry.services.sign_offs import missing_roles
from tests import factories
from tests.audit.happenings import triggers_switched_off

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def signed(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    return factories.signed(asked, cast.bob, SignerRole.VALIDATOR)


def alter(**columns: object) -> None:
    """Do what the owner of the table can do."""
    with triggers_switched_off("registry_signoff"):
        SignOff.objects.update(**columns)


def faults() -> list[str]:
    found = sign_off_faults(PromotionRequest.objects.order_by("pk"))
    return [fault.sentence for fault in found]


@pytest.mark.parametrize("field", ["printed_name", "meaning", "reason"])
def test_what_is_printed_beside_a_signature_is_what_was_signed(signed, field):
    alter(**{field: "Somebody Else"})

    (fault,) = faults()
    assert fault.endswith("has another name, meaning or reason than was signed.")


def test_what_was_erased_is_compared_with_nothing(signed):
    PrivateField.objects.filter(event__kind=RegistryEvent.SIGN_OFF_GIVEN).delete()

    assert faults() == []


def test_signatures_that_nobody_altered_are_as_the_log_tells(signed, capsys):
    assert faults() == []

    call_command("verify_sign_offs")

    assert "Every signature is as the log tells" in capsys.readouterr().out


def test_signature_that_was_moved_to_another_request_is_named_and_counts_nothing(
    signed, workspace, cast
):
    other = factories.evaluated(
        factories.version(workspace, cast, content=b"model 2"), cast
    )
    row = SignOff.objects.get()

    alter(request=other)

    moved_away = (
        f"The log tells of a signature of user/{cast.bob.pk} as validator at "
        f"{row.signed_at.isoformat()} over request {signed.pk}, which is not there any "
        f"more."
    )
    moved_here = (
        f"Sign-off {row.pk} (Bob Example as validator) stands at request {other.pk}, and "
        f"the log tells of no such signature there."
    )
    assert faults() == [moved_away, moved_here]
    assert missing_roles(factories.fresh(other)) == ["validator", "owner"]
    with pytest.raises(SystemExit) as ended:
        call_command("verify_sign_offs")
    assert ended.value.code == 7


def test_signature_that_is_moved_with_the_digest_is_named_and_promotes_nothing(
    signed, workspace, cast
):
    other = factories.evaluated(
        factories.version(workspace, cast, content=b"model 2"), cast
    )
    alter(request=other, subject_digest=other.subject_digest)

    assert len(faults()) == 2
    with triggers_switched_off("registry_promotionrequest"):
        PromotionRequest.objects.filter(pk=other.pk).update(state=RequestState.APPROVED)
    with pytest.raises(ConflictError) as refusal:
        promote(factories.fresh(other), actor=cast.rex)
    assert refusal.value.code == "records_altered"


@pytest.mark.parametrize("column", ["role", "signed_at", "signer"])
def test_altered_signature_is_named(signed, cast, column):
    to = {"role": "risk", "signed_at": signed.created_at, "signer": cast.carol}
    alter(**{column: to[column]})

    assert len(faults()) == 2


# On schedule


def told() -> list[tuple[str, dict[str, object]]]:
    found = Event.objects.filter(kind__startswith="registry.sign_offs.").order_by("pk")
    return [(event.kind, json.loads(bytes(event.body))["payload"]) for event in found]


def test_sign_offs_are_verified_once_a_day_by_whoever_comes_first(signed):
    start = timezone.now()
    done = []
    for hours in (0, 1, 23, 24, 25):
        with time_machine.travel(start + timedelta(hours=hours), tick=False):
            done.append(verify_sign_offs_when_due())

    assert done == [True, False, False, True, False]
    kept = SignOffVerification.objects.values_list("requests", "altered", "faults")
    assert list(kept) == [(1, 0, ""), (1, 0, "")]
    assert told() == []


def test_period_of_zero_means_never(signed, settings):
    settings.ATTESTRY_SIGN_OFFS_VERIFY_EVERY_SECONDS = 0

    assert verify_sign_offs_when_due() is False
    assert not SignOffVerification.objects.exists()


def test_altered_signature_alarms_once_and_is_told_once(signed, settings, caplog):
    settings.ATTESTRY_ALARM_EMAIL_TO = ["ops@example.org"]
    row = SignOff.objects.get()
    alter(role="risk")

    verify_sign_offs_when_due()
    verify_sign_offs()

    sentences = "\n".join(faults())
    alarms = [line for line in caplog.records if line.levelno == logging.CRITICAL]
    assert [line.getMessage() for line in alarms] == [
        f"Sign-offs are NOT as they were given. {sentences}"
    ]
    assert [(m.subject, m.body, m.to) for m in mail.outbox] == [
        (
            "[Attestry] Sign-offs are NOT as they were given.",
            sentences,
            ["ops@example.org"],
        )
    ]
    alter(role=row.role)
    verify_sign_offs()
    verify_sign_offs()
    assert told() == [
        (
            "registry.sign_offs.found_altered",
            {"altered": 1, "requests": [signed.pk]},
        ),
        ("registry.sign_offs.found_intact", {"altered": 0, "requests": []}),
    ]


def test_health_and_every_admin_page_tell_of_altered_signatures(signed, cast, client):
    carol = Client()
    carol.force_login(cast.carol)
    sentence = "Sign-offs are NOT as they were given."
    verify_sign_offs()
    assert client.get("/health/").json()["sign_offs"]["are_intact"] is True
    assert sentence not in carol.get("/admin/").content.decode()

    alter(role="risk")
    verify_sign_offs()

    found = client.get("/health/").json()["sign_offs"]
    assert (found["are_intact"], found["altered_requests"]) == (False, 1)
    assert found["verified_at"] is not None
    for path in ("/admin/", "/admin/registry/slot/"):
        page = carol.get(path).content.decode()
        assert 'class="attestry-banner attestry-banner-bad" role="alert"' in page
        assert sentence in page
    assert sentence not in client.get("/admin/login/").content.decode()


def test_nobody_signs_beside_an_altered_signature_and_others_are_signed(
    signed, workspace, cast
):
    alter(signed_at=signed.created_at)
    other = factories.evaluated(
        factories.version(workspace, cast, content=b"model 2"), cast
    )

    with pytest.raises(ConflictError) as refusal:
        factories.signed(signed, cast.olivia, SignerRole.OWNER)

    assert refusal.value.code == "sign_off_altered"
    assert signed.sign_offs.count() == 1
    refused = Event.objects.filter(kind="registry.sign_off.refused").get()
    assert json.loads(bytes(refused.body))["payload"]["code"] == "sign_off_altered"
    assert factories.approved_as_it_is(other, cast).state == RequestState.APPROVED


def test_command_keeps_what_it_found(signed):
    alter(role="risk")
    sequence_pending()

    with pytest.raises(SystemExit):
        call_command("verify_sign_offs")

    assert SignOffVerification.objects.get().altered == 1


def test_every_task_on_the_schedule_is_one_that_a_worker_knows(settings):
    current_app.loader.import_default_modules()

    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert "registry.verify_sign_offs_when_due" in scheduled
    assert scheduled <= current_app.tasks.keys()


def test_task_verifies_what_is_due(signed):
    current_app.loader.import_default_modules()

    current_app.tasks["registry.verify_sign_offs_when_due"].apply(throw=True)

    assert SignOffVerification.objects.get().requests == 1


def test_champion_whose_signatures_were_altered_is_denied(signed, cast):
    approved = factories.signed(signed, cast.olivia, SignerRole.OWNER)
    promote(approved, actor=cast.rex)
    version = approved.model_version

    def decision() -> tuple[str, list[str]]:
        said = decide(version, environment="production", now=timezone.now())
        return said.answer, [reason.code for reason in said.reasons]

    assert decision() == ("allow", [])
    alter(signed_at=timezone.now())
    assert decision() == ("deny", ["sign_offs_altered"])
