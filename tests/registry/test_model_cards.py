"""What a model is for and how risky it is: cards, dependencies and signed tiers."""

import pytest
from django.test import Client

from audit.errors import InvalidError, PermissionDeniedError
from audit.proofs import trail
from registry.models import ModelCard, RegisteredModel, TierAssessment
from registry.models.model_card import Origin
from registry.models.tier import Tier
from tests import factories
from tracking.permissions import Role

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
JSON = "application/json"


@pytest.fixture
def model(workspace, cast) -> RegisteredModel:
    return factories.model(workspace, cast)


def test_newest_card_counts_and_the_earlier_ones_stay(workspace, cast, model):
    bureau = factories.model(workspace, cast, "bureau")
    factories.model_card(model, cast, purpose="First.")
    factories.model_card(model, cast, purpose="Second.", upstream=[bureau])

    newest = ModelCard.objects.newest().get(registered_model=model)

    assert (newest.number, newest.purpose) == (2, "Second.")
    assert [item.upstream for item in newest.dependencies.all()] == [bureau]
    assert model.cards.count() == 2
    assert RegisteredModel.objects.get(pk=model.pk).purpose == "Second."


def test_card_hands_the_model_to_another_owner(cast, model):
    factories.model_card(model, cast, owner=cast.rita, actor=cast.rita)

    assert RegisteredModel.objects.get(pk=model.pk).owner == cast.rita


def test_owner_hands_the_model_over_and_nobody_takes_it(workspace, cast, model):
    zoe = factories.person("zoe", workspace, Role.OWNER)
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.model_card(model, cast, owner=zoe, actor=zoe)
    assert refusal.value.code == "may_not_describe_model"
    factories.model_card(model, cast, owner=zoe, actor=cast.olivia)
    assert RegisteredModel.objects.get(pk=model.pk).owner == zoe


@pytest.mark.parametrize(
    ("tier", "months", "is_taken"),
    [(1, 12, True), (1, 13, False), (2, 24, False), (3, 24, True), (4, 36, True)],
)
def test_card_shortens_the_interval_of_the_tier_and_never_lengthens_it(
    workspace, cast, tier, months, is_taken
):
    model = factories.model(workspace, cast, "other", tier=tier)
    said = {"revalidation_months": months, "revalidation_reason": "Rates move."}
    if is_taken:
        factories.model_card(model, cast, executive=cast.eve, **said)
        assert model.cards.get().revalidation_months == months
        return
    with pytest.raises(InvalidError) as refusal:
        factories.model_card(model, cast, executive=cast.eve, **said)
    assert refusal.value.code == "interval_too_long"


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "ada", "bot", "mallory"])
def test_only_owners_and_risk_describe_models(cast, model, name):
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.model_card(model, cast, actor=getattr(cast, name))

    assert refusal.value.code == "may_not_describe_model"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"origin": Origin.VENDOR}, "vendor_unclear"),
        ({"vendor": "Scores Inc."}, "vendor_unclear"),
        ({"revalidation_months": 6}, "revalidation_reason_missing"),
    ],
)
def test_card_that_says_half_is_refused(cast, model, changes, code):
    with pytest.raises(InvalidError) as refusal:
        factories.model_card(model, cast, **changes)

    assert refusal.value.code == code


def test_model_does_not_stand_on_itself_and_no_program_owns_it(cast, model):
    for changes, code in (
        ({"upstream": [model]}, "upstream_strange"),
        ({"owner": cast.bot}, "owner_is_no_person"),
        ({"executive": cast.bot}, "owner_is_no_person"),
    ):
        with pytest.raises(InvalidError) as refusal:
            factories.model_card(model, cast, **changes)
        assert refusal.value.code == code


def test_critical_model_names_its_executive(cast, model):
    factories.tier(model, cast, Tier.CRITICAL)

    with pytest.raises(InvalidError) as refusal:
        factories.model_card(model, cast)

    assert refusal.value.code == "executive_missing"
    assert factories.model_card(model, cast, executive=cast.rita).number == 1


def test_tier_is_signed_with_its_rationale(cast, model):
    signed = factories.tier(model, cast, Tier.HIGH)

    assert (signed.former_tier, signed.tier, signed.printed_name) == (
        Tier.MODERATE,
        Tier.HIGH,
        "Rita Example",
    )
    assert RegisteredModel.objects.get(pk=model.pk).tier == Tier.HIGH
    last = trail([model.subject])[-1]
    assert (last.kind, last.payload["tier"]) == ("registry.tier.assessed", 2)


@pytest.mark.parametrize("missing", ["rationale", "exposure"])
def test_tier_without_a_rationale_is_refused(cast, model, missing):
    with pytest.raises(InvalidError) as refusal:
        factories.tier(model, cast, Tier.LOW, **{missing: " "})

    assert refusal.value.code == "rationale_missing"
    assert RegisteredModel.objects.get(pk=model.pk).tier == Tier.MODERATE
    assert TierAssessment.objects.count() == 1


def test_owner_may_ask_for_more_but_not_for_less(cast, model):
    factories.tier(model, cast, Tier.HIGH, actor=cast.olivia)
    app = factories.second_factor(cast.rita)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.tier(model, cast, Tier.LOW, actor=cast.olivia)

    assert refusal.value.code == "owner_does_not_lower_demands"
    assert trail([model.subject])[-1].kind == "registry.tier.refused"
    factories.tier(model, cast, Tier.LOW, actor=cast.rita, code=app.code())
    assert RegisteredModel.objects.get(pk=model.pk).tier == Tier.LOW


def test_nobody_holds_a_model_to_less_who_makes_versions_of_it(workspace, cast, model):
    factories.grant(cast.rita, Role.DEVELOPER, workspace)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.tier(model, cast, Tier.LOW, actor=cast.rita)

    assert refusal.value.code == "owner_does_not_lower_demands"


@pytest.mark.parametrize("name", ["alice", "olivia"])
def test_nobody_holds_a_model_to_less_that_they_own_or_registered(
    workspace, cast, model, name
):
    party = getattr(cast, name)
    factories.grant(party, Role.RISK, workspace)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.tier(model, cast, Tier.LOW, actor=party)

    assert refusal.value.code == "owner_does_not_lower_demands"
    assert RegisteredModel.objects.get(pk=model.pk).tier == Tier.MODERATE


def test_first_tier_of_a_model_takes_two_factors(workspace, cast):
    unclassified = factories.model(workspace, cast, "bureau", tier=None)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.tier(unclassified, cast, Tier.LOW)

    assert refusal.value.code == "second_factor_not_enrolled"
    code = factories.second_factor(cast.rita).code()
    signed = factories.tier(unclassified, cast, Tier.LOW, code=code)
    assert (signed.former_tier, signed.method) == (None, "password and one-time code")


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("alice", {}, "may_not_assess_tier"),
        ("bob", {}, "may_not_assess_tier"),
        ("ada", {}, "may_not_assess_tier"),
        ("rita", {"password": "guessed"}, "password_wrong"),
        ("rita", {"is_interactive": False}, "signing_needs_a_session"),
    ],
)
def test_tier_is_not_signed_by(cast, model, name, changes, code):
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.tier(model, cast, Tier.HIGH, actor=getattr(cast, name), **changes)

    assert refusal.value.code == code


def test_card_and_tier_over_http(workspace, cast, model, as_token):
    factories.model(workspace, cast, "bureau")
    rita = Client()
    rita.force_login(cast.rita)
    card = {
        "registered_model": "credit",
        "purpose": "Tells who pays back.",
        "owner": "olivia",
        "upstream": ["bureau"],
    }
    assessment = {
        "registered_model": "credit",
        "tier": 2,
        "rationale": "It decides alone.",
        "exposure": "Two million.",
        "password": factories.PASSWORD,
    }

    written = as_token(cast.olivia).post(
        "/api/v1/model-cards/", card, content_type=JSON
    )
    by_token = as_token(cast.rita).post(
        "/api/v1/tier-assessments/", assessment, content_type=JSON
    )
    signed = rita.post("/api/v1/tier-assessments/", assessment, content_type=JSON)

    assert (written.status_code, written.json()["upstream"]) == (201, ["bureau"])
    assert by_token.json()["code"] == "signing_needs_a_session"
    assert (signed.status_code, signed.json()["tier"]) == (201, 2)
    for path in ("model-cards", "tier-assessments"):
        listed = rita.get(f"/api/v1/{path}/?registered_model=credit").json()
        assert listed["count"] == (2 if path == "tier-assessments" else 1)
        assert rita.get(f"/api/v1/{path}/").status_code == 400
        assert rita.get(f"/api/v1/{path}/?registered_model=no").status_code == 404


def test_nobody_holds_a_model_to_less_that_they_owned_before(workspace, cast, model):
    factories.grant(cast.rita, Role.OWNER, workspace)
    factories.model_card(model, cast, owner=cast.rita)
    factories.model_card(
        RegisteredModel.objects.get(pk=model.pk), cast, owner=cast.eve, actor=cast.rita
    )

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.tier(RegisteredModel.objects.get(pk=model.pk), cast, Tier.LOW)

    assert refusal.value.code == "owner_does_not_lower_demands"
