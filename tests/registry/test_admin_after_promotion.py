"""The pages on which people act after a promotion: what they show, offer and refuse."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from registry.models import (
    BreakGlass,
    Finding,
    Freeze,
    RegisteredModel,
    Retirement,
    Slot,
    TierAssessment,
)
from registry.models.finding import Severity
from registry.models.tier import Tier
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
ROOT = "/admin/registry"


def as_person(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def act(user, row, name, **form):
    path = f"{ROOT}/{row._meta.model_name}/{row.pk}/acts/{name}/"
    return as_person(user).post(path, form)


def said(response) -> list[str]:
    assert response.status_code == 302, response.content.decode()
    return [str(message) for message in get_messages(response.wsgi_request)]


def offered(user, row) -> list[str]:
    page = as_person(user).get(f"{ROOT}/{row._meta.model_name}/{row.pk}/change/")
    return [words for _, words in page.context["acts"]]


def test_every_page_answers_a_reviewer_and_lists_show_their_rows(workspace, cast):
    version = factories.row_in_every_table(workspace, cast)
    bob = as_person(cast.bob)
    rows = [
        Finding.objects.earliest("pk"),
        Freeze.objects.get(),
        BreakGlass.objects.earliest("pk"),
        Slot.objects.get(registered_model=version.registered_model),
        version,
        version.registered_model,
    ]

    for row in rows:
        listed = bob.get(f"{ROOT}/{row._meta.model_name}/")
        page = bob.get(f"{ROOT}/{row._meta.model_name}/{row.pk}/change/")
        assert (listed.status_code, page.status_code) == (200, 200), row
        assert listed.context["cl"].result_count > 0
    model_page = bob.get(f"{ROOT}/registeredmodel/").content.decode()
    assert "production: v1" in model_page
    assert (
        "It decides on small loans only."
        in bob.get(
            f"{ROOT}/registeredmodel/{version.registered_model_id}/change/"
        ).content.decode()
    )


def test_somebody_without_a_role_sees_none_of_it(workspace, cast):
    factories.row_in_every_table(workspace, cast)
    mallory = as_person(cast.mallory)

    for model in (Finding, Freeze, BreakGlass):
        name = model._meta.model_name
        assert mallory.get(f"{ROOT}/{name}/").context["cl"].result_count == 0
        pk = model.objects.earliest("pk").pk
        assert mallory.get(f"{ROOT}/{name}/{pk}/change/").status_code == 404
        assert mallory.get(f"{ROOT}/{name}/{pk}/acts/lift/").status_code == 404


def test_finding_is_moved_and_its_risk_accepted_on_pages(workspace, cast):
    finding = factories.finding(factories.model(workspace, cast), cast, Severity.HIGH)

    assert offered(cast.rita, finding) == ["Move on", "Accept the risk"]
    assert offered(cast.bob, finding) == ["Move on"]
    moved = act(cast.alice, finding, "move", to="planned", reason="Next week.")
    wrong = act(
        cast.rita,
        finding,
        "accept-risk",
        until="2099-01-01",
        reason="R",
        password="guessed",
    )
    assert said(moved) == ["The finding has moved on."]
    assert wrong.status_code == 200
    assert wrong.context["form"].errors.keys() == {"password"}
    assert Finding.objects.get().state == "planned"


def test_slot_is_rolled_back_and_thawed_on_pages(workspace, cast):
    factories.policy(workspace, cast)
    first = factories.champion(workspace, cast)
    second = factories.champion(
        workspace, cast, content=b"2", scores=factories.predictions(strength=2.5)
    )
    slot = Slot.objects.get()

    assert offered(cast.rex, slot) == ["Roll back"]
    assert offered(cast.carol, slot) == []
    refused = act(cast.bob, slot, "roll-back", to=first.pk, reason="R")
    unknown = act(cast.rex, slot, "roll-back", to=second.pk, reason="R")
    undone = act(cast.rex, slot, "roll-back", to=first.pk, reason="It refuses all.")
    assert "You may not roll back credit" in refused.content.decode()
    assert unknown.status_code == 200
    assert "Rolled back." in said(undone)[0]
    assert Slot.objects.get().champion == first

    freeze = Freeze.objects.get()
    assert offered(cast.rex, freeze) == []
    lifted = act(
        cast.bob, freeze, "lift", conclusion="Seen.", password=factories.PASSWORD
    )
    assert said(lifted) == ["The freeze is lifted: versions are promoted there again."]


def test_two_people_break_the_glass_on_pages(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    form = {"password": factories.PASSWORD}

    assert "Break the glass" in offered(cast.olivia, version)
    assert "Break the glass" not in offered(cast.bob, version)
    asked = act(
        cast.olivia,
        version,
        "break-glass",
        environment="production",
        hours=2,
        role="owner",
        reason="Crash.",
        **form,
    )
    assert "confirms within the hour" in said(asked)[0]
    emergency = BreakGlass.objects.get()
    assert offered(cast.olivia, emergency) == []
    assert offered(cast.rita, emergency) == ["Confirm"]
    said(act(cast.rita, emergency, "confirm", role="risk", **form))
    assert Slot.objects.get().champion == version
    shown = as_person(cast.bob).get(f"{ROOT}/slot/{Slot.objects.get().pk}/change/")
    assert "It serves in an emergency" in shown.content.decode()


def test_tier_is_signed_finding_opened_and_model_retired_on_its_page(workspace, cast):
    model = factories.model(workspace, cast)
    form = {"password": factories.PASSWORD}

    assert offered(cast.rita, model) == ["Open a finding", "Assess the risk tier"]
    said(
        act(
            cast.rita,
            model,
            "assess-tier",
            tier="2",
            exposure="E",
            rationale="R",
            **form,
        )
    )
    said(
        act(
            cast.bob,
            model,
            "open-finding",
            severity="low",
            title="T",
            description="D",
            owner="alice",
        )
    )
    form["code"] = factories.second_factor(cast.olivia).code()
    said(act(cast.olivia, model, "retire", reason="Nobody asks it.", **form))

    assert TierAssessment.objects.latest("pk").tier == Tier.HIGH
    assert Finding.objects.get().owner == cast.alice
    assert Retirement.objects.get().registered_model == model
    assert RegisteredModel.objects.get().tier == Tier.HIGH


def test_version_is_made_a_challenger_and_withdrawn_on_its_page(workspace, cast):
    version = factories.version(workspace, cast)
    form = {"environment": "production", "reason": "To compare."}

    said(act(cast.alice, version, "add-challenger", **form))
    said(act(cast.alice, version, "remove-challenger", **form))

    assert Slot.objects.get().challengers.get().removal.removed_by == cast.alice


def test_nothing_is_validated_again_where_nothing_serves(workspace, cast, champion):
    slot = Slot.objects.get()
    assert offered(cast.bob, slot) == ["Validate again"]
    factories.retired(champion.registered_model, cast, champion)

    sent = act(
        cast.bob, slot, "revalidate", conclusion="C", password=factories.PASSWORD
    )

    assert offered(cast.bob, slot) == []
    assert "Nothing serves in production" in sent.content.decode()
