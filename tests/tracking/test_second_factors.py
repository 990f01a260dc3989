"""One-time codes: enrolled with a proof, used once each, removed by somebody else."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.models import Event
from audit.services import system_account
from tests import factories
from tests.factories import PASSWORD, AuthenticatorApp
from tracking.models import FailedTries, SecondFactor
from tracking.services.erasure import erase_subject
from tracking.services.log_ins import prove_password, tries_counted
from tracking.services.second_factors import (
    confirm_second_factor,
    enrol_second_factor,
    has_second_factor,
    remove_second_factor,
    use_code,
)

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def code_of(refusal) -> str:
    code: str = refusal.value.code
    return code


def use(user, code: str) -> None:
    use_code(user, code, now=timezone.now())


@pytest.mark.parametrize(
    ("at", "code"),
    [(59, "287082"), (1111111109, "081804"), (2000000000, "279037")],
    ids=str,
)
def test_codes_are_those_of_rfc_6238_appendix_b(cast, at, code):
    with time_machine.travel(datetime.fromtimestamp(at, UTC), tick=False):
        app = AuthenticatorApp(b"12345678901234567890")
        assert app.code() == code


def test_enrolment_is_scanned_and_confirmed_by_a_code(cast):
    begun = enrol_second_factor(cast.bob, password=PASSWORD, is_interactive=True)

    uri = urlsplit(begun.provisioning_uri)
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parse_qs(uri.query)["secret"] == [begun.secret]
    assert not has_second_factor(cast.bob)

    app = AuthenticatorApp(base64.b32decode(begun.secret))
    confirm_second_factor(cast.bob, code=app.code(), is_interactive=True)
    assert has_second_factor(cast.bob)


def test_secret_stands_nowhere_in_the_database_in_clear(cast):
    app = factories.second_factor(cast.bob)
    stored = bytes(SecondFactor.objects.get(user=cast.bob).encrypted_secret)
    assert app.secret not in stored
    assert not any(app.secret in bytes(e.body) for e in Event.objects.all())


def test_secret_cannot_be_read_under_another_key(cast, settings):
    app = factories.second_factor(cast.bob)
    settings.ATTESTRY_SECOND_FACTOR_KEY = Fernet.generate_key().decode()
    with pytest.raises(ConflictError) as refusal:
        use(cast.bob, app.code())
    assert code_of(refusal) == "second_factor_key_wrong"


def test_key_can_be_replaced_while_the_old_one_still_reads(cast, settings):
    app = factories.second_factor(cast.bob)
    path = settings.ATTESTRY_SECOND_FACTOR_KEY
    path.write_text(f"{Fernet.generate_key().decode()}\n{path.read_text()}")
    use(cast.bob, app.code())


@pytest.mark.parametrize(
    ("text", "code"),
    [("nonsense", "second_factor_key_malformed"), ("", "second_factor_key_malformed")],
)
def test_key_that_is_none_is_refused(cast, settings, text, code):
    settings.ATTESTRY_SECOND_FACTOR_KEY.write_text(text)
    settings.ATTESTRY_SECOND_FACTOR_KEY.chmod(0o600)
    with pytest.raises(ConflictError) as refusal:
        enrol_second_factor(cast.bob, password=PASSWORD, is_interactive=True)
    assert code_of(refusal) == code


def test_key_that_others_can_read_is_refused(cast, settings):
    factories.second_factor(cast.bob)
    settings.ATTESTRY_SECOND_FACTOR_KEY.chmod(0o644)
    with pytest.raises(ConflictError) as refusal:
        use(cast.bob, "123456")
    assert code_of(refusal) == "second_factor_key_open_to_others"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "guessed"}, "password_wrong"),
        ({"is_interactive": False}, "needs_a_session"),
    ],
)
def test_enrolment_needs_the_password_in_a_session(cast, changes, code):
    arguments = {"password": PASSWORD, "is_interactive": True} | changes
    with pytest.raises(PermissionDeniedError) as refusal:
        enrol_second_factor(cast.bob, **arguments)
    assert code_of(refusal) == code
    assert not SecondFactor.objects.exists()


def test_second_enrolment_is_refused_so_that_a_stolen_session_replaces_nothing(cast):
    factories.second_factor(cast.bob)
    with pytest.raises(ConflictError) as refusal:
        enrol_second_factor(cast.bob, password=PASSWORD, is_interactive=True)
    assert code_of(refusal) == "second_factor_enrolled"


def test_enrolment_that_nobody_began_is_not_confirmed(cast):
    with pytest.raises(ConflictError) as refusal:
        confirm_second_factor(cast.bob, code="123456", is_interactive=True)
    assert code_of(refusal) == "second_factor_not_begun"


def test_code_is_taken_once(cast):
    app = factories.second_factor(cast.bob)
    use(cast.bob, app.code())
    with pytest.raises(PermissionDeniedError) as refusal:
        use(cast.bob, app.code())
    assert code_of(refusal) == "second_factor_wrong"


def test_older_code_is_not_taken_after_a_newer_one(cast):
    app = factories.second_factor(cast.bob)
    before = app.code(steps=-1)
    use(cast.bob, app.code())
    with pytest.raises(PermissionDeniedError):
        use(cast.bob, before)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_clock_may_be_one_step_off(cast, steps):
    app = factories.second_factor(cast.bob)
    with time_machine.travel(timezone.now(), tick=False):
        use(cast.bob, app.code(steps=steps))


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_clock_may_not_be_two_steps_off(cast, steps):
    app = factories.second_factor(cast.bob)
    with (
        time_machine.travel(timezone.now(), tick=False),
        pytest.raises(PermissionDeniedError),
    ):
        use(cast.bob, app.code(steps=steps))


@pytest.mark.parametrize(
    "code", ["000", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "0" * 4000]
)
def test_what_is_no_code_is_wrong(cast, code):
    factories.second_factor(cast.bob)
    with pytest.raises(PermissionDeniedError) as refusal:
        use(cast.bob, code)
    assert code_of(refusal) == "second_factor_wrong"


def test_code_may_be_typed_in_two_groups(cast):
    app = factories.second_factor(cast.bob)
    code = app.code()
    use(cast.bob, f"{code[:3]} {code[3:]}")


def test_code_of_somebody_else_is_wrong(cast):
    factories.second_factor(cast.bob)
    other = factories.second_factor(cast.olivia)
    with pytest.raises(PermissionDeniedError):
        use(cast.bob, other.code())


def test_account_without_a_factor_is_told_to_enrol(cast):
    with pytest.raises(PermissionDeniedError) as refusal:
        use(cast.bob, "123456")
    assert code_of(refusal) == "second_factor_not_enrolled"


def test_lost_factor_is_removed_by_an_administrator_and_its_secret_is_gone(cast):
    factories.second_factor(cast.bob)
    remove_second_factor(cast.bob, reason="The phone was lost.", actor=cast.ada)

    assert not has_second_factor(cast.bob)
    assert bytes(SecondFactor.objects.get(user=cast.bob).encrypted_secret) == b""
    event = Event.objects.get(kind="tracking.second_factor.removed")
    assert (event.actor, event.subject) == (
        f"user/{cast.ada.pk}",
        f"user/{cast.bob.pk}",
    )
    assert b"phone" not in bytes(event.body)
    factories.second_factor(cast.bob)


@pytest.mark.parametrize("name", ["alice", "rita", "bob", "mallory"])
def test_factor_is_not_removed_by_anybody_else_nor_by_its_owner(cast, name):
    factories.second_factor(cast.bob)
    with pytest.raises(PermissionDeniedError) as refusal:
        remove_second_factor(cast.bob, reason="why not", actor=getattr(cast, name))
    assert code_of(refusal) == "may_not_remove_second_factor"
    assert has_second_factor(cast.bob)


def test_administrator_does_not_remove_their_own_factor(cast):
    factories.second_factor(cast.ada)
    with pytest.raises(PermissionDeniedError):
        remove_second_factor(cast.ada, reason="why not", actor=cast.ada)


def test_factor_is_removed_for_a_reason_and_only_if_there_is_one(cast):
    with pytest.raises(InvalidError):
        remove_second_factor(cast.bob, reason=" ", actor=cast.ada)
    with pytest.raises(ConflictError) as refusal:
        remove_second_factor(cast.bob, reason="lost", actor=cast.ada)
    assert code_of(refusal) == "second_factor_not_enrolled"


def test_erased_person_has_no_secret_left(cast):
    factories.second_factor(cast.bob)
    erase_subject(cast.bob, reason="asked for it", kept=(), actor=cast.ada)
    assert bytes(SecondFactor.objects.get(user=cast.bob).encrypted_secret) == b""


# Lock-out


def guess(user, times: int) -> None:
    for _ in range(times):
        with pytest.raises(PermissionDeniedError), tries_counted(user):
            use(user, "000000")


def test_five_wrong_tries_lock_the_account_and_are_told_once(cast):
    app = factories.second_factor(cast.bob)
    guess(cast.bob, 5)

    with pytest.raises(PermissionDeniedError) as refusal, tries_counted(cast.bob):
        use(cast.bob, app.code())
    assert code_of(refusal) == "account_locked"
    event = Event.objects.get(kind="tracking.account.locked")
    assert event.subject == f"user/{cast.bob.pk}"


def test_lock_ends_by_itself(cast):
    app = factories.second_factor(cast.bob)
    guess(cast.bob, 5)
    later = timezone.now() + timedelta(minutes=15, seconds=1)
    with time_machine.travel(later, tick=False), tries_counted(cast.bob):
        use(cast.bob, app.code())


def test_success_begins_the_count_anew(cast):
    app = factories.second_factor(cast.bob)
    guess(cast.bob, 4)
    with tries_counted(cast.bob):
        use(cast.bob, app.code())
    guess(cast.bob, 4)
    assert not Event.objects.filter(kind="tracking.account.locked").exists()


def test_right_password_does_not_let_somebody_guess_codes_on(client, cast):
    factories.second_factor(cast.bob)
    guess(cast.bob, 4)
    login = {"username": "bob", "password": PASSWORD}
    assert client.post("/admin/login/", login).status_code == 302
    with tries_counted(cast.bob):
        prove_password(cast.bob, PASSWORD, is_interactive=True)
    guess(cast.bob, 1)
    with pytest.raises(PermissionDeniedError) as refusal, tries_counted(cast.bob):
        pass
    assert code_of(refusal) == "account_locked"


def test_wrong_tries_far_apart_lock_nobody(cast):
    factories.second_factor(cast.bob)
    start = timezone.now()
    for hours in range(8):
        with time_machine.travel(start + timedelta(hours=hours), tick=False):
            guess(cast.bob, 1)
    assert FailedTries.objects.get(user=cast.bob).locked_until is None


def test_locked_account_does_not_log_in_with_the_right_password(client, cast):
    def log_in(password):
        return client.post(
            "/admin/login/", {"username": "bob", "password": password}
        ).status_code

    assert [log_in("wrong") for _ in range(5)] == [200] * 5
    assert log_in(PASSWORD) == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        assert log_in(PASSWORD) == 302


def test_locking_one_account_locks_no_other(client, cast):
    for _ in range(6):
        client.post("/admin/login/", {"username": "bob", "password": "wrong"})
    answer = client.post("/admin/login/", {"username": "carol", "password": PASSWORD})
    assert answer.status_code == 302


def test_the_installation_itself_removes_a_factor_when_no_administrator_can(cast):
    factories.second_factor(cast.ada)
    remove_second_factor(cast.ada, reason="lost", actor=system_account())
    assert not has_second_factor(cast.ada)
