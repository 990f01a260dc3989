"""API tokens in the browser: one's own, shown once, and nobody else's."""

import re
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from audit.models import Event
from audit.proofs import trail
from tests import factories
from tests.tracking.test_access_pages import browser
from tracking.models import ApiToken
from tracking.models.access import Scope
from tracking.services.tokens import create_token

pytestmark = pytest.mark.django_db
TOKENS = "/admin/tracking/apitoken/"


def make(user, **fields):
    given = {"name": "laptop", "days": "7"} | fields
    return browser(user).post(f"{TOKENS}make/", given)


def secret_on(answer) -> str:
    found = re.search(r"<code>(atty_[\w-]+)</code>", answer.text)
    assert found
    return found[1]


def page(token: ApiToken, act: str = "change") -> str:
    return f"{TOKENS}{token.pk}/{act}/"


def test_token_that_is_made_on_the_page_gets_in(cast, workspace):
    secret = secret_on(make(cast.alice, scopes=["read", "tracking:write"]))

    answer = Client(headers={"Authorization": f"Bearer {secret}"}).get(
        "/api/v1/datasets/"
    )
    assert answer.status_code == 200
    token = ApiToken.objects.get()
    assert (token.user, token.name, token.scopes) == (
        cast.alice,
        "laptop",
        "read tracking:write",
    )
    lasts = token.expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < lasts < timedelta(days=7)


def test_token_is_shown_once_and_kept_nowhere(cast, caplog):
    alice = browser(cast.alice)
    made = alice.post(f"{TOKENS}make/", {"name": "laptop"})
    secret, token = secret_on(made), ApiToken.objects.get()

    assert made.status_code == 200
    assert "no-store" in made["Cache-Control"]
    assert [str(message) for message in get_messages(made.wsgi_request)] == []
    assert "messages" not in made.cookies
    for path in (TOKENS, page(token), f"{TOKENS}make/", page(token, "acts/revoke")):
        assert secret not in alice.get(path).text
    assert secret not in caplog.text
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    kept += [bytes(event.body).decode() for event in Event.objects.all()]
    kept += [str(row) for row in ApiToken.objects.values()]
    assert [text for text in kept if secret in text] == []
    assert token.prefix in alice.get(page(token)).text


def test_token_without_days_lives_as_long_as_the_installation_lets_it(cast, settings):
    settings.ATTESTRY_TOKEN_DAYS = 3
    asked = browser(cast.alice).get(f"{TOKENS}make/").text
    assert "At most 3; empty: 3." in asked

    make(cast.alice, days="")

    lasts = ApiToken.objects.get().expires_at - timezone.now()
    assert timedelta(days=2, hours=23) < lasts < timedelta(days=3)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "This field is required."),
        ({"days": "91"}, "A token of this installation lives at most 90 days"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"scopes": ["everything"]}, "everything is not one of the available choices"),
    ],
)
def test_refusal_is_said_on_the_page(cast, fields, sentence):
    answer = make(cast.alice, **fields)

    assert answer.status_code == 200
    assert sentence in answer.text
    assert "Nothing was done." in answer.text
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("account", ["bob", "bot"])
def test_nobody_makes_a_token_for_somebody_else(cast, account):
    assert 'name="account"' not in browser(cast.alice).get(f"{TOKENS}make/").text

    make(cast.alice, account=account)

    assert ApiToken.objects.get().user == cast.alice


def test_administrator_makes_tokens_of_programs_and_of_no_person(cast):
    assert "bob" not in browser(cast.ada).get(f"{TOKENS}make/").text
    secret_on(make(cast.ada, account="bot"))
    refused = make(cast.ada, account="bob")

    assert ApiToken.objects.get().user == cast.bot
    assert "Select a valid choice" in refused.text


def test_token_is_revoked_by_its_owner_on_a_page_of_its_own(cast):
    token, _ = create_token(cast.alice, name="old", actor=cast.alice)
    alice = browser(cast.alice)
    assert "Revoke …" in alice.get(page(token)).text
    assert "Revoke the token now" in alice.get(page(token, "acts/revoke")).text

    answer = alice.post(page(token, "acts/revoke"))

    assert (answer.status_code, answer["Location"]) == (302, page(token))
    shown = alice.get(page(token)).text
    assert "revoked" in shown
    assert "Revoke …" not in shown
    last = trail([token.subject])[-1]
    assert (last.kind, last.actor) == (
        "tracking.token.revoked",
        f"user/{cast.alice.pk}",
    )


def test_administrator_sees_and_revokes_tokens_of_programs(cast):
    token, _ = create_token(cast.bot, name="nightly", actor=cast.ada)
    ada = browser(cast.ada)
    assert "nightly" in ada.get(TOKENS).text

    ada.post(page(token, "acts/revoke"))

    assert ApiToken.objects.get().revoked_at is not None


def test_tokens_of_others_are_as_if_they_were_not_there(cast):
    token, _ = create_token(
        cast.alice, name="of alice", actor=cast.alice, scopes=[Scope.READ]
    )
    for other in (cast.bob, cast.ada, cast.carol, cast.mallory):
        person = browser(other)
        assert person.get(TOKENS).context["cl"].result_count == 0
        assert "of alice" not in person.get(TOKENS).text
        for act in ("change", "history", "acts/revoke"):
            assert person.get(page(token, act)).status_code == 404
        assert person.post(page(token, "acts/revoke")).status_code == 404
    assert ApiToken.objects.get().revoked_at is None


@pytest.mark.parametrize("lookup", ["sha256__startswith=0", "user__password__gt=a"])
def test_tokens_cannot_be_filtered_to_guess_what_is_not_shown(cast, lookup):
    create_token(cast.alice, name="laptop", actor=cast.alice)

    assert browser(cast.alice).get(f"{TOKENS}?{lookup}").status_code == 400


def test_making_and_revoking_need_a_csrf_token_and_a_log_in(cast):
    token, _ = create_token(cast.alice, name="laptop", actor=cast.alice)
    strict = Client(enforce_csrf_checks=True)
    assert strict.get(f"{TOKENS}make/").status_code == 302
    strict.force_login(cast.alice)

    assert strict.post(f"{TOKENS}make/", {"name": "other"}).status_code == 403
    assert strict.post(page(token, "acts/revoke")).status_code == 403
    assert ApiToken.objects.get().revoked_at is None


@pytest.mark.parametrize(("name", "queries"), [("alice", 12), ("ada", 10)])
def test_list_costs_the_same_number_of_queries_however_long(
    cast, name, queries, django_assert_num_queries
):
    for token in ("one", "two", "three"):
        create_token(cast.alice, name=token, actor=cast.alice)
        factories.token(cast.bot)
    person = browser(getattr(cast, name))
    person.get(TOKENS)  # content types are kept from here on

    with django_assert_num_queries(queries):
        assert person.get(TOKENS).status_code == 200
