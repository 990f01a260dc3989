"""What another policy means to whoever asked, signed or was approved under the last (R7)."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.errors import ConflictError
from audit.proofs import trail
from registry.models import (
    GateRun,
    Notification,
    NotificationType,
    PolicyPublication,
    PromotionRequest,
    RequestState,
)
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.decisions import Answer, decide
from registry.services.gate_runs import run_gate
from registry.services.governance import is_superseded
from registry.services.promotion import promote
from registry.services.redeeming import take_slot
from tests import factories

pytestmark = pytest.mark.django_db
STRICTER = factories.POLICY.replace("threshold: 0.7", "threshold: 0.72")
OF_TIERS = factories.POLICY.replace("registered_model: credit", "tier: [3, 4]")
AUTOMATIC = factories.POLICY.replace("[validator, owner]", "[]")
REASON = "credit-production v2 governs production now: open another request."


@pytest.fixture
def in_review(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    return factories.evaluated(factories.version(workspace, cast), cast)


def state_of(asked: PromotionRequest) -> str:
    return factories.fresh(asked).state


def at_the_same_moment(workspace, cast, document: str = STRICTER) -> None:
    """Put a policy into force that ends no request, as one that it has not seen."""
    drafted = factories.policy(workspace, cast, document, published=False)
    PolicyPublication.objects.create(
        policy=drafted, published_by=cast.rita, published_at=timezone.now()
    )


def told_of(version) -> tuple[Answer, list[str]]:
    decided = decide(version, environment="production", now=timezone.now())
    return decided.answer, [reason.code for reason in decided.reasons]


# Publishing another policy


def test_another_policy_ends_the_open_requests_that_it_governs(
    workspace, cast, in_review
):
    factories.webhook(
        workspace, cast, event_types=[NotificationType.REQUEST_INVALIDATED]
    )
    factories.approved_as_it_is(in_review, cast)
    others = (
        factories.version(workspace, cast, content=content)
        for content in (b"signed", b"evaluating")
    )
    signed = factories.evaluated(next(others), cast)
    signed = factories.signed(signed, cast.bob, SignerRole.VALIDATOR)
    evaluating = factories.request(next(others), cast)
    states = [RequestState.APPROVED, RequestState.IN_REVIEW, RequestState.EVALUATING]
    asked = [in_review, signed, evaluating]
    assert [state_of(each) for each in asked] == states

    factories.policy(workspace, cast, STRICTER)

    for each, state in zip(asked, states, strict=True):
        ended = factories.fresh(each)
        assert ended.state == RequestState.INVALIDATED
        closing = ended.closing
        assert (closing.reason, closing.closed_by, closing.method) == (
            *(REASON, cast.rita),
            "",
        )
        last = trail([ended.subject])[-1]
        assert (last.kind, last.payload["from"], last.payload["cause"]) == (
            "registry.request.invalidated",
            state,
            "policy/default/credit/credit-production/2",
        )
    told = [json.loads(each.document) for each in Notification.objects.order_by("pk")]
    assert [each["data"]["request"] for each in told] == [each.pk for each in asked]


def test_blocked_request_ends_with_its_policy(workspace, cast):
    blocked = factories.blocked(workspace, cast)

    factories.policy(workspace, cast, STRICTER)

    assert state_of(blocked) == RequestState.INVALIDATED


def test_version_is_asked_for_anew_under_the_policy_that_followed(
    workspace, cast, in_review
):
    newest = factories.policy(workspace, cast, STRICTER)

    again = factories.approved(in_review.model_version, cast)

    assert again.policy == newest
    promote(again, actor=cast.rex)
    assert state_of(again) == RequestState.PROMOTED


def test_what_serves_goes_on_serving_under_another_policy(workspace, cast):
    factories.policy(workspace, cast)
    champion = factories.champion(workspace, cast)

    factories.policy(workspace, cast, STRICTER)

    assert champion.promotion_requests.get().state == RequestState.PROMOTED
    assert told_of(champion)[0] == Answer.ALLOW


@pytest.mark.parametrize(
    "document",
    [
        STRICTER.replace("environment: production", "environment: staging"),
        STRICTER.replace("registered_model: credit", "registered_model: fraud"),
        # A model's own policy goes before that of its tier.
        OF_TIERS,
    ],
)
def test_policy_that_does_not_govern_a_request_leaves_it_alone(
    workspace, cast, in_review, document
):
    factories.model(workspace, cast, "fraud")

    factories.policy(workspace, cast, document)

    assert state_of(in_review) == RequestState.IN_REVIEW
    factories.approved_as_it_is(in_review, cast)


@pytest.mark.parametrize(
    ("document", "state"),
    [
        (STRICTER, RequestState.INVALIDATED),
        (OF_TIERS, RequestState.INVALIDATED),
        (OF_TIERS.replace("tier: [3, 4]", "tier: [4]"), RequestState.IN_REVIEW),
    ],
)
def test_policy_of_a_tier_is_followed_by_another_of_it_or_of_the_model(
    workspace, cast, document, state
):
    factories.policy(workspace, cast, OF_TIERS)
    asked = factories.evaluated(factories.version(workspace, cast), cast)

    factories.policy(workspace, cast, document)

    assert state_of(asked) == state


def test_request_that_is_due_expires_when_another_policy_is_published(
    workspace, cast, in_review
):
    ends = in_review.expires_at
    assert ends is not None
    with time_machine.travel(ends, tick=False):
        factories.policy(workspace, cast, STRICTER)

    assert state_of(in_review) == RequestState.EXPIRED


# A request that is opened at the same moment


def test_nobody_signs_under_a_policy_that_another_has_followed(
    workspace, cast, in_review
):
    at_the_same_moment(workspace, cast)

    with pytest.raises(ConflictError) as refusal:
        factories.signed(in_review, cast.bob, SignerRole.VALIDATOR)

    assert refusal.value.code == "policy_superseded"
    assert told_of(in_review.model_version) == (Answer.DENY, ["policy_superseded"])


def test_nothing_is_promoted_under_a_policy_that_another_has_followed(
    workspace, cast, in_review
):
    approved = factories.approved_as_it_is(in_review, cast)
    at_the_same_moment(workspace, cast)

    with pytest.raises(ConflictError) as refusal:
        promote(approved, actor=cast.rex)

    assert refusal.value.code == "policy_superseded"
    assert told_of(approved.model_version) == (Answer.DENY, ["policy_superseded"])


def test_nothing_is_approved_by_itself_under_a_policy_that_another_has_followed(
    workspace, cast
):
    factories.model(workspace, cast, tier=4)
    factories.policy(workspace, cast, AUTOMATIC)
    asked = factories.request(factories.version(workspace, cast), cast)
    at_the_same_moment(workspace, cast, AUTOMATIC)

    for run in GateRun.objects.of_attempt(asked):
        run_gate(run.pk)

    assert state_of(asked) == RequestState.IN_REVIEW


def test_policy_that_is_published_later_supersedes_nothing_yet(
    workspace, cast, in_review
):
    drafted = factories.policy(workspace, cast, STRICTER, published=False)
    later = timezone.now() + timedelta(hours=1)
    PolicyPublication.objects.create(
        policy=drafted, published_by=cast.rita, published_at=later
    )

    assert not is_superseded(in_review, timezone.now())
    assert is_superseded(in_review, later)


def test_stage_of_a_request_under_such_a_policy_is_refused_by_that_reason(
    workspace, cast, in_review
):
    at_the_same_moment(workspace, cast)

    with pytest.raises(ConflictError) as refusal:
        take_slot(in_review.model_version, environment="production", actor=cast.rex)

    assert refusal.value.code == "policy_superseded"


def test_nothing_is_said_to_lack_where_a_request_is_approved_without_a_signature(
    workspace, cast
):
    factories.model(workspace, cast, tier=Tier.LOW)
    factories.policy(workspace, cast, AUTOMATIC)
    asked = factories.request(factories.version(workspace, cast), cast)
    at_the_same_moment(workspace, cast, AUTOMATIC)
    for pk in GateRun.objects.of_attempt(asked).values_list("pk", flat=True):
        run_gate(pk)

    with pytest.raises(ConflictError) as refusal:
        take_slot(asked.model_version, environment="production", actor=cast.rex)

    assert state_of(asked) == RequestState.IN_REVIEW
    assert refusal.value.code == "policy_superseded"
