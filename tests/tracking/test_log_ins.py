"""Failed log-ins are entries, without what was typed and without end."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from audit.models import Event
from tests import factories
from tracking.events import TrackingEvent
from tracking.models import ApiToken
from tracking.services.tokens import revoke_token

pytestmark = pytest.mark.django_db


def failures() -> list[tuple[str, dict[str, object]]]:
    events = Event.objects.filter(kind=TrackingEvent.LOG_IN_FAILED).order_by("pk")
    return [(e.subject, json.loads(bytes(e.body))["payload"]) for e in events]


def log_in(client, username: str, password: str = "wrong"):  # noqa: S107 - of nobody
    return client.post("/admin/login/", {"username": username, "password": password})


def test_wrong_password_is_an_entry_about_the_account(client, cast):
    log_in(client, "bob")

    assert failures() == [
        (
            f"user/{cast.bob.pk}",
            {
                "door": "password",
                "code": "invalid_login",
                "further_are_left_out": False,
            },
        )
    ]


def test_what_was_typed_as_a_name_is_nowhere_in_the_log(client, cast):
    log_in(client, "my secret passphrase")

    assert [subject for subject, _ in failures()] == ["log-in/unknown"]
    bodies = b"".join(bytes(event.body) for event in Event.objects.all())
    assert b"passphrase" not in bodies


def test_deactivated_account_that_tries_is_an_entry(client, cast):
    cast.bob.is_active = False
    cast.bob.set_password("right")
    cast.bob.save()

    log_in(client, "bob", "right")

    assert [subject for subject, _ in failures()] == [f"user/{cast.bob.pk}"]


def test_unknown_and_revoked_tokens_are_entries(client, cast):
    secret = factories.token(cast.bot)
    revoke_token(ApiToken.objects.get(user=cast.bot), actor=cast.ada)

    for token in ("atty_wrong", secret):
        answer = client.get(
            "/api/2.0/mlflow/experiments/get?experiment_id=1",
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 401

    assert [(subject, told["code"]) for subject, told in failures()] == [
        ("log-in/unknown", "token_unknown"),
        (f"user/{cast.bot.pk}", "token_expired"),
    ]


def test_attack_fills_no_log(client, cast):
    for _ in range(25):
        log_in(client, "bob")
    log_in(client, "carol")

    of_bob = [
        told for subject, told in failures() if subject.endswith(f"/{cast.bob.pk}")
    ]
    assert [told["further_are_left_out"] for told in of_bob] == [False] * 19 + [True]
    assert len(failures()) == 21
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=False):
        log_in(client, "bob")
    assert len(failures()) == 22


def test_locked_account_is_answered_like_an_unknown_name_or_a_wrong_password(
    client, cast
):
    def answer(username: str, password: str) -> tuple[int, list[str]]:
        answered = log_in(client, username, password)
        return answered.status_code, answered.context["form"].non_field_errors()

    unknown, wrong = answer("nobody", "wrong"), answer("bob", "wrong")
    for _ in range(4):
        log_in(client, "bob")
    locked = [answer("bob", given) for given in ("wrong", factories.PASSWORD)]

    assert unknown == wrong == locked[0] == locked[1]
    assert wrong[0] == 200
    assert len(wrong[1]) == 1
    assert [told["code"] for _, told in failures()] == [
        *["invalid_login"] * 6,
        *["account_locked"] * 2,
    ]


def test_log_in_without_a_password_begins_no_count_anew(client, cast):
    for _ in range(4):
        log_in(client, "bob")
    log_in(client, "bob", "")
    log_in(client, "bob")

    assert log_in(client, "bob", factories.PASSWORD).status_code == 200
    assert Event.objects.filter(kind=TrackingEvent.ACCOUNT_LOCKED).count() == 1


def change_password(client, old: str):
    new = "another long passphrase"
    fields = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post("/admin/password_change/", fields)


def test_wrong_old_passwords_lock_as_wrong_ones_at_log_in_do(client, cast):
    client.force_login(cast.bob)
    log_in(Client(), "bob")
    for _ in range(4):
        assert change_password(client, "guessed").status_code == 200

    refused = change_password(client, factories.PASSWORD)

    assert "this account is locked" in refused.context["form"].errors["old_password"][0]
    cast.bob.refresh_from_db()
    assert cast.bob.check_password(factories.PASSWORD)
    assert log_in(Client(), "bob", factories.PASSWORD).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        assert change_password(client, factories.PASSWORD).status_code == 302


def test_right_old_password_begins_the_count_anew(client, cast):
    client.force_login(cast.bob)
    for _ in range(4):
        change_password(client, "guessed")
    assert change_password(client, factories.PASSWORD).status_code == 302
    for _ in range(4):
        change_password(client, "guessed")

    assert not Event.objects.filter(kind=TrackingEvent.ACCOUNT_LOCKED).exists()


def test_right_password_is_no_failure(client, cast):
    cast.bob.set_password("right")
    cast.bob.save()

    assert log_in(client, "bob", "right").status_code == 302
    assert failures() == []
