"""Roles and the second factor in the browser: acts are pages, and refusals are said."""

import base64
import re

import pytest
from django.test import Client

from tests import factories
from tests.factories import PASSWORD, AuthenticatorApp
from tracking.models import RoleGrant
from tracking.permissions import Role, has_role
from tracking.services.second_factors import has_second_factor

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
GRANTS = "/admin/tracking/rolegrant/"
FACTOR = "/admin/second-factor/"


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ask(user, **fields):
    asked = {
        "account": "mallory",
        "workspace": "default",
        "role": "developer",
        "names_begin": "",
        "reason": "joins the team",
    } | fields
    return browser(user).post(f"{GRANTS}ask/", asked)


def test_role_is_asked_for_approved_and_taken_away_by_pages(cast):
    assert ask(cast.ada).status_code == 302
    grant = RoleGrant.objects.get(account=cast.mallory)
    page = f"{GRANTS}{grant.pk}"

    browser(cast.ada).post(f"{page}/approve/")
    assert not has_role(cast.mallory, Role.DEVELOPER, "default")
    assert "A second person approves" in browser(cast.ada).get(f"{page}/change/").text

    browser(cast.rita).post(f"{page}/approve/")
    assert has_role(cast.mallory, Role.DEVELOPER, "default")
    browser(cast.ada).post(f"{page}/revoke/")
    assert not has_role(cast.mallory, Role.DEVELOPER, "default")


def test_role_is_asked_for_below_a_prefix(cast):
    ask(cast.ada, names_begin="credit-")
    assert (
        RoleGrant.objects.get(account=cast.mallory).covers == "prefix/default/credit-"
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"account": "nobody"}, "There is no such active account."),
        ({"account": "ada"}, "Nobody asks for a role of their own"),
        ({"account": "bot"}, "A service account cannot be developer"),
        ({"reason": " "}, "This field is required."),
    ],
)
def test_refusal_is_said_on_the_page(cast, fields, sentence):
    answer = ask(cast.ada, **fields)
    assert answer.status_code == 200
    assert sentence in answer.text
    assert not RoleGrant.objects.filter(account=cast.mallory).exists()


def test_whoever_may_not_ask_has_no_workspace_to_choose(cast):
    for user in (cast.alice, cast.rita, cast.carol):
        assert ask(user).status_code == 200
    assert not RoleGrant.objects.filter(account=cast.mallory).exists()


def test_grants_of_others_are_shown_to_those_who_oversee_them_only(cast):
    assert "Bob Example" in browser(cast.carol).get(GRANTS).text
    assert "Bob Example" not in browser(cast.alice).get(GRANTS).text
    of_bob = RoleGrant.objects.get(account=cast.bob)
    for act in ("approve", "revoke"):
        answer = browser(cast.alice).post(f"{GRANTS}{of_bob.pk}/{act}/")
        assert answer.status_code == 404
    assert browser(cast.ada).get(f"{GRANTS}{of_bob.pk}/revoke/").status_code == 405
    assert has_role(cast.bob, Role.VALIDATOR, "default")


def test_second_factor_is_enrolled_by_two_forms(cast):
    bob = browser(cast.bob)
    assert "My password" in bob.get(FACTOR).text

    shown = bob.post(FACTOR, {"password": PASSWORD}).text
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", shown)
    assert secret
    app = AuthenticatorApp(base64.b32decode(secret[1]))

    wrong = bob.post(FACTOR, {"code": "000000"})
    assert "The one-time code is wrong" in wrong.text
    assert bob.post(FACTOR, {"code": app.code()}).status_code == 302
    assert has_second_factor(cast.bob)
    assert "You have a second factor" in bob.get(FACTOR).text
    assert secret[1] not in bob.get(FACTOR).text


def test_second_factor_is_not_begun_without_the_password(cast):
    answer = browser(cast.bob).post(FACTOR, {"password": "guessed"})
    assert "The password is wrong" in answer.text
    assert not has_second_factor(cast.bob)


def test_second_factor_is_of_those_who_are_logged_in():
    assert Client().get(FACTOR).status_code == 302


def test_page_of_signing_asks_for_the_code_where_the_tier_wants_it(workspace, cast):
    factories.model(workspace, cast, tier=1)
    document = factories.POLICY.replace("owner]", "owner, risk]")
    factories.policy(workspace, cast, document.replace("days: 30", "days: 14"))
    request = factories.evaluated(factories.version(workspace, cast), cast)
    app = factories.second_factor(cast.bob)
    page = f"/admin/registry/promotionrequest/{request.pk}/sign-off/"
    form = {
        "role": "validator",
        "meaning": "I reviewed it.",
        "reason": "It passed.",
        "password": PASSWORD,
        "seen_digest": request.subject_digest,
    }
    bob = browser(cast.bob)
    assert "wants two factors" in bob.get(page).text
    assert "enter the code that your app shows" in bob.post(page, form).text
    assert bob.post(page, {**form, "code": app.code()}).status_code == 302
    assert request.sign_offs.get().method == "password and one-time code"
