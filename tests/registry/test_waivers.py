"""A waiver lets one open gate through: asked for, approved by others, and ending."""

import pytest
import time_machine
from django.utils import timezone
from onnx import TensorProto, helper

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.proofs import trail
from audit.sequencer import sequence_pending
from registry.models import (
    GateRun,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    Verdict,
    Waiver,
    WaiverApproval,
    WaiverScope,
)
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.assessment import assess
from registry.services.closings import withdraw_request
from registry.services.gate_runs import run_gate
from registry.services.promotion import evaluate_again, promote, request_promotion
from registry.services.sign_offs import missing_roles
from registry.services.timers import end_what_is_over
from registry.services.waivers import approve_waiver, withdraw_waiver
from registry.signing import valid_sign_offs
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking.permissions import Role

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]


@pytest.fixture
def blocked(workspace, cast) -> PromotionRequest:
    return factories.blocked(workspace, cast)


CRITICAL = """
name: credit-production
environment: production
registered_model: credit
evidence: {model_inputs: evaluation/inputs.parquet}
gates:
  - gate: latency
    waivable: true
    threshold_ms: 0.000001
    percentile: 50
    requests: 1000
    requests_per_second: 2000.0
sign_offs: [validator, risk, owner]
approval_days: 14
"""


def blocked_by_latency(workspace, cast) -> PromotionRequest:
    """Return a request of a critical model that is slower than no time at all."""
    factories.model(workspace, cast, tier=1)
    factories.policy(workspace, cast, CRITICAL)
    inputs = {"evaluation/inputs.parquet": factories.parquet({"x": [0.5, 1.5]})}
    version = factories.version(workspace, cast, content=doubling(), more_files=inputs)
    return factories.evaluated(version, cast)


def doubling() -> bytes:
    """Return an ONNX model of one operator."""
    shape = [None, 1]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def kinds(asked: PromotionRequest) -> list[str]:
    return [entry.kind for entry in trail([asked.subject])]


def test_waived_gate_is_reviewed_signed_and_promoted_and_keeps_its_verdict(
    blocked, cast
):
    waiver = factories.waived(blocked, cast)

    reviewed = factories.fresh(blocked)
    assert reviewed.state == RequestState.IN_REVIEW
    assert reviewed.rests_until == waiver.expires_at
    assert reviewed.subject_digest != blocked.subject_digest
    assert kinds(blocked)[-3:] == [
        "registry.waiver.requested",
        "registry.waiver.approved",
        "registry.request.reconsidered",
    ]
    assert Verdict.objects.get(gate_run__gate="auc").outcome == "fail"
    signed = factories.signed(reviewed, cast.bob, SignerRole.VALIDATOR)
    signed = factories.signed(signed, cast.olivia, SignerRole.OWNER)
    promote(signed, actor=cast.rex)
    assert factories.fresh(blocked).state == RequestState.PROMOTED


def test_waiver_that_nobody_has_approved_waives_nothing(blocked, cast):
    factories.waiver(blocked, cast)

    assert factories.fresh(blocked).state == RequestState.BLOCKED


def test_texts_of_a_waiver_stand_in_the_log_only_as_commitments(blocked, cast):
    factories.waiver(blocked, cast, reason="Secret remark")

    assert "Secret remark" not in str(trail([blocked.subject])[-1].payload)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"gate": "regression"}, "gate_not_open"),
        ({"gate": "latency"}, "gate_unknown"),
        ({"days": 91}, "waiver_too_long"),
        ({"days": 0}, "waiver_too_long"),
        ({"reason": " "}, "reason_missing"),
        ({"compensating_control": ""}, "compensating_control_missing"),
        ({"residual_risk": ""}, "residual_risk_missing"),
    ],
)
def test_waiver_that_says_too_little_or_too_much_is_refused(
    blocked, cast, changes, code
):
    with pytest.raises((InvalidError, ConflictError)) as refusal:
        factories.waiver(blocked, cast, **changes)

    assert refusal.value.code == code
    assert not Waiver.objects.exists()


def test_gate_that_the_policy_does_not_call_waivable_is_not_waived(workspace, cast):
    factories.policy(workspace, cast)
    weak = factories.version(
        workspace, cast, scores=factories.predictions(strength=0.05)
    )
    blocked = factories.evaluated(weak, cast)

    with pytest.raises(ConflictError) as refusal:
        factories.waiver(blocked, cast)

    assert refusal.value.code == "gate_not_waivable"
    assert kinds(blocked)[-1] == "registry.waiver.refused"


def test_tier_that_rose_since_forbids_what_the_policy_allowed(blocked, cast):
    with triggers_switched_off("registry_registeredmodel"):
        RegisteredModel.objects.update(tier=1)

    with pytest.raises(ConflictError) as refusal:
        factories.waiver(blocked, cast)

    assert refusal.value.code == "gate_not_waivable"


@pytest.mark.parametrize("name", ["bob", "rita", "rex", "carol", "ada", "mallory"])
def test_only_developers_and_owners_ask_for_waivers(blocked, cast, name):
    with pytest.raises(PermissionDeniedError) as refusal:
        factories.waiver(blocked, cast, actor=getattr(cast, name))

    assert refusal.value.code == "may_not_request_waiver"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("alice", "asker_does_not_approve"),
        ("olivia", "may_not_approve_waiver"),
        ("rex", "may_not_approve_waiver"),
        ("ada", "may_not_approve_waiver"),
        ("bot", "may_not_approve_waiver"),
        ("mallory", "may_not_approve_waiver"),
    ],
)
def test_only_independent_reviewers_approve_waivers(blocked, cast, name, code):
    waiver = factories.waiver(blocked, cast)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.waiver_approved(waiver, getattr(cast, name))

    assert refusal.value.code == code
    assert not WaiverApproval.objects.exists()


def test_asker_who_is_risk_as_well_does_not_approve(blocked, cast, workspace):
    factories.grant(cast.olivia, Role.RISK, workspace)
    waiver = factories.waiver(blocked, cast, actor=cast.olivia)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.waiver_approved(waiver, cast.olivia)

    assert refusal.value.code == "asker_does_not_approve"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "guessed"}, "password_wrong"),
        ({"is_interactive": False}, "signing_needs_a_session"),
    ],
)
def test_approval_of_a_waiver_needs_a_person_who_enters_the_password_again(
    blocked, cast, changes, code
):
    waiver = factories.waiver(blocked, cast)
    arguments = {"reason": "r", "password": factories.PASSWORD, "is_interactive": True}

    with pytest.raises(PermissionDeniedError) as refusal:
        approve_waiver(waiver, **(arguments | changes), actor=cast.rita)

    assert refusal.value.code == code


def test_waiver_of_tier_one_needs_two_people_and_lives_thirty_days(workspace, cast):
    blocked = blocked_by_latency(workspace, cast)

    with pytest.raises(InvalidError) as refusal:
        factories.waiver(blocked, cast, gate="latency", days=31)
    assert refusal.value.code == "waiver_too_long"
    waiver = factories.waiver(blocked, cast, gate="latency", days=30)
    ritas, bobs = factories.second_factor(cast.rita), factories.second_factor(cast.bob)
    factories.waiver_approved(waiver, cast.rita, code=ritas.code(steps=-1))
    assert factories.fresh(blocked).state == RequestState.BLOCKED
    with pytest.raises(ConflictError) as twice:
        factories.waiver_approved(waiver, cast.rita, code=ritas.code())
    assert twice.value.code == "approver_counts_once"

    factories.waiver_approved(waiver, cast.bob, code=bobs.code())

    reviewed = factories.fresh(blocked)
    assert reviewed.state == RequestState.IN_REVIEW
    assert missing_roles(reviewed) == ["validator", "risk", "owner"]


def test_expired_waiver_blocks_again_and_voids_signatures_before_any_timer(
    blocked, cast
):
    waiver = factories.waived(blocked, cast, days=10)
    approved = factories.approved_as_it_is(blocked, cast)
    assert approved.state == RequestState.APPROVED
    sequence_pending()

    with time_machine.travel(waiver.expires_at, tick=False):
        with pytest.raises(ConflictError) as refusal:
            promote(approved, actor=cast.rex)
        assert refusal.value.code == "waiver_or_attestation_ended"

        assert end_what_is_over() == 1
        again = factories.fresh(blocked)
        assert (again.state, again.approved_at) == (RequestState.BLOCKED, None)
        assert not valid_sign_offs(again).exists()
        assert missing_roles(again) == ["validator", "owner"]
        assert trail([blocked.subject])[-1].payload == {
            "attempt": 1,
            "cause": "time",
            "from": "approved",
            "state": "blocked",
            "open_gates": ["auc"],
            "waivers": [],
            "missing_attestations": [],
            "subject_digest": again.subject_digest,
        }
        assert end_what_is_over() == 0


def test_waiver_that_expires_during_review_refuses_the_next_signature(blocked, cast):
    waiver = factories.waived(blocked, cast, days=10)
    reviewed = factories.fresh(blocked)
    factories.signed(reviewed, cast.bob, SignerRole.VALIDATOR)
    sequence_pending()

    with (
        time_machine.travel(waiver.expires_at, tick=False),
        pytest.raises(ConflictError) as refusal,
    ):
        factories.signed(reviewed, cast.olivia, SignerRole.OWNER)

    assert refusal.value.code == "waiver_or_attestation_ended"
    assert factories.fresh(blocked).state == RequestState.IN_REVIEW
    assert factories.fresh(blocked).sign_offs.count() == 1


def test_withdrawn_waiver_blocks_at_once(blocked, cast):
    waiver = factories.waived(blocked, cast)

    withdraw_waiver(waiver, reason="The control is gone.", actor=cast.rita)

    assert factories.fresh(blocked).state == RequestState.BLOCKED
    with pytest.raises(ConflictError) as refusal:
        factories.waiver_approved(waiver, cast.bob)
    assert refusal.value.code == "waiver_not_asked_for"


@pytest.mark.parametrize("name", ["rex", "carol", "ada", "mallory"])
def test_strangers_do_not_withdraw_waivers(blocked, cast, name):
    waiver = factories.waived(blocked, cast)

    with pytest.raises(PermissionDeniedError) as refusal:
        withdraw_waiver(waiver, reason="No.", actor=getattr(cast, name))

    assert refusal.value.code == "may_not_withdraw_waiver"


def test_waiver_is_renewed_once_and_not_twice(blocked, cast):
    first = factories.waived(blocked, cast, days=1)
    sequence_pending()

    with time_machine.travel(first.expires_at, tick=False):
        end_what_is_over()
        second = factories.waived(blocked, cast, days=1)
        assert second.renews_id == first.pk
        sequence_pending()
    with time_machine.travel(second.expires_at, tick=False):
        end_what_is_over()
        with pytest.raises(ConflictError) as refusal:
            factories.waiver(blocked, cast)
    assert refusal.value.code == "waiver_renewed_already"


def test_waiver_that_was_withdrawn_early_counts_among_its_renewals(blocked, cast):
    first, second = (
        factories.withdrawn_waiver(factories.waived(blocked, cast), cast)
        for _ in range(2)
    )

    with pytest.raises(ConflictError) as refusal:
        factories.waiver(blocked, cast)

    assert refusal.value.code == "waiver_renewed_already"
    assert (first.renews, second.renews) == (None, first)


def test_waiver_that_nobody_granted_counts_nothing_among_its_renewals(blocked, cast):
    for _ in range(3):
        factories.withdrawn_waiver(factories.waiver(blocked, cast), cast)

    assert factories.waived(blocked, cast).renews is None


def test_waivers_asked_for_at_once_are_not_all_granted(blocked, cast):
    asked = [factories.waiver(blocked, cast) for _ in range(3)]
    for waiver in asked[:2]:
        factories.waiver_approved(waiver, cast.rita)
        factories.withdrawn_waiver(waiver, cast)

    with pytest.raises(ConflictError) as refusal:
        factories.waiver_approved(asked[2], cast.rita)

    assert refusal.value.code == "waiver_renewed_already"


def test_waiver_of_a_version_covers_its_next_request_and_one_of_a_request_does_not(
    blocked, cast
):
    waiver = factories.waived(blocked, cast, scope=WaiverScope.VERSION)

    again = factories.evaluated_again(blocked, cast)
    assert again.state == RequestState.IN_REVIEW
    withdraw_waiver(waiver, reason="Enough.", actor=cast.alice)
    factories.waived(blocked, cast, scope=WaiverScope.REQUEST)
    factories.withdrawn(blocked, cast)

    other = factories.evaluated(blocked.model_version, cast)

    assert other.state == RequestState.BLOCKED


@pytest.mark.parametrize(
    ("tier", "state"),
    [(Tier.MODERATE, RequestState.IN_REVIEW), (Tier.LOW, RequestState.BLOCKED)],
)
def test_waiver_of_a_version_covers_no_request_of_another_tier(
    blocked, cast, tier, state
):
    factories.waived(blocked, cast, scope=WaiverScope.VERSION)
    factories.withdrawn(blocked, cast)
    factories.tier(blocked.model_version.registered_model, cast, tier)

    assert factories.evaluated(blocked.model_version, cast).state == state


def test_waiver_of_a_version_counts_nothing_under_a_policy_that_forbids_it(
    blocked, cast, workspace
):
    factories.waived(blocked, cast, scope=WaiverScope.VERSION)
    factories.withdrawn(blocked, cast)
    factories.policy(workspace, cast)

    other = factories.evaluated(blocked.model_version, cast)

    assert other.state == RequestState.BLOCKED
    assert trail([other.subject])[-1].payload["waivers"] == []


def test_failed_version_is_evaluated_again_only_as_often_as_the_policy_says(
    workspace, cast
):
    blocked = factories.blocked(
        workspace, cast, document=factories.WAIVABLE + "attempts_after_fail: 1\n"
    )
    blocked = factories.evaluated_again(blocked, cast)
    assert blocked.attempt == 2

    with pytest.raises(ConflictError) as refusal:
        evaluate_again(blocked, actor=cast.alice)
    assert refusal.value.code == "attempts_exhausted"

    factories.withdrawn(blocked, cast)
    with pytest.raises(ConflictError) as refusal:
        factories.request(blocked.model_version, cast)
    assert refusal.value.code == "attempts_exhausted"


def test_who_approved_a_waiver_submits_nothing_on_it(workspace, cast, blocked):
    factories.grant(cast.olivia, Role.RISK, workspace)
    asked = factories.waiver(blocked, cast, scope=WaiverScope.VERSION)
    factories.waiver_approved(asked, cast.olivia)
    version = factories.withdrawn(factories.fresh(blocked), cast).model_version

    hers = request_promotion(version, environment="production", actor=cast.olivia)
    for pk in GateRun.objects.of_attempt(hers).values_list("pk", flat=True):
        run_gate(pk)
    assert factories.fresh(hers).state == RequestState.BLOCKED

    withdraw_request(factories.fresh(hers), reason="It is mine.", actor=cast.olivia)
    assert factories.evaluated(version, cast).state == RequestState.IN_REVIEW


# What a waiver covers


def stands_in_the_way(asked: PromotionRequest) -> list[str]:
    return list(assess(factories.fresh(asked), timezone.now()).open_gates)


def test_waiver_names_what_it_lets_through(blocked, cast):
    waiver = factories.waiver(blocked, cast)

    verdict = Verdict.objects.get(gate_run__gate="auc")
    assert waiver.verdict == verdict
    asked = trail([blocked.subject])[-1]
    said = {key: asked.payload[key] for key in ("verdict", "outcome", "evidence")}
    assert said == {
        "verdict": verdict.digest,
        "outcome": "fail",
        "evidence": blocked.snapshots.get().digest,
    }


def test_waiver_covers_the_next_attempt_on_the_same_evidence(blocked, cast):
    factories.waived(blocked, cast)

    assert factories.evaluated_again(blocked, cast).state == RequestState.IN_REVIEW


@pytest.mark.parametrize(
    ("scope", "open_gates"),
    [
        (WaiverScope.REQUEST, ["auc", "regression"]),
        (WaiverScope.VERSION, ["regression"]),
    ],
)
def test_waiver_of_a_request_covers_no_attempt_on_other_evidence(
    workspace, cast, blocked, scope, open_gates
):
    factories.waived(blocked, cast, scope=scope)
    factories.champion(workspace, cast, content=b"to compare with")

    again = factories.evaluated_again(blocked, cast)

    assert (again.state, stands_in_the_way(again)) == (RequestState.BLOCKED, open_gates)
    factories.waived(again, cast)
    assert stands_in_the_way(again) == ["regression"]


TOO_FEW = factories.WAIVABLE.replace("0.7, min_rows: 500", "0.7, min_rows: 5000")
HARDER = factories.WAIVABLE.replace("threshold: 0.7", "threshold: 0.99")


@pytest.mark.parametrize(
    ("seen", "now", "state"),
    [
        (TOO_FEW, factories.WAIVABLE, RequestState.BLOCKED),
        (TOO_FEW, TOO_FEW, RequestState.IN_REVIEW),
        (factories.WAIVABLE, factories.WAIVABLE, RequestState.IN_REVIEW),
        (factories.WAIVABLE, TOO_FEW, RequestState.BLOCKED),
        (factories.WAIVABLE, HARDER, RequestState.BLOCKED),
    ],
)
def test_waiver_of_a_version_covers_nothing_worse_and_no_other_demand(
    workspace, cast, seen, now, state
):
    asked = factories.blocked(workspace, cast, seen)
    factories.waived(asked, cast, scope=WaiverScope.VERSION)
    factories.policy(workspace, cast, now)

    assert factories.evaluated(asked.model_version, cast).state == state


def test_waiver_of_a_version_covers_no_comparison_with_another_champion(
    workspace, cast, blocked
):
    factories.champion(workspace, cast, content=b"to compare with")
    again = factories.evaluated_again(blocked, cast)
    for gate in ("auc", "regression"):
        factories.waived(again, cast, gate=gate, scope=WaiverScope.VERSION)
    assert stands_in_the_way(again) == []

    factories.champion(
        workspace,
        cast,
        content=b"to compare with instead",
        scores=factories.predictions(strength=3),
    )

    assert stands_in_the_way(factories.evaluated_again(again, cast)) == ["regression"]


def test_nobody_approves_what_was_asked_for_on_other_evidence(workspace, cast, blocked):
    asked = factories.waiver(blocked, cast)
    factories.champion(workspace, cast, content=b"to compare with")
    again = factories.evaluated_again(blocked, cast)

    with pytest.raises(ConflictError) as refusal:
        factories.waiver_approved(asked, cast.rita)

    assert refusal.value.code == "waiver_of_other_result"
    assert factories.waived(again, cast).approvals.count() == 1
