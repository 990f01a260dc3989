"""The log in the admin: read by auditors, found from every row, changed by nobody."""

import pytest
from django.test import Client

from audit.admin import row_named
from audit.sequencer import sequence_pending
from audit.services import system_account
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

EVENTS = "/admin/audit/event/"


def as_person(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_only_those_who_may_read_the_log_see_it(cast):
    answers = {
        name: as_person(getattr(cast, name)).get(EVENTS).status_code
        for name in ("carol", "ada", "bob", "alice", "rex", "mallory")
    }

    assert answers == {
        "carol": 200,
        "ada": 200,
        "bob": 403,
        "alice": 403,
        "rex": 403,
        "mallory": 403,
    }


def test_refusal_page_says_who_one_is_and_whom_to_ask(cast):
    shown = text(as_person(cast.mallory).get(EVENTS))

    assert "You are logged in as Mallory Example" in shown
    assert "Ask an administrator" in shown


def test_list_costs_the_same_number_of_queries_however_long(
    workspace, cast, django_assert_num_queries
):
    factories.row_in_every_table(workspace, cast)
    carol = as_person(cast.carol)
    carol.get(EVENTS)  # content types are kept from here on

    with django_assert_num_queries(12):
        shown = text(carol.get(EVENTS))

    assert f"alice (user/{cast.alice.pk})" in shown


def test_entry_page_prints_the_entry_as_it_was_hashed_and_leads_to_its_subject(
    workspace, cast
):
    run = factories.run(workspace, cast.alice)
    sequence_pending()
    carol = as_person(cast.carol)
    listed = carol.get(EVENTS, {"subject": run.subject}).context["cl"].result_list
    event = listed[0]

    shown = text(carol.get(f"{EVENTS}{event.pk}/change/"))

    assert bytes(event.leaf_hash).hex() in shown
    assert "&quot;kind&quot;: &quot;tracking.run.created&quot;" in shown
    assert f"/admin/tracking/run/{run.pk}/change/" in shown
    assert f"/admin/auth/user/{cast.alice.pk}/change/" in shown


def test_every_row_leads_to_its_entries(workspace, cast):
    version = factories.row_in_every_table(workspace, cast)
    request = version.promotion_requests.get()
    carol = as_person(cast.carol)

    for row, path in (
        (version, f"registry/modelversion/{version.pk}"),
        (request, f"registry/promotionrequest/{request.pk}"),
        (request.policy, f"registry/policy/{request.policy_id}"),
        (
            version.registered_model,
            f"registry/registeredmodel/{version.registered_model_id}",
        ),
        (version.linked_run, f"tracking/run/{version.source_run_id}"),
    ):
        entries = carol.get(f"/admin/{path}/history/")
        listed = carol.get(entries["Location"]).context["cl"].result_list
        assert {event.subject for event in listed} == {row.subject}, path
        assert entries["Location"] in text(carol.get(f"/admin/{path}/change/"))
        assert row_named(row.subject) == row
        assert as_person(cast.bob).get(f"/admin/{path}/history/").status_code == 403


def test_policies_of_a_model_and_of_tiers_are_told_apart(workspace, cast):
    of_model = factories.policy(workspace, cast)
    of_tiers = factories.policy(
        workspace,
        cast,
        factories.POLICY.replace("registered_model: credit", "tier: [3, 4]"),
    )

    assert of_model.subject == "policy/default/credit/credit-production/1"
    assert of_tiers.subject == "policy/default/credit-production/1"
    assert row_named(of_model.subject) == of_model
    assert row_named(of_tiers.subject) == of_tiers


def test_subject_without_a_page_names_no_row(cast):
    assert row_named("log/attestry.localhost/log") is None
    assert row_named("run/0123") is None
    assert row_named("") is None
    assert row_named(f"user/{system_account().pk}") == system_account()


def test_unknown_entry_is_not_found(cast):
    assert as_person(cast.carol).get(f"{EVENTS}4711/change/").status_code == 404
