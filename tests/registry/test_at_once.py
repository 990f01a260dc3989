"""Two people want the same at the same moment, each on their own connection."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from audit.errors import DomainError
from audit.models import Event
from registry.models import PromotionRequest, RequestState, SignOff, Waiver
from registry.models.sign_off import SignerRole
from registry.services.closings import reject_request, withdraw_request
from registry.services.evidence_views import open_evidence
from registry.services.promotion import promote
from registry.services.sign_offs import sign_off
from registry.services.timers import end_what_is_over
from registry.services.waivers import approve_waiver
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tests.factories import Cast
from tracking.models import Workspace
from tracking.permissions import Role
from tracking.services.accounts import deactivate_account


@pytest.fixture
def workspace(real_commits) -> Workspace:
    return Workspace.objects.get(name="default")


@pytest.fixture
def cast(workspace) -> Cast:
    people = {user.username: user for user in User.objects.all()}
    return Cast(**{name: people[name] for name in Cast.__dataclass_fields__})


@pytest.fixture
def in_review(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    return factories.evaluated(factories.version(workspace, cast), cast)


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """Return "done" or the code of the refusal for acts that all begin together."""
    start = threading.Barrier(len(acts))

    def outcome_of(act: Callable[[], Any]) -> str:
        try:
            start.wait(timeout=30)
            act()
        except DomainError as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(outcome_of, acts))


def signing(asked: PromotionRequest, actor: User, role: SignerRole):
    open_evidence(asked, actor=actor)
    return lambda: sign_off(
        asked,
        role=role,
        meaning="I reviewed it.",
        reason="It passes.",
        password=factories.PASSWORD,
        seen_digest=asked.subject_digest,
        is_interactive=True,
        actor=actor,
    )


def count(kind: str) -> int:
    return Event.objects.filter(kind=kind).count()


def test_two_approvals_race_for_the_last_place_and_one_wins(in_review, workspace, cast):
    factories.signed(in_review, cast.olivia, SignerRole.OWNER)
    vera = factories.person("vera", workspace, Role.VALIDATOR)

    outcomes = at_once(
        signing(in_review, cast.bob, SignerRole.VALIDATOR),
        signing(in_review, vera, SignerRole.VALIDATOR),
    )

    assert outcomes == ["done", "request_not_in_review"]
    assert SignOff.objects.count() == 2
    assert factories.fresh(in_review).state == RequestState.APPROVED
    assert count("registry.request.approved") == 1
    assert count("registry.sign_off.given") == 2
    assert count("registry.sign_off.refused") == 1


def test_last_two_signers_of_different_roles_approve_once(in_review, cast):
    outcomes = at_once(
        signing(in_review, cast.bob, SignerRole.VALIDATOR),
        signing(in_review, cast.olivia, SignerRole.OWNER),
    )

    assert outcomes == ["done", "done"]
    assert factories.fresh(in_review).state == RequestState.APPROVED
    assert count("registry.request.approved") == 1


def test_rejection_and_last_signature_race_and_one_wins(in_review, workspace, cast):
    factories.signed(in_review, cast.olivia, SignerRole.OWNER)
    vera = factories.person("vera", workspace, Role.VALIDATOR)
    open_evidence(in_review, actor=vera)

    outcomes = at_once(
        signing(in_review, cast.bob, SignerRole.VALIDATOR),
        lambda: reject_request(
            in_review,
            role=SignerRole.VALIDATOR,
            reason="No.",
            password=factories.PASSWORD,
            seen_digest=in_review.subject_digest,
            is_interactive=True,
            actor=vera,
        ),
    )

    assert outcomes == ["done", "request_not_in_review"]
    state = factories.fresh(in_review).state
    assert state in {RequestState.APPROVED, RequestState.REJECTED}
    ends = count("registry.request.approved") + count("registry.request.rejected")
    assert ends == 1


def test_promotion_and_withdrawal_race_and_one_wins(in_review, cast):
    approved = factories.approved_as_it_is(in_review, cast)

    outcomes = at_once(
        lambda: promote(approved, actor=cast.rex),
        lambda: withdraw_request(approved, reason="No.", actor=cast.alice),
    )

    assert outcomes in (
        ["done", "request_not_approved"],
        ["done", "request_not_open"],
    )
    ends = count("registry.version.promoted") + count("registry.request.withdrawn")
    assert ends == 1


def test_two_timers_and_a_signer_meet_a_waiver_that_has_ended(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    factories.waived(blocked, cast)
    reviewed = factories.fresh(blocked)
    sign = signing(reviewed, cast.bob, SignerRole.VALIDATOR)
    ended = timezone.now() - timedelta(seconds=1)
    with_ended_waiver(blocked, ended)

    outcomes = at_once(sign, end_what_is_over, end_what_is_over)

    assert outcomes[0] == "done"
    assert outcomes[1] == "done"
    assert outcomes[2] in {
        "waiver_or_attestation_ended",
        "request_not_in_review",
        "evidence_not_seen",
    }
    assert factories.fresh(blocked).state == RequestState.BLOCKED
    assert not SignOff.objects.exists()
    assert count("registry.request.reconsidered") == 2


def with_ended_waiver(asked: PromotionRequest, ended) -> None:
    """Let time pass for one request: threads do not travel."""
    with triggers_switched_off("registry_waiver"):
        Waiver.objects.update(starts_at=ended - timedelta(days=1), expires_at=ended)
    PromotionRequest.objects.filter(pk=asked.pk).update(rests_until=ended)


def test_two_people_approve_the_one_waiver_and_one_approval_is_enough(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    waiver = factories.waiver(blocked, cast)

    def approving(actor: User):
        return lambda: approve_waiver(
            waiver,
            reason="Fine.",
            password=factories.PASSWORD,
            is_interactive=True,
            actor=actor,
        )

    outcomes = at_once(approving(cast.rita), approving(cast.eve))

    assert outcomes == ["done", "waiver_not_asked_for"]
    assert waiver.approvals.count() == 1
    assert factories.fresh(blocked).state == RequestState.IN_REVIEW


def test_evidence_opened_twice_at_once_is_kept_once(in_review, cast):
    acts = [lambda: open_evidence(in_review, actor=cast.bob)] * 4

    assert at_once(*acts) == ["done"] * 4
    assert in_review.evidence_views.count() == 1
    assert count("registry.evidence.opened") == 1


def test_person_who_is_deactivated_while_signing_signs_before_or_not_at_all(
    in_review, cast
):
    outcomes = at_once(
        signing(in_review, cast.bob, SignerRole.VALIDATOR),
        lambda: deactivate_account(cast.bob, actor=cast.ada),
    )

    signed = SignOff.objects.filter(signer=cast.bob).count()
    # Refused by whichever question finds the account deactivated first.
    refusals = {"account_deactivated", "may_not_sign"}
    refused = [outcome for outcome in outcomes if outcome != "done"]
    assert len(refused) == 1 - signed
    assert set(refused) <= refusals
    assert count("registry.sign_off.given") == signed
