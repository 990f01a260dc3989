"""Beside promotions: challengers, rollback and freeze, break-glass, retirement."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.proofs import trail
from audit.sequencer import sequence_pending
from registry.models import (
    BreakGlassEnd,
    Challenger,
    Finding,
    Freeze,
    ModelVersion,
    Promotion,
    PromotionRequest,
    RequestState,
    Slot,
)
from registry.models.finding import Severity
from registry.models.sign_off import SignerRole
from registry.services.break_glass import end_emergencies
from registry.services.model_versions import register_version
from registry.services.promotion import promote
from registry.services.slots import add_challenger, remove_challenger
from tests import factories
from tracking import storage
from tracking.permissions import Role

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def first(workspace, cast) -> ModelVersion:
    factories.policy(workspace, cast)
    return factories.champion(workspace, cast)


@pytest.fixture
def second(workspace, cast, first) -> ModelVersion:
    """The champion that took the slot of `first`."""
    return factories.champion(
        workspace, cast, content=b"2", scores=factories.predictions(strength=2.5)
    )


@pytest.fixture
def third(workspace, cast) -> ModelVersion:
    return factories.version(workspace, cast, content=b"3")


def slot() -> Slot:
    return Slot.objects.with_champion().get()


def refused(act, *arguments, **options) -> str:
    with pytest.raises((ConflictError, PermissionDeniedError)) as refusal:
        act(*arguments, **options)
    return refusal.value.code


def in_days(days: float):
    sequence_pending()
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)


# Rollback and freeze


def test_rollback_takes_one_person_opens_a_finding_and_freezes_the_slot(
    cast, first, second
):
    undone = factories.rollback(slot(), first, cast)

    assert slot().champion == first
    assert (undone.rolled_back, undone.promotion.request.model_version) == (
        second,
        first,
    )
    finding = Finding.objects.get()
    assert (finding.severity, finding.cause, finding.model_version, finding.owner) == (
        "high",
        "rollback",
        second,
        cast.olivia,
    )
    freeze = Freeze.objects.in_force().get()
    assert freeze.review_due_at - freeze.frozen_at == timedelta(hours=72)
    states = PromotionRequest.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [RequestState.PROMOTED, RequestState.ROLLED_BACK]
    last = trail([slot().subject])[-1]
    assert (last.kind, last.payload["to"]) == (
        "registry.version.rolled_back",
        first.subject,
    )


def test_nothing_is_promoted_until_somebody_else_has_reviewed_the_rollback(
    workspace, cast, first, second, third
):
    undone = factories.rollback(slot(), first, cast, actor=cast.rita)
    request = factories.approved(third, cast)

    assert refused(promote, request, actor=cast.rex) == "frozen"
    assert (
        refused(factories.lifting, undone.freeze, cast, actor=cast.rita)
        == "reviewer_rolled_back"
    )
    assert (
        refused(factories.lifting, undone.freeze, cast, actor=cast.olivia)
        == "may_not_lift_freeze"
    )
    for changes, code in (
        ({"password": "guessed"}, "password_wrong"),
        ({"is_interactive": False}, "signing_needs_a_session"),
    ):
        assert refused(factories.lifting, undone.freeze, cast, **changes) == code
    factories.lifting(undone.freeze, cast)
    assert refused(factories.lifting, undone.freeze, cast) == "freeze_lifted"

    promote(request, actor=cast.rex)
    assert slot().champion == third


def test_version_that_never_served_is_no_way_back(cast, second, third):
    assert refused(factories.rollback, slot(), third, cast) == "approval_missing"
    assert slot().champion == second
    last = trail([slot().subject])[-1]
    assert (last.kind, last.payload["code"]) == (
        "registry.rollback.refused",
        "approval_missing",
    )


def test_version_that_was_rolled_back_is_no_way_back_either(cast, first, second):
    undone = factories.rollback(slot(), first, cast)
    factories.lifting(undone.freeze, cast)

    assert refused(factories.rollback, slot(), second, cast) == "approval_missing"


def test_approval_lapses_when_it_was_not_used_for_its_life(cast, first, second):
    with in_days(31):
        assert refused(factories.rollback, slot(), first, cast) == "approval_expired"

    with in_days(29):
        factories.rollback(slot(), first, cast)
    assert slot().champion == first


def test_champion_is_no_way_back_to_itself(cast, second):
    assert refused(factories.rollback, slot(), second, cast) == "nothing_to_roll_back"


def test_no_way_back_to_what_has_a_critical_finding_or_is_retired(cast, first, second):
    model = first.registered_model
    factories.finding(model, cast, Severity.CRITICAL, version=first)
    assert refused(factories.rollback, slot(), first, cast) == "finding_critical"

    factories.retired(model, cast, first)
    assert refused(factories.rollback, slot(), first, cast) == "version_retired"


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "ada", "mallory"])
def test_rollback_is_not_for(cast, first, second, name):
    actor = getattr(cast, name)

    assert (
        refused(factories.rollback, slot(), first, cast, actor=actor)
        == "may_not_roll_back"
    )


def test_rollback_says_why(cast, first, second):
    with pytest.raises(InvalidError):
        factories.rollback(slot(), first, cast, reason=" ")


def test_rollback_and_review_over_http(cast, first, second, as_token):
    bob = Client()
    bob.force_login(cast.bob)

    undone = as_token(cast.rex).post(
        "/api/v1/rollbacks/",
        {
            "registered_model": "credit",
            "version": 1,
            "environment": "production",
            "reason": "It refuses everybody.",
        },
        content_type=JSON,
    )
    path = f"/api/v1/freezes/{undone.json()['freeze']}/lifting/"
    body = {"conclusion": "Data were missing.", "password": factories.PASSWORD}
    frozen = bob.get("/api/v1/freezes/?in_force=true").json()
    by_token = as_token(cast.bob).post(path, body, content_type=JSON)
    lifted = bob.post(path, body, content_type=JSON)

    assert (undone.status_code, undone.json()["version"]) == (201, 1)
    assert frozen["count"] == 1
    assert by_token.json()["code"] == "signing_needs_a_session"
    assert (lifted.status_code, lifted.json()["lifted_by"]) == (201, "Bob Example")
    assert bob.get("/api/v1/freezes/?in_force=true").json()["count"] == 0
    assert (
        bob.post("/api/v1/freezes/4711/lifting/", body, content_type=JSON).status_code
        == 404
    )


# Break-glass


def test_two_people_in_two_roles_let_a_version_serve_for_a_day(cast, first, third):
    asked = factories.emergency_asked(third, cast)
    assert slot().champion == first

    confirmed = factories.emergency(asked, cast)

    assert slot().champion == third
    assert confirmed.fallback == first
    assert confirmed.expires_at - confirmed.confirmed_at == timedelta(hours=24)
    assert Finding.objects.get().cause == "break_glass"
    assert [entry.kind for entry in trail([asked.subject])] == [
        "registry.break_glass.asked",
        "registry.break_glass.confirmed",
    ]


def test_slot_falls_back_when_the_hours_are_over(cast, first, third):
    confirmed = factories.emergency(factories.emergency_asked(third, cast), cast)
    assert end_emergencies() == 0

    with in_days(1.01):
        assert slot().serving(timezone.now()) == first
        assert end_emergencies() == 1
        assert end_emergencies() == 0

    assert (slot().champion, slot().break_glass) == (first, None)
    assert BreakGlassEnd.objects.get().confirmation == confirmed


def test_slot_that_was_empty_is_empty_again(workspace, cast, third):
    factories.policy(workspace, cast)
    factories.emergency(factories.emergency_asked(third, cast), cast)

    with in_days(1.01):
        end_emergencies()

    assert slot().champion is None


def test_promotion_in_due_form_ends_the_emergency(cast, first, third):
    factories.emergency(factories.emergency_asked(third, cast), cast)

    promotion = promote(factories.approved(third, cast), actor=cast.rex)

    assert (slot().champion, slot().break_glass) == (third, None)
    assert promotion.superseded == first
    with in_days(1.01):
        assert end_emergencies() == 0
        assert slot().serving(timezone.now()) == third


def test_one_person_is_not_two(cast, first, third):
    factories.model_card(first.registered_model, cast, owner=cast.rita, actor=cast.rita)
    third = ModelVersion.objects.with_lineage().get(pk=third.pk)
    factories.grant(cast.rita, Role.OWNER, third.registered_model.workspace)
    asked = factories.emergency_asked(third, cast, actor=cast.rita)

    assert (
        refused(factories.emergency, asked, cast, actor=cast.rita)
        == "two_people_in_two_roles"
    )


def test_owner_does_not_act_for_risk_nor_risk_for_the_owner(cast, first, third):
    assert (
        refused(factories.emergency_asked, third, cast, role=SignerRole.RISK)
        == "may_not_break_glass"
    )
    asked = factories.emergency_asked(third, cast)
    assert (
        refused(factories.emergency, asked, cast, role=SignerRole.OWNER)
        == "may_not_break_glass"
    )
    assert slot().champion == first


@pytest.mark.parametrize("name", ["alice", "bob", "rex", "ada", "bot", "mallory"])
def test_emergency_is_not_for(cast, first, third, name):
    actor = getattr(cast, name)

    assert (
        refused(factories.emergency_asked, third, cast, actor=actor)
        == "may_not_break_glass"
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "guessed"}, "password_wrong"),
        ({"is_interactive": False}, "signing_needs_a_session"),
    ],
)
def test_emergency_takes_a_session_and_a_password_of_both(
    cast, first, third, changes, code
):
    assert refused(factories.emergency_asked, third, cast, **changes) == code
    asked = factories.emergency_asked(third, cast)
    assert refused(factories.emergency, asked, cast, **changes) == code
    assert slot().champion == first


def test_emergency_that_nobody_confirms_lapses_within_the_hour(cast, first, third):
    asked = factories.emergency_asked(third, cast)

    with in_days(0.05):
        assert refused(factories.emergency, asked, cast) == "break_glass_lapsed"


def test_emergency_is_confirmed_once(cast, first, third):
    asked = factories.emergency_asked(third, cast)
    factories.emergency(asked, cast)

    assert refused(factories.emergency, asked, cast) == "break_glass_confirmed"


def test_emergency_never_passes_over_an_altered_artifact(cast, first, third):
    asked = factories.emergency_asked(third, cast)
    storage.path_of(third.artifact_sha256).write_bytes(b"tampered")

    assert refused(factories.emergency, asked, cast).startswith("artifact")
    assert slot().champion == first


@pytest.mark.parametrize("hours", [0, 25])
def test_emergency_lasts_a_day_at_most(cast, first, third, hours):
    with pytest.raises(InvalidError) as refusal:
        factories.emergency_asked(third, cast, hours=hours)

    assert refusal.value.code == "hours_wrong"


def test_emergency_over_http(cast, first, third):
    olivia, rita = Client(), Client()
    olivia.force_login(cast.olivia)
    rita.force_login(cast.rita)

    asked = olivia.post(
        "/api/v1/break-glass/",
        {
            "registered_model": "credit",
            "version": third.number,
            "environment": "production",
            "reason": "The champion crashes.",
            "hours": 2,
            "role": "owner",
            "password": factories.PASSWORD,
        },
        content_type=JSON,
    )
    confirmed = rita.post(
        f"/api/v1/break-glass/{asked.json()['id']}/confirmation/",
        {"role": "risk", "password": factories.PASSWORD},
        content_type=JSON,
    )

    assert (asked.status_code, asked.json()["confirmed_at"]) == (201, None)
    assert (confirmed.status_code, confirmed.json()["fallback_version"]) == (
        201,
        first.number,
    )
    assert rita.get("/api/v1/break-glass/").json()["count"] == 1
    served = rita.get("/api/v1/slots/").json()["results"]
    assert [line["champion_version"] for line in served] == [third.number]


# Challengers


def challenge(act, version, actor):
    return act(version, environment="production", reason="To compare.", actor=actor)


def test_every_challenger_that_was_tried_is_counted(workspace, cast, first, third):
    one = challenge(add_challenger, third, cast.alice)
    challenge(remove_challenger, third, cast.alice)
    two = challenge(add_challenger, third, cast.olivia)

    assert (one.number, two.number) == (1, 2)
    assert two.champion == first
    assert list(Challenger.objects.running()) == [two]
    assert refused(challenge, add_challenger, third, cast.alice) == (
        "version_is_challenger"
    )
    assert refused(challenge, add_challenger, first, cast.alice) == (
        "version_is_champion"
    )
    assert refused(challenge, add_challenger, third, cast.carol) == "may_not_challenge"


def test_challenger_says_whether_it_learnt_from_the_same_data(workspace, cast, first):
    source = factories.run(workspace, cast.alice)
    factories.use_dataset(source, cast.alice)
    artifact = factories.upload(source, factories.MODEL, b"9", cast.alice)
    made = register_version(
        first.registered_model,
        source_run=source,
        artifact_path=factories.MODEL,
        artifact_sha256=artifact.sha256,
        actor=cast.alice,
    )

    assert challenge(add_challenger, made, cast.alice).same_datasets is False


def test_challenger_that_took_the_slot_is_none_any_more(workspace, cast, first, third):
    challenge(add_challenger, third, cast.alice)
    promote(factories.approved(third, cast), actor=cast.rex)

    assert not Challenger.objects.running().exists()
    assert refused(challenge, remove_challenger, third, cast.alice) == (
        "version_is_no_challenger"
    )


# Retirement


def test_retired_version_leaves_its_slot_and_never_comes_back(workspace, cast, first):
    retirement = factories.retired(first.registered_model, cast, first)

    assert retirement.dependants == [slot().subject]
    assert slot().champion is None
    assert refused(factories.request, first, cast) == "version_retired"
    assert refused(factories.emergency_asked, first, cast) == "version_retired"
    assert refused(challenge, add_challenger, first, cast.alice) == "version_retired"
    assert Promotion.objects.count() == 1


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
