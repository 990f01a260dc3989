"""Accounts, roles and tokens: what is stored, and which combinations are refused."""

import hashlib
import json
import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.models import Event, PrivateField
from audit.services import pseudonym, system_account
from audit.services.recording import SYSTEM_USERNAME
from tests import factories
from tracking.models import ApiToken
from tracking.permissions import Role
from tracking.services.accounts import (
    change_email,
    create_person,
    create_service_account,
    deactivate_account,
    reset_password,
)
from tracking.services.roles import SIGNING_ROLES, grant_role
from tracking.services.tokens import create_token, user_of_token
from tracking.services.workspaces import create_workspace

SIGNING = sorted(SIGNING_ROLES)
SIGNER_ADMINISTERS = (
    "signers_do_not_administer",
    "Somebody who signs cannot be administrator as well: take the signing role away first.",
)


def refused(user, role, workspace):
    """Return code and sentence of the refusal to grant a role, which leaves no trace."""
    before = set(user.groups.values_list("name", flat=True)), Event.objects.count()
    with pytest.raises(ConflictError) as refusal:
        grant_role(user, role=role, workspace=workspace, actor=system_account())
    after = set(user.groups.values_list("name", flat=True)), Event.objects.count()
    assert after == before
    return refusal.value.code, refusal.value.detail


@pytest.mark.parametrize("role", SIGNING)
def test_administrator_cannot_sign(workspace, role):
    user = factories.person("zoe", workspace, Role.ADMINISTRATOR)
    assert refused(user, role, workspace) == (
        "administrators_do_not_sign",
        f"An administrator cannot also be {role}: give the role to somebody else.",
    )


@pytest.mark.parametrize("role", SIGNING)
def test_superuser_cannot_sign(workspace, role):
    user = factories.person("zoe", workspace, None, is_superuser=True)
    assert refused(user, role, workspace)[0] == "administrators_do_not_sign"


@pytest.mark.parametrize("role", SIGNING)
def test_signer_cannot_administer(workspace, role):
    user = factories.person("zoe", workspace, role)
    assert refused(user, Role.ADMINISTRATOR, workspace) == SIGNER_ADMINISTERS


@pytest.mark.parametrize("role", SIGNING)
def test_signing_in_one_workspace_forbids_administering_another(workspace, role):
    user = factories.person("zoe", workspace, role)
    second = create_workspace("second", actor=system_account())
    assert refused(user, Role.ADMINISTRATOR, second) == SIGNER_ADMINISTERS


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.BOT}))
def test_service_account_can_only_be_a_bot(workspace, role):
    program = create_service_account("ci", purpose="builds", actor=system_account())
    assert refused(program, role, workspace) == (
        "service_accounts_are_bots",
        f"A service account cannot be {role}: give the role to a person.",
    )
    grant_role(program, role=Role.BOT, workspace=workspace, actor=system_account())


def test_service_account_has_no_password(workspace):
    program = create_service_account("ci", purpose="builds", actor=system_account())
    assert not program.has_usable_password()
    assert not program.is_staff


def test_token_is_stored_only_as_a_hash_and_is_nowhere_in_the_log(cast):
    token, secret = create_token(cast.alice, name="laptop", actor=system_account())

    assert secret.startswith("atty_")
    assert token.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert all(secret not in str(value) for value in row.values())
    assert len(row["prefix"]) == 10
    assert not any(
        secret[10:].encode() in bytes(body)
        for body in Event.objects.values_list("body", flat=True)
    )
    assert user_of_token(secret) == cast.alice


def test_token_lives_as_long_as_the_installation_says(cast, settings):
    settings.ATTESTRY_TOKEN_DAYS = 7
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        token, _ = create_token(cast.alice, name="laptop", actor=system_account())
    assert token.expires_at == now + timedelta(days=7)


def test_use_of_a_token_is_noted_at_most_once_a_minute(cast):
    token, secret = create_token(cast.alice, name="laptop", actor=system_account())
    start = timezone.now()
    noted = []
    for seconds in (0, 59, 61):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            user_of_token(secret)
        token.refresh_from_db()
        assert token.last_used_at is not None
        noted.append((token.last_used_at - start).total_seconds())
    assert noted == [0, 0, 61]


def test_name_of_a_person_is_committed_to_and_not_written_into_the_log(workspace):
    user = create_person(
        "xaviera",
        full_name="Xaviera Quirk",
        password=factories.PASSWORD,
        is_superuser=False,
        actor=system_account(),
    )
    event = Event.objects.get(subject=f"user/{user.pk}")
    body = bytes(event.body)
    assert b"Quirk" not in body
    assert b"xaviera" not in body
    assert json.loads(body)["payload"] == {"kind": "person"}
    openings = PrivateField.objects.filter(event=event)
    assert dict(openings.values_list("field", "value")) == {
        "username": "xaviera",
        "full_name": "Xaviera Quirk",
        "email": "",
    }


def test_weak_password_is_refused(workspace):
    with pytest.raises(InvalidError) as refusal:
        create_person(
            "zoe",
            full_name="Zoe",
            password="12345",
            is_superuser=False,
            actor=system_account(),
        )
    assert refusal.value.code == "password_too_weak"
    assert refusal.value.detail.startswith("This password is too short.")


def test_account_name_is_taken_once(cast):
    with pytest.raises(ConflictError) as refusal:
        create_service_account("alice", purpose="poses", actor=system_account())
    assert (refusal.value.code, refusal.value.detail) == (
        "account_exists",
        "The account alice exists: choose another name.",
    )


def test_workspace_name_is_taken_once(workspace):
    with pytest.raises(ConflictError) as refusal:
        create_workspace("default", actor=system_account())
    assert (refusal.value.code, refusal.value.detail) == (
        "workspace_exists",
        "The workspace default exists: choose another name.",
    )


def test_new_workspace_gives_nobody_a_role(workspace, mlflow_as, cast):
    create_workspace("second", actor=system_account())
    for user in (cast.alice, cast.olivia, cast.bob, cast.carol):
        answer = mlflow_as(user).below("second").get("runs/get", run_id="x")
        assert answer[1]["code"] == "workspace_unknown"


def test_email_address_is_set_by_a_command_and_the_entry_only_commits_to_it(
    cast, capsys
):
    call_command("set_email_address", "bob", "bob@example.org")

    cast.bob.refresh_from_db()
    assert cast.bob.email == "bob@example.org"
    assert capsys.readouterr().out == "The account bob gets mail at bob@example.org.\n"
    entry = Event.objects.latest("id")
    assert entry.kind == "tracking.account.email_changed"
    assert b"bob@example.org" not in bytes(entry.body)
    call_command("set_email_address", "bob")
    cast.bob.refresh_from_db()
    assert cast.bob.email == ""


def test_email_address_that_is_none_is_refused(cast):
    with pytest.raises(InvalidError) as refusal:
        change_email(cast.bob, email="bob\n@example.org", actor=cast.ada)
    assert refusal.value.code == "email_invalid"
    for username, address in (("bob", "bob"), ("nobody", "a@example.org")):
        with pytest.raises(CommandError):
            call_command("set_email_address", username, address)


def entries_since(number: int) -> list[tuple[str, str, str]]:
    events = Event.objects.order_by("id")[number:]
    return [(event.kind, event.actor, event.subject) for event in events]


def test_password_that_the_command_gives_is_an_entry_and_ends_sessions(
    cast, client, capsys
):
    client.login(username="bob", password=factories.PASSWORD)
    before = Event.objects.count()

    call_command("changepassword", "bob")

    assert entries_since(before) == [
        (
            "tracking.account.password_changed",
            pseudonym(system_account()),
            f"user/{cast.bob.pk}",
        )
    ]
    assert client.get("/admin/").status_code == 302
    printed = re.fullmatch(
        r"bob logs in with (\S{16}) from now on, and chooses another in the admin\.\n",
        capsys.readouterr().out,
    )
    assert printed
    assert not client.login(username="bob", password=factories.PASSWORD)
    assert client.login(username="bob", password=printed[1])


@pytest.mark.parametrize(
    ("username", "code"),
    [
        ("nobody", "There is no account nobody: check the name."),
        ("bot", "(service_account_has_no_password)"),
        (SYSTEM_USERNAME, "(account_is_the_installation)"),
        ("alice", "(account_closed)"),
    ],
)
def test_password_is_given_to_people_who_have_an_account(cast, username, code):
    deactivate_account(cast.alice, actor=cast.ada)
    before = list(User.objects.values_list("username", "password"))
    entries = Event.objects.count()

    with pytest.raises(CommandError, match=re.escape(code)):
        call_command("changepassword", username)

    assert list(User.objects.values_list("username", "password")) == before
    assert entries_since(entries) == []


def test_administrator_does_not_give_passwords_or_could_sign_as_anybody(cast):
    with pytest.raises(PermissionDeniedError) as refusal:
        reset_password(cast.bob, actor=cast.ada)
    assert refusal.value.code == "may_not_reset_password"
    cast.bob.refresh_from_db()
    assert cast.bob.check_password(factories.PASSWORD)


@pytest.mark.parametrize("options", [{}, {"interactive": False, "username": "eve2"}])
def test_djangos_superusers_are_refused_and_our_command_named(cast, options):
    entries = Event.objects.count()
    with pytest.raises(CommandError, match=r"run manage\.py create_account"):
        call_command("createsuperuser", email="a@example.org", **options)
    assert not User.objects.filter(username="eve2").exists()
    assert entries_since(entries) == []
