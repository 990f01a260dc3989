"""Delegations in the browser: signed on a page, seen by their people, taken back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.proofs import trail
from registry.models import Delegation
from registry.models.sign_off import SignerRole
from registry.services.delegations import delegate_signing
from tests import factories
from tests.factories import PASSWORD
from tests.registry.reviewing import as_person, text
from tracking.permissions import Role

pytestmark = pytest.mark.django_db
DELEGATIONS = "/admin/registry/delegation/"
MAKE = f"{DELEGATIONS}make/"


def at(days: int) -> str:
    return f"{timezone.now() + timedelta(days=days):%Y-%m-%dT%H:%M}"


def signed(user, **fields):
    given = {
        "workspace": "default",
        "registered_model": "",
        "role": "validator",
        "delegate": "carol",
        "starts_at": at(0),
        "ends_at": at(14),
        "reason": "I am on leave.",
        "password": PASSWORD,
        "code": "",
    }
    return as_person(user).post(MAKE, given | fields)


def delegation(workspace, cast, **changes) -> Delegation:
    now = timezone.now()
    arguments = {
        "role": SignerRole.VALIDATOR,
        "delegate": cast.carol,
        "starts_at": now,
        "ends_at": now + timedelta(days=7),
        "reason": "I am on leave.",
        "password": PASSWORD,
        "is_interactive": True,
        "actor": cast.bob,
    }
    return delegate_signing(workspace, **(arguments | changes))


def page(given: Delegation, act: str = "change") -> str:
    return f"{DELEGATIONS}{given.pk}/{act}/"


def test_role_is_delegated_for_a_workspace_and_both_see_it(cast):
    answer = signed(cast.bob)

    given = Delegation.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page(given))
    assert (given.delegator, given.delegate, given.role, given.method) == (
        cast.bob,
        cast.carol,
        "validator",
        "password re-entered",
    )
    for person in (cast.bob, cast.carol):
        shown = text(as_person(person).get(page(given)))
        for words in ("Bob Example", "Carol Example", "I am on leave.", "Take back"):
            assert words in shown
    assert trail([given.subject])[-1].kind == "registry.delegation.given"


def test_role_is_delegated_for_one_model(workspace, cast):
    model = factories.model(workspace, cast)
    other = factories.model(workspace, cast, "fraud")
    other.__class__.objects.filter(pk=other.pk).update(owner=cast.rita)
    offered = as_person(cast.olivia).get(MAKE).context["form"].fields

    signed(cast.olivia, role="owner", registered_model=str(model.pk))

    assert list(offered["registered_model"].queryset) == [model]
    assert Delegation.objects.get().registered_model == model


@pytest.mark.parametrize(
    ("fields", "beside", "sentence"),
    [
        ({"password": "guessed"}, "password", "The password is wrong"),
        ({"delegate": "nobody"}, "delegate", "There is no active account 'nobody'"),
        ({"ends_at": at(31)}, "__all__", "within 30 days"),
        ({"ends_at": at(-1)}, "__all__", "ends after it starts"),
        ({"role": "risk"}, "__all__", "You do not sign as risk there yourself"),
        ({"delegate": "ada"}, "__all__", "cannot also be validator"),
        ({"delegate": "mallory"}, "delegate", "that you may name here"),
        ({"reason": " "}, "reason", "This field is required."),
        ({"workspace": "hidden"}, "workspace", "Select a valid choice"),
    ],
)
def test_refusal_is_said_beside_what_it_is_about(cast, fields, beside, sentence):
    answer = signed(cast.bob, **fields)

    assert answer.status_code == 200
    [told] = answer.context["form"].errors[beside]
    assert sentence in told
    assert "Nothing was done." in text(answer)
    assert PASSWORD not in answer.text
    assert not Delegation.objects.exists()


def test_model_of_tier_1_wants_the_code_as_well(workspace, cast):
    model = factories.model(workspace, cast, tier=1)
    app = factories.second_factor(cast.bob)

    refused = signed(cast.bob, registered_model=str(model.pk))
    assert "enter the code that your app shows" in text(refused)
    assert "code" in refused.context["form"].errors
    signed(cast.bob, registered_model=str(model.pk), code=app.code())

    assert Delegation.objects.get().method == "password and one-time code"


def test_making_is_offered_to_signers_only_and_refused_to_all_others(cast):
    offered = {
        name: "Delegate a role" in text(as_person(getattr(cast, name)).get(DELEGATIONS))
        for name in ("bob", "rita", "eve", "olivia", "alice", "carol", "ada", "mallory")
    }
    assert [name for name, is_offered in offered.items() if is_offered] == [
        "bob",
        "rita",
        "eve",
        "olivia",
    ]

    refused = signed(cast.alice, delegate="carol")

    assert "You do not sign as validator there yourself" in text(refused)
    assert trail(["workspace/default"])[-1].kind == "registry.delegation.refused"


@pytest.mark.parametrize("name", ["bob", "carol"])
def test_either_of_the_two_takes_it_back(workspace, cast, name):
    given = delegation(workspace, cast)
    person = as_person(getattr(cast, name))

    answer = person.post(page(given, "acts/withdraw"))

    assert (answer.status_code, answer["Location"]) == (302, page(given))
    shown = text(person.get(page(given)))
    assert "withdrawn</span>" in shown
    assert "Take back" not in shown
    again = person.post(page(given, "acts/withdraw"))
    assert "This delegation was taken back already." in text(again)


def test_delegation_of_others_is_seen_by_colleagues_and_ended_by_none(workspace, cast):
    given = delegation(workspace, cast)
    rita = as_person(cast.rita)
    assert "Take back" not in text(rita.get(page(given)))

    refused = rita.post(page(given, "acts/withdraw"))

    assert "Only the two people of a delegation end it" in text(refused)
    assert not hasattr(Delegation.objects.get(), "withdrawal")


def test_delegation_is_hidden_from_who_does_not_work_there(workspace, cast):
    given = delegation(workspace, cast)
    keeper = factories.person("keeper", workspace, Role.ADMINISTRATOR)

    for person in map(as_person, (cast.mallory, cast.oscar, keeper)):
        assert person.get(DELEGATIONS).context["cl"].result_count == 0
        assert "Bob Example" not in text(person.get(DELEGATIONS))
        for act in ("change", "acts/withdraw"):
            assert person.get(page(given, act)).status_code == 404
        assert person.post(page(given, "acts/withdraw")).status_code == 404


def test_list_costs_the_same_number_of_queries_however_long(
    workspace, cast, django_assert_num_queries
):
    model = factories.model(workspace, cast)
    for on in (None, model, model):
        delegation(workspace, cast, model=on)
    carol = as_person(cast.carol)
    carol.get(DELEGATIONS)  # content types are kept from here on

    with django_assert_num_queries(17):
        assert carol.get(DELEGATIONS).status_code == 200
