"""Workspaces, accounts, roles, tokens and the second factor over HTTP."""

import base64
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.models.sign_off import SignerRole
from registry.services.delegations import delegate_signing
from tests import factories
from tests.factories import PASSWORD, AuthenticatorApp
from tests.registry.test_api import post, problem
from tracking.models import ApiToken, RoleGrant, Workspace
from tracking.models.access import Scope
from tracking.permissions import Role, has_role
from tracking.services.tokens import create_token
from tracking.services.workspaces import create_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def in_session():
    """Return a function that logs somebody in."""

    def make(user) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


# Workspaces


def test_administrator_makes_a_workspace_and_sees_it(cast, as_token):
    made = post(as_token(cast.ada), "workspaces/", name="credit-team")
    assert (made.status_code, made.json()["name"]) == (201, "credit-team")
    again = post(as_token(cast.ada), "workspaces/", name="credit-team")
    assert problem(again) == (409, "workspace_exists")


def test_workspace_is_made_to_take_versions_from_elsewhere_if_that_is_said(
    cast, as_token
):
    ada = as_token(cast.ada)
    post(ada, "workspaces/", name="moving", allow_unlinked_versions=True)
    post(ada, "workspaces/", name="strict")
    listed = ada.get("/api/v1/workspaces/").json()["results"]
    assert {row["name"]: row["allow_unlinked_versions"] for row in listed} == {
        "default": False,
        "moving": True,
        "strict": False,
    }


def test_others_make_no_workspace_and_list_their_own(cast, as_token):
    post(as_token(cast.ada), "workspaces/", name="credit-team")
    refused = post(as_token(cast.alice), "workspaces/", name="mine")
    assert problem(refused) == (403, "may_not_create_workspace")
    listed = as_token(cast.alice).get("/api/v1/workspaces/").json()["results"]
    assert [row["name"] for row in listed] == ["default"]


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "ä", "x" * 101, None, "a:b", "../up", "a\0b"]
)
def test_name_that_cannot_stand_in_a_path_is_refused(cast, as_token, name):
    refused = post(as_token(cast.ada), "workspaces/", name=name)
    assert problem(refused) == (400, "fields_invalid")
    assert Workspace.objects.count() == 1


# Accounts


def test_administrator_makes_a_person_whose_password_is_shown_once(cast, as_token):
    ada = as_token(cast.ada)
    made = post(
        ada, "accounts/", username="zoe", full_name="Zoe Doe", email="zoe@example.org"
    )
    assert made.status_code == 201
    password = made.json()["password"]
    assert made.json() == {
        "username": "zoe",
        "full_name": "Zoe Doe",
        "email": "zoe@example.org",
        "purpose": None,
        "is_active": True,
        "password": password,
    }
    assert Client().login(username="zoe", password=password)
    assert password not in ada.get("/api/v1/accounts/").text


def test_administrator_makes_a_program_and_closes_it(cast, as_token):
    ada = as_token(cast.ada)
    made = post(ada, "accounts/", username="ci2", purpose="builds")
    assert (made.status_code, made.json()["password"]) == (201, None)
    closed = post(ada, "accounts/ci2/deactivation/")
    assert (closed.status_code, closed.json()["is_active"]) == (201, False)


def test_administrator_opens_an_account_again_and_sets_its_address(cast, as_token):
    ada = as_token(cast.ada)
    post(ada, "accounts/mallory/deactivation/")
    opened = post(ada, "accounts/mallory/reactivation/")
    assert (opened.status_code, opened.json()["is_active"]) == (201, True)
    assert problem(post(ada, "accounts/mallory/reactivation/")) == (409, "account_open")

    def put(email: str):
        body = {"email": email}
        path = "/api/v1/accounts/mallory/email/"
        return ada.put(path, body, content_type="application/json")

    assert put("m@example.org").json()["email"] == "m@example.org"
    assert put("").json()["email"] == ""
    assert problem(put("nonsense")) == (400, "fields_invalid")


@pytest.mark.parametrize("name", ["alice", "rita", "oscar", "bot"])
def test_others_make_and_see_no_accounts(cast, as_token, name):
    client = as_token(getattr(cast, name))
    refused = post(client, "accounts/", username="zoe", full_name="Zoe")
    assert problem(refused) == (403, "may_not_administer_accounts")
    listed = client.get("/api/v1/accounts/").json()["results"]
    assert [row["username"] for row in listed] == [name]
    assert problem(post(client, "accounts/carol/deactivation/")) == (
        404,
        "account_unknown",
    )
    for act in ("deactivation", "reactivation"):
        assert problem(post(client, f"accounts/{name}/{act}/")) == (
            403,
            "may_not_administer_accounts",
        )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"full_name": "Zoe", "purpose": "builds"},
        {"purpose": "builds", "email": "a@example.org"},
        {"full_name": "Zoe", "is_superuser": True},
        {"full_name": "Zoe", "email": "nonsense"},
    ],
    ids=str,
)
def test_account_that_is_neither_person_nor_program_is_refused(cast, as_token, fields):
    refused = post(as_token(cast.ada), "accounts/", username="zoe", **fields)
    assert problem(refused) == (400, "fields_invalid")


# Roles


def ask(client: Client, **fields):
    asked = {"account": "mallory", "role": "developer", "reason": "joins"} | fields
    return post(client, "role-grants/", **asked)


def test_role_is_asked_for_approved_and_taken_away_over_http(cast, as_token):
    asked = ask(as_token(cast.ada))
    assert asked.status_code == 201
    pk = asked.json()["id"]
    assert problem(post(as_token(cast.ada), f"role-grants/{pk}/approval/")) == (
        403,
        "second_person_approves",
    )
    approved = post(as_token(cast.rita), f"role-grants/{pk}/approval/")
    assert (approved.status_code, approved.json()["state"]) == (201, "effective")
    assert has_role(cast.mallory, Role.DEVELOPER, "default")
    ended = post(as_token(cast.ada), f"role-grants/{pk}/revocation/")
    assert (ended.status_code, ended.json()["state"]) == (201, "revoked")
    assert not has_role(cast.mallory, Role.DEVELOPER, "default")


def test_role_is_asked_for_on_less_than_a_workspace(cast, workspace, as_token):
    experiment = factories.experiment(workspace, cast.alice)
    factories.model(workspace, cast)
    ada = as_token(cast.ada)
    on = [
        ask(ada, **place).json()["on"]
        for place in (
            {"experiment": experiment.pk},
            {"registered_model": "credit"},
            {"prefix": "credit-"},
        )
    ]
    assert on == [
        "experiment/default/credit",
        "model/default/credit",
        "prefix/default/credit-",
    ]


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"role": "king"}, (400, "fields_invalid")),
        ({"role": None}, (400, "fields_invalid")),
        ({"reason": ""}, (400, "fields_invalid")),
        ({"prefix": "a", "experiment": 1}, (400, "fields_invalid")),
        ({"account": "nobody"}, (400, "account_unknown")),
        ({"experiment": 10**9}, (404, "experiment_unknown")),
        ({"registered_model": "nothing"}, (404, "model_unknown")),
        ({"account": "ada"}, (403, "asks_for_oneself")),
        ({"account": "bot"}, (409, "service_accounts_are_bots")),
        ({"prefix": "x", "role": "auditor"}, (201, None)),
        ({"prefix": "x", "role": "operator"}, (400, "role_is_of_the_workspace")),
    ],
    ids=str,
)
def test_what_cannot_be_granted_is_refused(cast, as_token, fields, answer):
    response = ask(as_token(cast.ada), **fields)
    if answer[0] == 201:
        assert response.status_code == 201
    else:
        assert problem(response) == answer


def test_whoever_may_not_ask_learns_of_no_account(cast, as_token):
    alice = as_token(cast.alice)
    refusals = [
        problem(ask(alice, account=name)) for name in ("mallory", "nobody", "bob")
    ]
    assert refusals == [(400, "account_unknown")] * 3


def test_people_see_their_own_grants_and_auditors_all(cast, as_token):
    def seen(user) -> set[str]:
        rows = as_token(user).get("/api/v1/role-grants/").json()["results"]
        return {row["account"] for row in rows}

    assert seen(cast.alice) == {"alice"}
    assert len(seen(cast.carol)) == RoleGrant.objects.count()
    of_bob = RoleGrant.objects.get(account=cast.bob).pk
    refused = post(as_token(cast.alice), f"role-grants/{of_bob}/revocation/")
    assert problem(refused) == (404, "grant_unknown")


# Tokens


def test_token_is_made_in_a_session_listed_and_revoked(cast, in_session):
    alice = in_session(cast.alice)
    made = post(alice, "tokens/", name="laptop", scopes=["read"], days=7).json()

    secret = made.pop("token")
    assert (made["name"], made["scopes"], made["last_used_at"]) == (
        "laptop",
        ["read"],
        None,
    )
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/api/v1/datasets/").status_code == 200
    listed = alice.get("/api/v1/tokens/").json()["results"]
    assert listed[0]["last_used_at"] is not None
    assert secret not in str(listed)
    ended = post(alice, f"tokens/{made['id']}/revocation/")
    assert ended.json()["revoked_at"] is not None
    assert client.get("/api/v1/datasets/").status_code == 401


def test_token_makes_no_token(cast, as_token):
    refused = post(as_token(cast.alice), "tokens/", name="another")
    assert problem(refused) == (403, "needs_a_session")


def test_tokens_of_others_are_not_seen_and_not_ended(cast, in_session):
    token, _ = create_token(cast.bob, name="bobs", actor=cast.bob)
    alice = in_session(cast.alice)
    assert "bobs" not in alice.get("/api/v1/tokens/").text
    assert "bobs" not in in_session(cast.ada).get("/api/v1/tokens/").text
    refused = post(alice, f"tokens/{token.pk}/revocation/")
    assert problem(refused) == (404, "token_unknown")


def test_administrators_make_tokens_of_programs_and_of_no_person(cast, in_session):
    ada = in_session(cast.ada)
    made = post(ada, "tokens/", name="ci", account="bot", scopes=["gates:run"])
    assert (made.status_code, made.json()["account"]) == (201, "bot")
    assert ApiToken.objects.get(pk=made.json()["id"]).scopes == Scope.GATES_RUN
    refused = post(ada, "tokens/", name="ci", account="alice")
    assert problem(refused) == (404, "account_unknown")
    refused = post(in_session(cast.alice), "tokens/", name="ci", account="bot")
    assert problem(refused) == (404, "account_unknown")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": ""}, "fields_invalid"),
        ({"name": "x", "scopes": ["everything"]}, "fields_invalid"),
        ({"name": "x", "days": 0}, "fields_invalid"),
        ({"name": "x", "days": 100_000}, "token_lifetime_invalid"),
        ({"name": "x", "scope": ["read"]}, "fields_invalid"),
    ],
    ids=str,
)
def test_token_that_asks_for_the_impossible_is_refused(cast, in_session, fields, code):
    refused = post(in_session(cast.alice), "tokens/", **fields)
    assert problem(refused) == (400, code)


# The second factor


def test_second_factor_is_enrolled_in_a_session(cast, in_session):
    bob = in_session(cast.bob)
    begun = post(bob, "second-factor/", password=PASSWORD)
    assert begun.status_code == 201
    app = AuthenticatorApp(base64.b32decode(begun.json()["secret"]))
    assert bob.get("/api/v1/second-factor/").json() == {"is_enrolled": False}
    done = post(bob, "second-factor/confirmation/", code=app.code())
    assert (done.status_code, done.json()) == (201, {"is_enrolled": True})


def test_token_enrols_no_second_factor(cast, as_token):
    bob = as_token(cast.bob)
    for path, fields in (
        ("second-factor/", {"password": PASSWORD}),
        ("second-factor/confirmation/", {"code": "123456"}),
    ):
        assert problem(post(bob, path, **fields)) == (403, "needs_a_session")


def test_administrator_removes_a_lost_factor(cast, as_token):
    factories.second_factor(cast.bob)
    done = post(
        as_token(cast.ada), "accounts/bob/second-factor-removal/", reason="lost"
    )
    assert done.status_code == 201
    refused = post(
        as_token(cast.alice), "accounts/alice/second-factor-removal/", reason="mine"
    )
    assert problem(refused) == (403, "may_not_remove_second_factor")


# Lists


@pytest.mark.parametrize(
    "path", ["workspaces/", "accounts/", "tokens/", "role-grants/", "delegations/"]
)
def test_list_takes_as_many_queries_for_many_rows_as_for_few(
    workspace, cast, in_session, path
):
    ada = in_session(cast.ada)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ada.get(f"/api/v1/{path}").status_code == 200
        return len(captured)

    grow(workspace, cast, 1)
    queries()  # so that the types of its rows are known
    before = queries()
    grow(workspace, cast, 5)
    assert queries() == before <= 8


def grow(workspace, cast, number: int) -> None:
    """Add rows of every kind that is listed."""
    for n in range(number):
        name = f"row-{number}-{n}"
        person = factories.person(name, workspace, Role.AUDITOR)
        create_workspace(name, actor=cast.ada)
        create_token(cast.ada, name=name, actor=cast.ada)
        now = timezone.now()
        delegate_signing(
            workspace,
            role=SignerRole.VALIDATOR,
            delegate=person,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            reason="leave",
            password=PASSWORD,
            is_interactive=True,
            actor=cast.bob,
        )
