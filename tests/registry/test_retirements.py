"""What is retired never serves again, and what stood on it is named."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm

from audit.proofs import trail
from registry.models import BreakGlassEnd, Promotion
from registry.services.promotion import promote
from registry.services.slots import add_challenger
from registry.services.standing import standing_of
from tests import factories
from tests.registry.slots import challenge, refused, slot
from tracking.permissions import Role

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
JSON = "application/json"


def test_retired_version_leaves_its_slot_and_never_comes_back(workspace, cast, first):
    retirement = factories.retired(first.registered_model, cast, first)

    assert retirement.dependants == [slot().subject]
    assert slot().champion is None
    assert refused(factories.request, first, cast) == "version_retired"
    assert refused(factories.emergency_asked, first, cast) == "version_retired"
    assert refused(challenge, add_challenger, first, cast.alice) == "version_retired"
    assert Promotion.objects.count() == 1


def test_emergency_whose_version_is_retired_falls_back(workspace, cast, first, third):
    asked = factories.emergency_asked(third, cast)
    factories.emergency(asked, cast)

    factories.retired(third.registered_model, cast, third)

    assert (slot().champion, slot().break_glass) == (first, None)
    entry = trail([asked.subject])[-1]
    assert (entry.kind, entry.payload) == (
        "registry.break_glass.ended",
        {"slot": slot().subject, "champion": first.subject},
    )


def test_emergency_falls_back_to_nothing_that_is_retired(cast, first, third):
    factories.emergency(factories.emergency_asked(third, cast), cast)
    factories.retired(first.registered_model, cast, first)

    factories.retired(third.registered_model, cast, third)

    assert (slot().champion, slot().break_glass) == (None, None)


def test_nothing_that_is_retired_serves_when_an_emergency_ends(
    workspace, cast, first, third
):
    factories.emergency(factories.emergency_asked(third, cast), cast)
    factories.retired(first.registered_model, cast, first)
    later = timezone.now() + timedelta(hours=25)

    # No timer has run yet.
    with time_machine.travel(later, tick=False):
        assert slot().serving(later) is None
        standing = standing_of(first.registered_model)
        assert (standing.champions, standing.aliases()) == ({}, {})


def test_model_that_is_retired_in_an_emergency_leaves_its_slot_empty(
    cast, first, third
):
    factories.emergency(factories.emergency_asked(third, cast), cast)

    factories.retired(first.registered_model, cast)

    assert (slot().champion, slot().break_glass) == (None, None)
    assert BreakGlassEnd.objects.count() == 1


def test_approved_version_that_is_retired_is_not_promoted(workspace, cast, third):
    factories.policy(workspace, cast)
    request = factories.approved(third, cast)
    factories.retired(third.registered_model, cast, third)

    assert refused(promote, request, actor=cast.rex) == "version_retired"


def test_retired_model_names_the_models_that_stand_on_it(workspace, cast, first):
    model = first.registered_model
    limits = factories.model(workspace, cast, "limits")
    factories.model_card(limits, cast, upstream=[model])

    retirement = factories.retired(model, cast)

    assert retirement.dependants == [slot().subject, limits.subject]
    assert slot().champion is None
    assert refused(factories.retired, model, cast) == "version_retired"
    assert refused(factories.retired, model, cast, first) == "version_retired"


def test_models_that_somebody_may_not_see_are_counted_and_not_named(
    workspace, cast, first
):
    model = first.registered_model
    seen = factories.model(workspace, cast, "limits")
    hidden = factories.model(workspace, cast, "secret")
    for other in (seen, hidden):
        factories.model_card(other, cast, upstream=[model])
    factories.retired(model, cast)
    guest = factories.person("guest", workspace, None)
    assign_perm("view_workspace", guest, workspace)
    for one in (model, seen):
        assign_perm("view_registeredmodel", guest, one)
    client = Client()

    def listed(user):
        client.force_login(user)
        (row,) = client.get("/api/v1/retirements/").json()["results"]
        return row["dependants"], row["dependants_unnamed"]

    assert listed(guest) == ([slot().subject, seen.subject], 1)
    assert listed(cast.carol) == ([slot().subject, seen.subject, hidden.subject], 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "guessed"}, "password_wrong"),
        ({"is_interactive": False}, "signing_needs_a_session"),
    ],
)
def test_retirement_is_signed_by_an_owner(cast, first, changes, code):
    model = first.registered_model

    assert refused(factories.retired, model, cast, first, **changes) == code
    assert (
        refused(factories.retired, model, cast, first, actor=cast.rita)
        == "may_not_retire"
    )
    assert slot().champion == first


def test_retirement_is_signed_by_no_superuser_and_no_owner_of_another_model(
    workspace, cast, first
):
    zoe = factories.person("zoe", workspace, Role.OWNER)
    cast.olivia.is_superuser = True
    cast.olivia.save()
    model = first.registered_model

    codes = [
        refused(factories.retired, model, cast, first, actor=actor)
        for actor in (zoe, cast.olivia)
    ]

    assert codes == ["may_not_retire", "may_not_retire"]
    assert slot().champion == first


def test_retirement_over_http(cast, first, as_token):
    olivia = Client()
    olivia.force_login(cast.olivia)
    body = {
        "registered_model": "credit",
        "version": 1,
        "reason": "Replaced.",
        "password": factories.PASSWORD,
    }

    by_token = as_token(cast.olivia).post(
        "/api/v1/retirements/", body, content_type=JSON
    )
    signed = olivia.post("/api/v1/retirements/", body, content_type=JSON)

    assert by_token.json()["code"] == "signing_needs_a_session"
    assert (signed.status_code, signed.json()["dependants"]) == (
        201,
        ["slot/default/credit/production"],
    )
    assert olivia.get("/api/v1/retirements/").json()["count"] == 1
