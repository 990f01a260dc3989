"""Accounts in the browser: made, changed, closed and opened by who administers them."""

import re

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.test import Client

from audit.errors import ConflictError, PermissionDeniedError
from audit.models import Event
from audit.services import system_account
from tests import factories
from tests.tracking.test_access_pages import browser
from tests.tracking.test_admin import text
from tracking.models import ApiToken, ServiceAccount
from tracking.permissions import Role
from tracking.services.accounts import (
    change_email,
    deactivate_account,
    reactivate_account,
)
from tracking.services.erasure import erase_subject
from tracking.services.roles import revoke_role
from tracking.services.second_factors import has_second_factor

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
ACCOUNTS = "/admin/auth/user/"
OTHERS = ("alice", "rita", "carol", "oscar", "mallory")


def page(user: User, act: str = "change") -> str:
    return f"{ACCOUNTS}{user.pk}/{act}/"


def make(user: User, **fields):
    given = {"kind": "person", "username": "zoe", "full_name": "Zoe Doe"} | fields
    return browser(user).post(f"{ACCOUNTS}make/", given)


def act(user: User, account: User, name: str, **fields):
    return browser(user).post(page(account, f"acts/{name}"), fields)


def offered(user: User, account: User) -> list[str]:
    return [words for _, words in browser(user).get(page(account)).context["acts"]]


@pytest.fixture
def news(cast):
    """Return a function that tells kinds, actors and subjects of what was recorded."""
    seen = Event.objects.count()

    def since() -> list[tuple[str, str, str]]:
        return [
            (e.kind, e.actor, e.subject) for e in Event.objects.order_by("id")[seen:]
        ]

    return since


def test_person_that_is_made_on_the_page_logs_in(cast, news):
    made = make(cast.ada, email="zoe@example.org")

    password = re.search(r"<code>(\S{16})</code>", made.text)
    assert password
    assert Client().login(username="zoe", password=password[1])
    zoe = User.objects.get(username="zoe")
    assert (zoe.get_full_name(), zoe.email) == ("Zoe Doe", "zoe@example.org")
    assert (zoe.is_staff, zoe.is_superuser) == (True, False)
    assert news() == [
        ("tracking.account.created", f"user/{cast.ada.pk}", f"user/{zoe.pk}")
    ]
    assert "zoe" in browser(cast.ada).get(ACCOUNTS).text


def test_password_is_shown_once_and_kept_nowhere(cast, caplog):
    ada = browser(cast.ada)
    made = ada.post(
        f"{ACCOUNTS}make/", {"kind": "person", "username": "zoe", "full_name": "Zoe"}
    )
    password = re.findall(r"<code>(\S{16})</code>", made.text)[0]
    zoe = User.objects.get(username="zoe")

    assert "no-store" in made["Cache-Control"]
    assert [str(message) for message in get_messages(made.wsgi_request)] == []
    for path in (ACCOUNTS, page(zoe), f"{ACCOUNTS}make/"):
        assert password not in ada.get(path).text
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    kept += [bytes(event.body).decode() for event in Event.objects.all()]
    kept += [str(row) for row in User.objects.values()]
    assert [words for words in [*kept, caplog.text] if password in words] == []


def test_program_that_is_made_on_the_page_has_no_password(cast):
    made = make(cast.ada, kind="program", full_name="", purpose="Builds.")

    program = ServiceAccount.objects.get(user__username="zoe")
    assert (made.status_code, made["Location"]) == (302, page(program.user))
    assert program.purpose == "Builds."
    assert not program.user.has_usable_password()
    assert "Builds." in browser(cast.ada).get(page(program.user)).text


@pytest.mark.parametrize(
    ("fields", "beside", "sentence"),
    [
        ({"username": "bob"}, "__all__", "The account bob exists"),
        ({"username": "a b"}, "username", "no blanks"),
        ({"full_name": " "}, "full_name", "A person needs this."),
        ({"kind": "program"}, "purpose", "A program needs this."),
        ({"kind": "program", "purpose": "x"}, "full_name", "Leave this empty"),
        ({"purpose": "x"}, "purpose", "Leave this empty"),
        ({"email": "nonsense"}, "email", "Enter a valid email address."),
        ({"kind": "superuser"}, "kind", "Select a valid choice."),
    ],
)
def test_refusal_is_said_beside_what_it_is_about(cast, news, fields, beside, sentence):
    answer = make(cast.ada, **fields)

    assert answer.status_code == 200
    assert sentence in " ".join(answer.context["form"].errors[beside])
    assert "Nothing was done." in answer.text
    assert not User.objects.filter(username="zoe").exists()
    assert news() == []


def test_account_is_closed_with_its_tokens_and_opened_again(cast, news):
    secret = factories.token(cast.mallory)
    before = len(news())
    assert offered(cast.ada, cast.mallory) == ["Set the e-mail address", "Deactivate"]

    closed = act(cast.ada, cast.mallory, "deactivate")

    assert (closed.status_code, closed["Location"]) == (302, page(cast.mallory))
    assert not Client().login(username="mallory", password=factories.PASSWORD)
    assert [kind for kind, _, _ in news()[before:]] == [
        "tracking.token.revoked",
        "tracking.account.deactivated",
    ]
    assert offered(cast.ada, cast.mallory) == ["Set the e-mail address", "Reactivate"]
    before = len(news())

    act(cast.ada, cast.mallory, "reactivate")

    assert Client().login(username="mallory", password=factories.PASSWORD)
    assert news()[before:] == [
        (
            "tracking.account.reactivated",
            f"user/{cast.ada.pk}",
            f"user/{cast.mallory.pk}",
        )
    ]
    token = Client(headers={"Authorization": f"Bearer {secret}"})
    assert token.get("/api/v1/datasets/").status_code == 401


@pytest.mark.parametrize("name", ["bob", "oscar"])
def test_nobody_alone_gives_a_role_back_that_takes_two(workspace, cast, name):
    account = getattr(cast, name)
    role = {"bob": Role.VALIDATOR, "oscar": Role.OPERATOR}[name]
    deactivate_account(account, actor=cast.ada)

    refused = act(cast.ada, account, "reactivate")
    assert "take it away first, and ask for it anew afterwards" in text(refused)
    assert not User.objects.get(pk=account.pk).is_active

    revoke_role(account, role=role, workspace=workspace, actor=cast.ada)
    act(cast.ada, account, "reactivate")
    assert User.objects.get(pk=account.pk).is_active


def test_erased_person_and_superuser_are_not_opened_again(workspace, cast):
    erase_subject(cast.mallory, reason="asked for it", kept=(), actor=cast.ada)
    superuser = factories.person("root", workspace, None, is_superuser=True)
    deactivate_account(superuser, actor=cast.ada)

    with pytest.raises(ConflictError) as erased:
        reactivate_account(cast.mallory, actor=cast.ada)
    with pytest.raises(PermissionDeniedError) as refused:
        reactivate_account(superuser, actor=cast.ada)
    with pytest.raises(ConflictError) as is_open:
        reactivate_account(cast.bob, actor=cast.ada)

    assert erased.value.code == "account_erased"
    assert refused.value.code == "may_not_reactivate_superuser"
    assert is_open.value.code == "account_open"
    reactivate_account(superuser, actor=system_account())
    assert User.objects.get(pk=superuser.pk).is_active


def test_email_address_is_set_and_taken_away(cast, news):
    act(cast.ada, cast.bob, "email", email="bob@example.org")
    assert User.objects.get(pk=cast.bob.pk).email == "bob@example.org"
    assert "bob@example.org" in browser(cast.ada).get(page(cast.bob)).text
    form = browser(cast.ada).get(page(cast.bob, "acts/email")).context["form"]
    assert form["email"].value() == "bob@example.org"

    refused = act(cast.ada, cast.bob, "email", email="nonsense")
    assert "Enter a valid email address." in refused.text
    act(cast.ada, cast.bob, "email", email="")

    assert User.objects.get(pk=cast.bob.pk).email == ""
    told = ("tracking.account.email_changed", f"user/{cast.ada.pk}")
    assert news() == [(*told, f"user/{cast.bob.pk}")] * 2


def test_nobody_sets_an_address_of_their_own_by_which_they_are_told_apart(cast):
    for name in OTHERS:
        with pytest.raises(PermissionDeniedError) as refusal:
            change_email(cast.alice, email="a@example.org", actor=getattr(cast, name))
        assert refusal.value.code == "may_not_administer_accounts"


def test_lost_second_factor_is_removed_for_a_reason(cast, news):
    assert "Remove the second factor" not in offered(cast.ada, cast.bob)
    factories.second_factor(cast.bob)
    factories.second_factor(cast.ada)
    before = len(news())
    assert "Remove the second factor" in offered(cast.ada, cast.bob)
    assert offered(cast.ada, cast.ada) == ["Set the e-mail address"]

    act(cast.ada, cast.bob, "remove-second-factor", reason=" ")
    assert has_second_factor(cast.bob)
    act(cast.ada, cast.bob, "remove-second-factor", reason="The phone was lost.")

    assert not has_second_factor(cast.bob)
    assert news()[before:] == [
        (
            "tracking.second_factor.removed",
            f"user/{cast.ada.pk}",
            f"user/{cast.bob.pk}",
        )
    ]
    own = act(cast.ada, cast.ada, "remove-second-factor", reason="mine")
    assert "Only another person" in own.text


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_offered_nothing_and_refused_everything(cast, news, name):
    person = getattr(cast, name)
    shown = browser(person).get(ACCOUNTS).text
    assert "Make an account" not in shown
    assert "second factor" not in shown.split("content-main")[1]

    assert "ask an administrator" in make(person).text
    assert not User.objects.filter(username="zoe").exists()
    forms = {
        "email": {"email": "x@example.org"},
        "remove-second-factor": {"reason": "x"},
    }
    for word in ("email", "remove-second-factor", "deactivate", "reactivate"):
        answer = act(person, cast.bob, word, **forms.get(word, {}))
        # To who shares no workspace with Bob he is not there.
        assert answer.status_code == (404 if name == "mallory" else 200)
        if name != "mallory":
            assert "Nothing was done." in answer.text
            assert offered(person, cast.bob) == []
    assert news() == []


def test_what_an_account_gets_in_by_is_shown_to_who_administers_them_only(cast):
    factories.second_factor(cast.bob)
    factories.token(cast.bob)
    revoked = ApiToken.objects.get(user=cast.bob)
    factories.token(cast.bob)
    ApiToken.objects.filter(pk=revoked.pk).update(revoked_at=revoked.created_at)
    change_email(cast.bob, email="bob@example.org", actor=cast.ada)
    Client().login(username="bob", password=factories.PASSWORD)
    last = f"{User.objects.get(pk=cast.bob.pk).last_login:%Y-%m-%d %H:%M:%S} UTC"

    def cells(user: User) -> dict[str, str]:
        shown = browser(user).get(page(cast.bob))
        rows = re.findall(
            r'field-(\w+)">.*?<div class="readonly">(.*?)</div>', shown.text, re.DOTALL
        )
        return dict(rows)

    seen = cells(cast.ada)
    assert (seen["second_factor"], seen["tokens"]) == ("yes", "1")
    assert seen["address"] == "bob@example.org"
    assert last in browser(cast.ada).get(page(cast.bob)).text
    assert cells(cast.alice).keys().isdisjoint({"second_factor", "tokens", "address"})
    assert last not in browser(cast.alice).get(page(cast.bob)).text


def test_acts_need_a_csrf_token_and_a_log_in(cast, news):
    strict = Client(enforce_csrf_checks=True)
    assert strict.get(f"{ACCOUNTS}make/").status_code == 302
    strict.force_login(cast.ada)

    for path in (f"{ACCOUNTS}make/", page(cast.bob, "acts/deactivate")):
        assert strict.post(path, {}).status_code == 403
    assert news() == []


def test_installation_is_neither_closed_nor_offered_to_be(cast):
    system = system_account()
    assert "Deactivate" not in offered(cast.ada, system)
    assert "The installation acts as this account" in act(
        cast.ada, system, "deactivate"
    ).text.replace("&#x27;", "'")


def test_list_costs_the_same_number_of_queries_however_long(
    cast, workspace, django_assert_num_queries
):
    ada = browser(cast.ada)
    ada.get(ACCOUNTS)  # content types are kept from here on
    for name in ("one", "two", "three"):
        factories.token(factories.person(name, workspace, Role.DEVELOPER))

    with django_assert_num_queries(11):
        assert ada.get(ACCOUNTS).status_code == 200
