"""The way into production, from the request to the slot."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.proofs import trail
from audit.sequencer import sequence_pending
from registry.models import (
    GateRun,
    ModelVersion,
    Policy,
    Promotion,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    Slot,
)
from registry.models.promotion_request import MOVES
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.promotion import evaluate_again, promote, request_promotion
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking.models import Run

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]


def kinds(subject: str) -> list[str]:
    return [event.kind for event in trail([subject])]


def test_version_that_passes_and_is_signed_by_two_people_becomes_champion(
    workspace, cast
):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)

    request = factories.approved(version, cast)
    promote(request, actor=cast.rex)

    assert Slot.objects.get().champion == version
    assert kinds(request.subject) == [
        "registry.request.opened",
        "registry.evaluation.started",
        "registry.verdict.given",
        "registry.verdict.given",
        "registry.evaluation.concluded",
        "registry.evidence.opened",
        "registry.sign_off.given",
        "registry.evidence.opened",
        "registry.sign_off.given",
        "registry.request.approved",
        "registry.version.promoted",
    ]


def test_better_version_replaces_the_champion_and_history_names_both(workspace, cast):
    factories.policy(workspace, cast)
    first = factories.champion(workspace, cast)
    second = factories.version(
        workspace, cast, content=b"model 2", scores=factories.predictions(strength=2.5)
    )

    promotion = promote(factories.approved(second, cast), actor=cast.rex)

    assert Slot.objects.get().champion == second
    assert promotion.superseded == first
    assert Promotion.objects.count() == 2


def test_worse_version_is_blocked_by_the_comparison_and_cannot_be_promoted(
    workspace, cast
):
    factories.policy(workspace, cast)
    champion = factories.champion(
        workspace, cast, scores=factories.predictions(strength=2.5)
    )
    worse = factories.version(
        workspace,
        cast,
        content=b"model 2",
        scores=factories.predictions(strength=0.8, seed=3),
    )

    request = factories.evaluated(worse, cast)

    outcomes = dict(
        GateRun.objects.of_attempt(request).values_list("gate", "verdict__outcome")
    )
    assert outcomes == {"auc": "pass", "regression": "fail"}
    assert request.state == RequestState.BLOCKED
    with pytest.raises(ConflictError) as refusal:
        promote(request, actor=cast.rex)
    assert refusal.value.code == "request_not_approved"
    assert Slot.objects.get().champion == champion
    assert kinds(request.subject)[-1] == "registry.promotion.refused"


def test_submission_freezes_the_source_run_for_good(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    factories.request(version, cast)

    run = Run.objects.get(pk=version.linked_run.pk)
    assert run.is_frozen
    with pytest.raises(ConflictError) as refusal:
        factories.upload(run, "late.txt", b"late", cast.alice)
    assert refusal.value.code == "run_frozen"


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        pytest.param({"published": False}, "no_policy", id="policy is a draft"),
        pytest.param({"has_ended": False}, "source_run_not_ended", id="run goes on"),
    ],
)
def test_request_that_is_not_ready_is_refused_and_the_refusal_is_logged(
    workspace, cast, prepare, code
):
    factories.policy(workspace, cast, published=prepare.get("published", True))
    version = factories.version(
        workspace, cast, has_ended=prepare.get("has_ended", True)
    )

    with pytest.raises(ConflictError) as refusal:
        factories.request(version, cast)

    assert refusal.value.code == code
    assert not PromotionRequest.objects.exists()
    assert not Run.objects.get(pk=version.linked_run.pk).is_frozen
    last = trail([version.subject])[-1]
    assert (last.kind, last.payload) == (
        "registry.request.refused",
        {"code": code, "environment": "production"},
    )


def test_second_open_request_for_one_version_and_environment_is_refused(
    workspace, cast
):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    factories.request(version, cast)

    with pytest.raises(ConflictError) as refusal:
        factories.request(version, cast)

    assert refusal.value.code == "request_open"
    assert PromotionRequest.objects.count() == 1


@pytest.mark.parametrize("name", ["bob", "carol", "rex", "rita", "ada", "mallory"])
def test_only_developers_owners_and_bots_ask_for_promotions(workspace, cast, name):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)

    with pytest.raises(PermissionDeniedError) as refusal:
        request_promotion(version, environment="production", actor=getattr(cast, name))

    assert refusal.value.code == "may_not_request_promotion"


@pytest.mark.parametrize("name", ["alice", "olivia", "bob", "carol", "rita", "ada"])
def test_only_release_engineers_and_bots_promote(workspace, cast, name):
    factories.policy(workspace, cast)
    request = factories.approved(factories.version(workspace, cast), cast)

    with pytest.raises(PermissionDeniedError) as refusal:
        promote(request, actor=getattr(cast, name))

    assert refusal.value.code == "may_not_promote"
    assert not Promotion.objects.exists()


def test_approval_that_expired_cannot_be_redeemed(workspace, cast):
    factories.policy(workspace, cast)
    request = factories.approved(factories.version(workspace, cast), cast)
    sequence_pending()

    with (
        time_machine.travel(timezone.now() + timedelta(days=31), tick=False),
        pytest.raises(ConflictError) as refusal,
    ):
        promote(request, actor=cast.rex)

    assert refusal.value.code == "approval_expired"


def test_approval_against_a_former_champion_cannot_be_redeemed(workspace, cast):
    factories.policy(workspace, cast)
    one = factories.approved(factories.version(workspace, cast), cast)
    two = factories.approved(
        factories.version(workspace, cast, content=b"model 2"), cast
    )
    promote(one, actor=cast.rex)

    with pytest.raises(ConflictError) as refusal:
        promote(two, actor=cast.rex)

    assert refusal.value.code == "champion_changed"


def test_new_attempt_keeps_the_old_one_and_voids_its_signatures(workspace, cast):
    factories.policy(workspace, cast)
    request = factories.evaluated(factories.version(workspace, cast), cast)
    request = factories.signed(request, cast.bob, SignerRole.VALIDATOR)

    evaluate_again(request, actor=cast.alice)

    request = factories.fresh(request)
    assert (request.state, request.attempt) == (RequestState.EVALUATING, 2)
    assert request.subject_digest == ""
    assert request.gate_runs.count() == 4
    assert request.snapshots.count() == 2


def test_promoted_version_cannot_be_promoted_again(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.champion(workspace, cast)

    with pytest.raises(ConflictError) as refusal:
        factories.request(version, cast)

    assert refusal.value.code == "version_is_champion"


@pytest.mark.parametrize("state", RequestState.values)
@pytest.mark.parametrize("to", RequestState.values)
def test_request_moves_only_where_the_table_leads(workspace, cast, state, to):
    factories.policy(workspace, cast)
    request = factories.request(factories.version(workspace, cast), cast)
    # What the database itself keeps is tried in test_database_guards.py.
    with triggers_switched_off("registry_promotionrequest"):
        PromotionRequest.objects.filter(pk=request.pk).update(state=state)
        moved = PromotionRequest.objects.move(request.pk, to=RequestState(to))

    assert moved is (RequestState(to) in MOVES[RequestState(state)])


def test_request_pins_the_policy_of_the_tier_that_the_model_has_now(workspace, cast):
    def policy_of(tier: Tier) -> Policy:
        document = factories.POLICY.replace(
            "registered_model: credit", f"tier: [{tier}]"
        ).replace("credit-production", f"of-tier-{tier}")
        return factories.policy(workspace, cast, document)

    policy_of(Tier.MODERATE)
    strict = policy_of(Tier.HIGH)
    # As a view fetches it, before somebody else classifies the model.
    version = ModelVersion.objects.with_lineage().get(
        pk=factories.version(workspace, cast).pk
    )
    assert version.registered_model.tier == Tier.MODERATE
    factories.tier(RegisteredModel.objects.get(), cast, Tier.HIGH)

    request = factories.request(version, cast)

    assert request.policy == strict


def test_nothing_is_signed_whose_gates_never_passed_whatever_its_state(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    PromotionRequest.objects.move(blocked.pk, to=RequestState.IN_REVIEW)

    with pytest.raises(ConflictError) as refused:
        factories.signed(factories.fresh(blocked), cast.bob, SignerRole.VALIDATOR)

    assert refused.value.code == "evidence_missing"
