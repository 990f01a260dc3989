"""Requests end without a promotion: by whom, why, and never twice."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.proofs import trail
from audit.sequencer import sequence_pending
from registry.models import Closing, PromotionRequest, RequestState
from registry.models.promotion_request import OPEN_STATES
from registry.models.sign_off import SignerRole
from registry.services.closings import (
    invalidate_request,
    reject_request,
    withdraw_request,
)
from registry.services.evidence_views import open_evidence
from registry.services.promotion import promote
from registry.services.timers import end_what_is_over
from tests import factories
from tests.audit.happenings import triggers_switched_off

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]


@pytest.fixture
def in_review(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    return factories.evaluated(factories.version(workspace, cast), cast)


def reject(asked, actor, role=SignerRole.VALIDATOR, **changes):
    open_evidence(asked, actor=actor)
    arguments = {
        "role": role,
        "reason": "The test set is a year old.",
        "password": factories.PASSWORD,
        "seen_digest": asked.subject_digest,
        "is_interactive": True,
        "actor": actor,
    } | changes
    return reject_request(asked, **arguments)


def test_reviewer_rejects_with_a_signed_reason_and_that_is_final(in_review, cast):
    closing = reject(in_review, cast.bob)

    assert factories.fresh(in_review).state == RequestState.REJECTED
    assert (closing.role, closing.printed_name, closing.method, closing.reason) == (
        "validator",
        "Bob Example",
        "password re-entered",
        "The test set is a year old.",
    )
    last = trail([in_review.subject])[-1]
    assert (last.kind, last.actor) == (
        "registry.request.rejected",
        f"user/{cast.bob.pk}",
    )
    assert "year old" not in str(last.payload)
    with pytest.raises(ConflictError) as refusal:
        factories.signed(in_review, cast.olivia, SignerRole.OWNER)
    assert refusal.value.code == "request_not_in_review"


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("alice", {}, "segregation_of_duties"),
        ("rex", {}, "may_not_sign"),
        ("ada", {}, "may_not_sign"),
        ("bot", {}, "may_not_sign"),
        ("bob", {"password": "guessed"}, "password_wrong"),
        ("bob", {"is_interactive": False}, "signing_needs_a_session"),
        ("bob", {"seen_digest": "sha256:old"}, "evidence_not_seen"),
        ("rita", {"role": SignerRole.RISK}, "role_not_wanted"),
    ],
)
def test_rejection_is_refused_as_a_signature_would_be(
    in_review, cast, name, changes, code
):
    with pytest.raises((ConflictError, PermissionDeniedError)) as refusal:
        reject(in_review, getattr(cast, name), **changes)

    assert refusal.value.code == code
    last = trail([in_review.subject])[-1]
    assert (last.kind, last.payload) == (
        "registry.closing.refused",
        {"state": "rejected", "code": code},
    )
    assert not Closing.objects.exists()


def test_submitter_withdraws_and_may_ask_again(in_review, cast):
    withdraw_request(in_review, reason="Wrong version.", actor=cast.alice)

    assert factories.fresh(in_review).state == RequestState.WITHDRAWN
    again = factories.request(in_review.model_version, cast)
    assert again.pk != in_review.pk
    with pytest.raises(ConflictError) as refusal:
        withdraw_request(in_review, reason="Again.", actor=cast.alice)
    assert refusal.value.code == "request_not_open"


@pytest.mark.parametrize("name", ["bob", "rita", "rex", "carol", "ada", "mallory"])
def test_nobody_else_withdraws(in_review, cast, name):
    with pytest.raises(PermissionDeniedError) as refusal:
        withdraw_request(in_review, reason="No.", actor=getattr(cast, name))

    assert refusal.value.code == "may_not_withdraw"


def test_end_without_a_reason_is_refused(in_review, cast):
    with pytest.raises(InvalidError) as refusal:
        withdraw_request(in_review, reason=" ", actor=cast.alice)

    assert refusal.value.code == "reason_missing"


def test_revoked_evidence_invalidates_an_approval(workspace, cast):
    factories.policy(workspace, cast)
    approved = factories.approved(factories.version(workspace, cast), cast)

    invalidate_request(
        approved,
        reason="The labels were swapped.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=cast.rita,
    )

    with pytest.raises(ConflictError) as refusal:
        promote(approved, actor=cast.rex)
    assert refusal.value.code == "request_not_approved"
    assert factories.fresh(approved).state == RequestState.INVALIDATED
    [told] = trail([approved.subject], kinds=["registry.request.invalidated"])
    assert told.payload["cause"] is None


def test_approval_that_ran_out_is_expired_by_the_timer_and_frees_the_version(
    workspace, cast
):
    factories.policy(workspace, cast)
    approved = factories.approved(factories.version(workspace, cast), cast)
    assert end_what_is_over() == 0
    sequence_pending()

    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        assert end_what_is_over() == 1
        assert end_what_is_over() == 0
        assert factories.fresh(approved).state == RequestState.EXPIRED
        assert trail([approved.subject])[-1].kind == "registry.request.expired"
        factories.request(approved.model_version, cast)


def test_request_that_ran_out_is_refused_before_any_timer_and_blocks_no_new_one(
    in_review, cast
):
    sequence_pending()
    with time_machine.travel(timezone.now() + timedelta(days=91), tick=False):
        with pytest.raises(ConflictError) as refusal:
            factories.signed(in_review, cast.bob, SignerRole.VALIDATOR)
        assert refusal.value.code == "request_expired"

        factories.request(in_review.model_version, cast)

    assert factories.fresh(in_review).state == RequestState.EXPIRED


@pytest.mark.parametrize("state", sorted(RequestState.values))
def test_only_open_requests_can_be_withdrawn(in_review, cast, state):
    with triggers_switched_off("registry_promotionrequest"):
        PromotionRequest.objects.filter(pk=in_review.pk).update(state=state)

    if state in OPEN_STATES:
        withdraw_request(in_review, reason="Enough.", actor=cast.alice)
        assert factories.fresh(in_review).state == RequestState.WITHDRAWN
        return
    with pytest.raises(ConflictError) as refusal:
        withdraw_request(in_review, reason="Enough.", actor=cast.alice)
    assert refusal.value.code == "request_not_open"
    assert factories.fresh(in_review).state == state
    assert not Closing.objects.exists()


def test_what_comes_of_revoked_evidence_is_asked_for_no_more(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    other = factories.version_beside(version, cast.alice)
    asked = factories.evaluated(version, cast)
    invalidate_request(
        asked,
        reason="The labels were forged.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=cast.bob,
    )

    for submitted in (version, other):
        with pytest.raises(ConflictError) as refusal:
            factories.request(submitted, cast)
        assert refusal.value.code == "evidence_revoked"
