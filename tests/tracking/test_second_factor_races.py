"""A second factor is confirmed or removed by one after the other."""

import base64
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from audit.models import Event
from tests.factories import PASSWORD, AuthenticatorApp
from tests.races import overtaken
from tracking.models import FailedTries, SecondFactor
from tracking.services.second_factors import (
    confirm_second_factor,
    enrol_second_factor,
    has_second_factor,
    remove_second_factor,
)


@pytest.fixture
def bob(contended) -> User:
    return User.objects.get(username="bob")


@pytest.fixture
def confirm(bob):
    """Return what confirms Bob's enrolment by the code of now, or of a step before."""
    begun = enrol_second_factor(bob, password=PASSWORD, is_interactive=True)
    app = AuthenticatorApp(base64.b32decode(begun.secret))
    return lambda steps=0: confirm_second_factor(
        bob, code=app.code(steps=steps), is_interactive=True
    )


def kinds() -> list[str]:
    told = Event.objects.filter(kind__startswith="tracking.second_factor")
    return list(told.order_by("id").values_list("kind", flat=True))


def test_factor_is_confirmed_once_by_two_at_once(bob, confirm):
    with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=True):
        came = overtaken(lambda: confirm(-1), confirm)

    assert came == ("done", "second_factor_not_begun")
    assert kinds() == ["tracking.second_factor.enrolled"]
    assert not FailedTries.objects.filter(user=bob, number__gt=0).exists()


def test_factor_that_is_being_removed_is_not_confirmed(bob, confirm):
    ada = User.objects.get(username="ada")

    came = overtaken(
        lambda: remove_second_factor(bob, reason="lost", actor=ada), confirm
    )

    assert came == ("done", "second_factor_not_begun")
    assert not has_second_factor(bob)
    assert kinds() == ["tracking.second_factor.removed"]
    assert not FailedTries.objects.filter(user=bob, number__gt=0).exists()


def test_factor_that_is_being_confirmed_is_removed_whole(bob, confirm):
    ada = User.objects.get(username="ada")

    came = overtaken(
        confirm, lambda: remove_second_factor(bob, reason="lost", actor=ada)
    )

    assert came == ("done", "done")
    assert not has_second_factor(bob)
    assert bytes(SecondFactor.objects.get().encrypted_secret) == b""
    assert kinds() == [
        "tracking.second_factor.enrolled",
        "tracking.second_factor.removed",
    ]
