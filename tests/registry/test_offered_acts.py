"""The admin offers nobody an act that their services would refuse whatever is entered."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.sequencer import sequence_pending
from registry.models import PromotionRequest, Slot
from registry.models.finding import FindingState, Severity
from registry.models.tier import Tier
from registry.services.findings import move_finding
from registry.services.registered_models import register_model
from registry.services.slots import add_challenger
from tests import factories
from tests.registry.reviewing import as_person, page
from tests.registry.slots import challenge
from tracking.permissions import Role

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
ON_A_VERSION = {
    "Make it a challenger",
    "Withdraw as a challenger",
    "Break the glass",
    "Retire",
}


def offered(user, row) -> set[str]:
    path = f"/admin/registry/{row._meta.model_name}/{row.pk}/change/"
    return {words for _, words in as_person(user).get(path).context["acts"]}


def offered_on_request(user, subject: PromotionRequest) -> set[str]:
    context = as_person(user).get(page(subject)).context
    words = {word for word, _ in context["acts"]}
    return words | ({"promote"} if context["can_promote"] else set())


def test_emergency_that_lapsed_is_confirmed_by_nobody(workspace, cast):
    factories.policy(workspace, cast)
    asked = factories.emergency_asked(factories.version(workspace, cast), cast)
    sequence_pending()

    assert offered(cast.rita, asked) == {"Confirm"}
    assert offered(cast.olivia, asked) == set()
    with time_machine.travel(asked.lapses_at, tick=False):
        assert offered(cast.rita, asked) == set()


def test_finding_is_offered_to_who_may_act_on_it(workspace, cast):
    model = factories.model(workspace, cast, tier=Tier.CRITICAL)
    finding = factories.finding(model, cast, Severity.HIGH)
    factories.grant(cast.eve, Role.RISK, workspace)
    code = factories.second_factor(cast.rita).code()
    factories.borne(
        finding, cast.rita, until=timezone.now() + timedelta(days=20), code=code
    )

    # She signed; one more must, and it is not she.
    assert offered(cast.rita, finding) == {"Move on"}
    assert offered(cast.eve, finding) == {"Move on", "Accept the risk"}
    assert offered(cast.alice, finding) == {"Move on"}
    assert offered(cast.paul, finding) == set()


def test_who_mended_a_finding_is_not_offered_to_judge_it(workspace, cast):
    finding = factories.finding(
        factories.model(workspace, cast), cast, Severity.LOW, owner=cast.bob
    )
    move_finding(finding, to=FindingState.FIXED, reason="Done.", actor=cast.bob)
    path = f"/admin/registry/finding/{finding.pk}/acts/move/"

    def targets(user) -> list[str]:
        form = as_person(user).get(path).context["form"]
        return [state for state, _ in form.fields["to"].widget.choices]

    assert targets(cast.bob) == ["open"]
    assert targets(cast.rita) == ["open", "verified"]


def test_freeze_is_offered_to_who_had_no_hand_in_what_was_rolled_back(
    workspace, cast, first, second
):
    factories.grant(cast.alice, Role.RISK, workspace)
    freeze = factories.rollback(Slot.objects.get(), first, cast).freeze

    assert offered(cast.alice, freeze) == set()
    assert offered(cast.rex, freeze) == set()
    assert offered(cast.bob, freeze) == {"Review and lift"}


def test_what_is_retired_is_offered_for_nothing(workspace, cast, first, third):
    model = first.registered_model
    assert offered(cast.olivia, first) == ON_A_VERSION - {"Withdraw as a challenger"}
    assert "Retire" in offered(cast.olivia, model)

    factories.retired(model, cast, first)
    assert offered(cast.olivia, first) == set()
    assert "Retire" in offered(cast.olivia, third)
    factories.retired(model, cast)
    assert offered(cast.olivia, third) == set()
    assert "Retire" not in offered(cast.olivia, model)


def test_challenger_is_offered_to_be_withdrawn_while_it_runs(workspace, cast):
    version = factories.version(workspace, cast)
    assert "Withdraw as a challenger" not in offered(cast.alice, version)

    challenge(add_challenger, version, cast.alice)

    assert "Withdraw as a challenger" in offered(cast.alice, version)


def test_slot_is_rolled_back_only_to_something(workspace, cast, first):
    slot = Slot.objects.get()
    assert offered(cast.rex, slot) == set()
    factories.champion(
        workspace, cast, content=b"2", scores=factories.predictions(strength=2.5)
    )
    assert offered(cast.rex, slot) == {"Roll back"}

    factories.retired(first.registered_model, cast)

    assert offered(cast.rex, slot) == set()


def test_waiver_is_offered_where_it_could_be_asked_for(workspace, cast):
    blocked = factories.blocked(workspace, cast, factories.POLICY)

    assert offered_on_request(cast.alice, blocked) == {"withdraw"}
    assert offered_on_request(cast.bob, blocked) == {"attest", "invalidate"}


def test_waiver_is_offered_to_who_may_approve_or_withdraw_it(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    factories.grant(cast.mallory, Role.DEVELOPER, workspace)
    assert "ask-for-waiver" in offered_on_request(cast.mallory, blocked)
    factories.waiver(blocked, cast)

    assert "withdraw-waiver" in offered_on_request(cast.alice, blocked)
    assert "withdraw-waiver" not in offered_on_request(cast.mallory, blocked)
    for person in (cast.alice, cast.mallory):
        assert "approve-waiver" not in offered_on_request(person, blocked)
    assert offered_on_request(cast.rita, blocked) >= {
        "approve-waiver",
        "withdraw-waiver",
    }


def test_nothing_is_promoted_into_a_frozen_slot(workspace, cast, first, second):
    third = factories.version(
        workspace, cast, content=b"3", scores=factories.predictions(strength=2.6)
    )
    approved = factories.approved(third, cast)
    assert offered_on_request(cast.rex, approved) == {"attest", "promote"}

    freeze = factories.rollback(Slot.objects.get(), first, cast).freeze
    assert offered_on_request(cast.rex, approved) == {"attest"}
    shown = as_person(cast.rex).get(page(approved)).content.decode()
    assert "until the rollback there has been reviewed" in shown

    factories.lifting(freeze, cast)
    assert "promote" in offered_on_request(cast.rex, approved)


def test_tier_of_a_model_that_nobody_owns_is_offered_to_risk_only(workspace, cast):
    owned = factories.model(workspace, cast, tier=None)
    unowned = register_model(
        workspace, name="fraud", purpose="", owner=None, actor=cast.alice
    )

    assert "Assess the risk tier" in offered(cast.olivia, owned)
    assert "Assess the risk tier" not in offered(cast.olivia, unowned)
    assert "Assess the risk tier" in offered(cast.rita, unowned)
