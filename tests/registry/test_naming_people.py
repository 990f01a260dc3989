"""Whoever names a person learns of nobody with whom they share no workspace."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.services import system_account
from tests import factories
from tests.factories import PASSWORD
from tests.registry.test_admin_after_promotion import as_person
from tests.registry.test_api import post, problem
from tracking.models import RoleGrant
from tracking.permissions import Role
from tracking.services.workspaces import create_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
# Harriet works elsewhere, Mallory nowhere, Gone has left, and there is no such account.
UNKNOWN = ("harriet", "mallory", "gone", "nobody")


@pytest.fixture
def scene(workspace, cast):
    elsewhere = create_workspace("hidden", actor=system_account())
    factories.person("harriet", elsewhere, Role.VALIDATOR)
    gone = factories.person("gone", workspace, Role.VALIDATOR)
    type(gone).objects.filter(pk=gone.pk).update(is_active=False)
    factories.model(workspace, cast)
    return cast


def delegation(name: str) -> dict[str, Any]:
    now = timezone.now()
    return {
        "role": "validator",
        "delegate": name,
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(days=7)).isoformat(),
        "reason": "leave",
        "password": PASSWORD,
    }


def card(**people: str) -> dict[str, Any]:
    return {"registered_model": "credit", "purpose": "P", "owner": "olivia"} | people


def finding(name: str) -> dict[str, Any]:
    return {
        "registered_model": "credit",
        "severity": "low",
        "cause": "review",
        "title": "T",
        "description": "D",
        "owner": name,
    }


# Who may, who may not, the path, the fields with a name, and the refusals of both.
DOORS: dict[str, tuple[Any, ...]] = {
    "delegate": (
        *("bob", "alice", "delegations/", delegation),
        *("account_unknown", "may_not_delegate"),
    ),
    "owner on a card": (
        *("olivia", "alice", "model-cards/", lambda name: card(owner=name)),
        *("owner_unknown", "may_not_describe_model"),
    ),
    "executive": (
        *("olivia", "alice", "model-cards/", lambda name: card(executive=name)),
        *("owner_unknown", "may_not_describe_model"),
    ),
    "who mends a finding": (
        *("bob", "alice", "findings/", finding),
        *("owner_unknown", "may_not_open_finding"),
    ),
    "owner at registration": (
        *("alice", "carol", "registered-models/"),
        lambda name: {"name": "fraud", "purpose": "P", "owner": name},
        *("owner_unknown", "may_not_register_model"),
    ),
}


def answers(client, path, fields) -> list[str]:
    """Return what each unknown name is answered, but for the name itself."""
    given = [(name, post(client, path, **fields(name))) for name in UNKNOWN]
    return [answer.text.replace(name, "…") for name, answer in given]


@pytest.mark.parametrize("door", DOORS)
def test_who_shares_no_workspace_is_answered_like_who_does_not_exist(
    scene, workspace, door
):
    may, _, path, fields, code, _ = DOORS[door]
    client = as_person(getattr(scene, may))

    told = answers(client, path, fields)

    assert set(told) == {told[-1]}
    assert problem(post(client, path, **fields("harriet"))) == (400, code)
    assert post(client, path, **fields("victor")).status_code == 400
    factories.person("victor", workspace, Role.RISK)
    assert post(client, path, **fields("victor")).status_code == 201


@pytest.mark.parametrize("door", DOORS)
def test_who_may_not_act_is_refused_before_anybody_is_looked_up(scene, door):
    _, may_not, path, fields, _, code = DOORS[door]
    client = as_person(getattr(scene, may_not))

    for name in (*UNKNOWN, "bob"):
        assert problem(post(client, path, **fields(name))) == (403, code), name


def test_labellers_are_looked_for_among_those_one_may_name(workspace, scene):
    dataset = factories.dataset(workspace, scene.alice)
    path = f"datasets/{dataset.pk}/cards/"

    def fields(name: str) -> dict[str, Any]:
        return {"labellers": [name]}

    alice = as_person(scene.alice)
    told = answers(alice, path, fields)
    # Somebody who has left may have labelled the data.
    assert [told[0], told[1], told[3]] == [told[0]] * 3
    assert problem(post(alice, path, **fields("harriet"))) == (400, "labeller_unknown")
    assert problem(post(as_person(scene.carol), path, **fields("harriet"))) == (
        403,
        "may_not_describe_dataset",
    )
    labelled = post(alice, path, **fields("gone"))
    assert (labelled.status_code, labelled.json()["labellers"]) == (201, ["gone"])


def test_labeller_without_a_role_is_named_again_on_the_next_card(workspace, scene):
    dataset = factories.dataset(workspace, scene.alice)
    path = f"datasets/{dataset.pk}/cards/"
    alice = as_person(scene.alice)
    post(alice, path, labellers=["gone"])
    scene.bob.groups.model.objects.get(name="default:validator").user_set.clear()

    assert post(alice, path, labellers=["gone"]).status_code == 201
    assert problem(post(alice, path, labellers=["bob"])) == (400, "labeller_unknown")


def test_page_of_findings_offers_the_people_of_the_workspace_only(workspace, scene):
    model = factories.model(workspace, scene, "fraud")
    page = f"/admin/registry/registeredmodel/{model.pk}/acts/open-finding/"
    bob = as_person(scene.bob)

    offered = bob.get(page).context["form"].fields["owner"].queryset

    assert [person.username for person in offered] == [
        *("ada", "alice", "bob", "carol", "eve", "olivia", "oscar", "paul", "rex"),
        *("rita", "stella"),
    ]
    given = {"severity": "low", "title": "T", "description": "D"}
    for name in UNKNOWN:
        refused = bob.post(page, {**given, "owner": name})
        assert "Select a valid choice" in refused.text, name


def test_finding_is_not_for_who_works_in_another_workspace_of_who_opens_it(
    workspace, scene
):
    hidden = RoleGrant.objects.get(account__username="harriet").workspace
    factories.grant(scene.bob, Role.VALIDATOR, hidden)

    refused = post(as_person(scene.bob), "findings/", **finding("harriet"))

    assert problem(refused) == (400, "owner_unknown")


@pytest.mark.parametrize("page", ["delegation", "role grant"])
def test_pages_answer_alike_as_well(workspace, scene, page):
    told = set()
    for name in UNKNOWN:
        if page == "delegation":
            given = {**delegation(name), "workspace": "default"}
            given |= {"starts_at": "2030-01-01T00:00", "ends_at": "2030-01-02T00:00"}
            form = as_person(scene.bob).post("/admin/registry/delegation/make/", given)
        else:
            given = {"account": name, "workspace": "default", "role": "developer"}
            ask = "/admin/tracking/rolegrant/ask/"
            form = as_person(scene.alice).post(ask, {**given, "reason": "joins"})
        told.add(form.context["form"].errors.as_json().replace(name, "…"))

    assert len(told) == 1
    assert "active account" in told.pop()
