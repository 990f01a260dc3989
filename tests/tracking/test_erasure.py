"""A person is erased; what they did stays in the log, and the log verifies."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from audit.errors import ConflictError, InvalidError
from audit.models import Event, PrivateField
from audit.proofs import verify_log
from audit.sequencer import sequence_pending
from registry.models import SignOff
from tests import factories
from tracking.events import TrackingEvent
from tracking.models import ApiToken
from tracking.services.erasure import erase_subject

pytestmark = pytest.mark.django_db


def values() -> set[str]:
    return set(PrivateField.objects.values_list("value", flat=True))


def test_names_tokens_and_roles_of_a_person_go_and_everything_verifies(cast):
    factories.token(cast.paul)
    name = cast.paul.get_full_name()
    assert name in values()

    call_command("erase_subject", "paul", reason="Request of 2026-11-24")
    sequence_pending()

    paul = User.objects.get(pk=cast.paul.pk)
    assert (paul.username, paul.get_full_name(), paul.email) == (
        f"erased-{paul.pk}",
        "",
        "",
    )
    assert (paul.is_active, paul.is_staff, paul.has_usable_password()) == (False,) * 3
    assert not paul.groups.exists()
    assert not ApiToken.objects.filter(user=paul, revoked_at=None).exists()
    assert name not in values()
    assert "paul" not in values()
    assert verify_log().faults == ()


def test_erasure_is_an_entry_that_names_openings_and_no_person(cast):
    event = Event.objects.get(
        kind=TrackingEvent.ACCOUNT_CREATED, subject=f"user/{cast.paul.pk}"
    )

    call_command("erase_subject", f"user/{cast.paul.pk}", reason="asked")

    told = Event.objects.get(kind=TrackingEvent.ACCOUNT_ERASED)
    body = bytes(told.body).decode()
    assert str(event.uid) in body
    assert '"field":"full_name"' in body
    assert "paul" not in body.lower()
    assert "asked" not in body


def test_signature_names_its_signer_still(workspace, cast, capsys):
    factories.policy(workspace, cast)
    factories.approved(factories.version(workspace, cast), cast)
    name = cast.bob.get_full_name()

    call_command("erase_subject", "bob", reason="left")

    assert name in values()
    assert SignOff.objects.filter(signer=cast.bob).get().printed_name == name
    said = capsys.readouterr().out.splitlines()
    assert "kept as a signature: printed_name of registry.sign_off.given" in said
    assert "erased: full_name of tracking.account.created" in said


def test_dry_run_says_what_would_go_and_removes_nothing(cast, capsys):
    before = values()

    call_command("erase_subject", "paul", dry_run=True)

    assert values() == before
    assert User.objects.get(pk=cast.paul.pk).username == "paul"
    said = capsys.readouterr().out
    assert "would be erased: username of tracking.account.created" in said


def test_erasure_without_a_reason_of_nobody_or_of_oneself_is_refused(cast):
    with pytest.raises(CommandError, match="reason_missing"):
        call_command("erase_subject", "paul")
    with pytest.raises(CommandError, match="There is no account nobody"):
        call_command("erase_subject", "nobody", reason="x")
    with pytest.raises(CommandError, match="account_is_the_installation"):
        call_command("erase_subject", "attestry", reason="x")
    with pytest.raises(ConflictError) as refusal:
        erase_subject(cast.ada, reason="x", kept=(), actor=cast.ada)
    assert refusal.value.code == "erases_oneself"
    with pytest.raises(InvalidError):
        erase_subject(cast.paul, reason=" ", kept=(), actor=cast.ada)


def test_closed_account_gets_in_by_nothing_and_keeps_its_name(cast, client):
    secret = factories.token(cast.bot)

    call_command("deactivate_account", "bot")

    answer = client.get(
        "/api/2.0/mlflow/experiments/get?experiment_id=1",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 401
    assert not User.objects.get(username="bot").is_active
    kinds = Event.objects.order_by("-pk").values_list("kind", flat=True)
    assert TrackingEvent.ACCOUNT_DEACTIVATED in kinds[:3]
    with pytest.raises(CommandError, match="There is no account nobody"):
        call_command("deactivate_account", "nobody")
