"""Whose signatures are wanted, and that nobody signs what they have not opened."""

import pytest
import time_machine

from audit.errors import ConflictError, PermissionDeniedError
from audit.proofs import trail
from registry.models import (
    EvidenceView,
    GateRun,
    PromotionRequest,
    RegisteredModel,
    RequestState,
)
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.evidence_views import open_evidence
from registry.services.gate_runs import run_gate
from registry.services.promotion import promote
from registry.services.quorum import required_signers
from registry.services.sign_offs import missing_roles, sign_off
from registry.services.waiting import waiting_for
from tests import factories
from tests.audit.happenings import triggers_switched_off

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]

AUTOMATIC = factories.POLICY.replace("[validator, owner]", "[]")


@pytest.fixture
def in_review(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    return factories.evaluated(factories.version(workspace, cast), cast)


def sign(asked, actor, role=SignerRole.VALIDATOR):
    return sign_off(
        asked,
        role=role,
        meaning="I reviewed it.",
        reason="It passes.",
        password=factories.PASSWORD,
        seen_digest=asked.subject_digest,
        is_interactive=True,
        actor=actor,
    )


def of_tier(tier: int) -> None:
    """Put a tier where nobody has signed it, behind the back of open requests."""
    with triggers_switched_off("registry_registeredmodel"):
        RegisteredModel.objects.update(tier=tier)


def with_sensitive_data(workspace, cast, sensitivity) -> PromotionRequest:
    source = factories.run(workspace, cast.alice)
    dataset = factories.use_dataset(source, cast.alice)
    factories.card(dataset, cast.stella, labellers=[], sensitivity=sensitivity)
    version = factories.version(workspace, cast, source=source)
    return factories.evaluated(version, cast)


def test_evidence_that_was_never_opened_is_not_signed(in_review, cast):
    with pytest.raises(ConflictError) as refusal:
        sign(in_review, cast.bob)
    assert refusal.value.code == "evidence_not_opened"

    open_evidence(in_review, actor=cast.bob)
    signed = sign(in_review, cast.bob)

    opened = EvidenceView.objects.get()
    assert opened.viewed_at <= signed.signed_at
    entry = trail([in_review.subject])[-1]
    assert entry.payload["evidence_opened_at"] == opened.viewed_at.isoformat()


def test_somebody_elses_reading_does_not_count(in_review, cast):
    open_evidence(in_review, actor=cast.olivia)

    with pytest.raises(ConflictError) as refusal:
        sign(in_review, cast.bob)

    assert refusal.value.code == "evidence_not_opened"


def test_reading_of_an_earlier_attempt_does_not_count(in_review, cast):
    open_evidence(in_review, actor=cast.bob)
    again = factories.evaluated_again(in_review, cast)
    assert again.subject_digest != in_review.subject_digest

    with pytest.raises(ConflictError) as refusal:
        sign(again, cast.bob)

    assert refusal.value.code == "evidence_not_opened"


def test_opening_is_kept_once_a_person_and_digest_and_never_for_a_program(
    in_review, cast
):
    for _ in range(2):
        open_evidence(in_review, actor=cast.bob)
        open_evidence(in_review, actor=cast.bot)

    assert [view.viewer for view in EvidenceView.objects.all()] == [cast.bob]
    kinds = [entry.kind for entry in trail([in_review.subject])]
    assert kinds.count("registry.evidence.opened") == 1


def test_nothing_is_opened_while_gates_run(workspace, cast):
    factories.policy(workspace, cast)
    asked = factories.request(factories.version(workspace, cast), cast)

    open_evidence(asked, actor=cast.bob)

    assert not EvidenceView.objects.exists()


def test_person_in_a_session_opens_evidence_by_the_api_and_a_token_does_not(
    in_review, cast, as_token, client
):
    path = f"/api/v1/promotion-requests/{in_review.pk}/"
    assert as_token(cast.olivia).get(path).status_code == 200
    assert not EvidenceView.objects.exists()

    client.force_login(cast.bob)
    assert client.get(path).status_code == 200

    assert EvidenceView.objects.get().viewer == cast.bob


@pytest.mark.parametrize(
    ("tier", "wanted"),
    [
        (1, ("validator", "owner", "risk")),
        (2, ("validator", "owner")),
        (3, ("validator", "owner")),
        (4, ("validator", "owner")),
    ],
)
def test_tier_of_today_adds_its_signers_to_those_of_the_policy(in_review, tier, wanted):
    of_tier(tier)

    assert required_signers(factories.fresh(in_review)) == wanted


def test_tier_that_nobody_signed_promotes_nothing(in_review, cast):
    approved = factories.approved_as_it_is(in_review, cast)
    of_tier(4)

    with pytest.raises(ConflictError) as refusal:
        promote(approved, actor=cast.rex)

    assert refusal.value.code == "records_altered"


@pytest.mark.parametrize("tier", [Tier.CRITICAL, Tier.HIGH, Tier.LOW])
def test_requests_end_with_the_tier_that_they_began_with(
    workspace, cast, in_review, tier
):
    model = in_review.model_version.registered_model
    factories.approved_as_it_is(in_review, cast)
    second, third = (
        factories.version(workspace, cast, content=content)
        for content in (b"second", b"third")
    )
    signed = factories.signed(
        factories.evaluated(second, cast), cast.bob, SignerRole.VALIDATOR
    )
    evaluating = factories.request(third, cast)

    factories.tier(model, cast, tier)

    for asked in (in_review, signed, evaluating):
        ended = factories.fresh(asked)
        assert ended.state == RequestState.INVALIDATED
        assert ended.closing.closed_by == cast.rita
        last = trail([ended.subject])[-1]
        signed_tier = model.tier_assessments.latest("pk")
        assert (last.kind, last.payload["cause"]) == (
            "registry.request.invalidated",
            f"{model.subject}/tier/{signed_tier.pk}",
        )
    with pytest.raises(ConflictError) as refusal:
        promote(in_review, actor=cast.rex)
    assert refusal.value.code == "request_not_approved"
    again = factories.evaluated(in_review.model_version, cast)
    assert again.state == RequestState.IN_REVIEW
    assert missing_roles(again) == list(required_signers(again))


def test_tier_that_is_confirmed_leaves_requests_alone(in_review, cast):
    approved = factories.approved_as_it_is(in_review, cast)

    factories.tier(in_review.model_version.registered_model, cast, Tier.MODERATE)

    promote(approved, actor=cast.rex)
    assert factories.fresh(approved).state == RequestState.PROMOTED


def test_request_that_is_due_expires_when_the_tier_changes(in_review, cast):
    ends = in_review.expires_at
    assert ends is not None
    with time_machine.travel(ends, tick=False):
        factories.tier(in_review.model_version.registered_model, cast, Tier.HIGH)

    assert factories.fresh(in_review).state == RequestState.EXPIRED


def test_gates_that_answer_too_late_conclude_nothing(workspace, cast):
    factories.model(workspace, cast, tier=4)
    factories.policy(workspace, cast, AUTOMATIC)
    asked = factories.request(factories.version(workspace, cast), cast)
    ended = factories.withdrawn(asked, cast)

    for run in GateRun.objects.of_attempt(ended):
        run_gate(run.pk)

    assert factories.fresh(asked).state == RequestState.WITHDRAWN
    kinds = {entry.kind for entry in trail([asked.subject])}
    assert "registry.verdict.given" in kinds
    assert not kinds & {"registry.evaluation.concluded", "registry.request.approved"}


def test_low_tier_approves_by_itself_when_the_policy_names_nobody(workspace, cast):
    factories.model(workspace, cast, tier=4)
    factories.policy(workspace, cast, AUTOMATIC)

    asked = factories.evaluated(factories.version(workspace, cast), cast)

    assert asked.state == RequestState.APPROVED
    promote(asked, actor=cast.rex)
    assert factories.fresh(asked).state == RequestState.PROMOTED


def test_moderate_tier_wants_the_validator_when_the_policy_names_nobody(
    workspace, cast
):
    model = factories.model(workspace, cast, tier=4)
    factories.policy(workspace, cast, AUTOMATIC)
    factories.tier(model, cast, Tier.MODERATE)

    asked = factories.evaluated(factories.version(workspace, cast), cast)

    assert (asked.state, missing_roles(asked)) == (
        RequestState.IN_REVIEW,
        ["validator"],
    )


def test_sensitive_data_take_nobody_away_whom_the_tier_wants(workspace, cast):
    model = factories.model(workspace, cast, tier=4)
    factories.policy(workspace, cast, AUTOMATIC)
    factories.tier(model, cast, Tier.MODERATE)

    asked = with_sensitive_data(workspace, cast, ["pii"])

    assert missing_roles(asked) == ["validator", "ethics"]


@pytest.mark.parametrize(
    "label", ["pii", "phi", "special_category", "minors", "confidential"]
)
def test_sensitive_data_add_the_ethics_signer(workspace, cast, label):
    factories.policy(workspace, cast)

    asked = with_sensitive_data(workspace, cast, [label])

    assert missing_roles(asked) == ["validator", "owner", "ethics"]
    asked = factories.approved_as_it_is(asked, cast)
    assert asked.state == RequestState.IN_REVIEW
    assert [(item.request, item.roles) for item in waiting_for(cast.eve)] == [
        (asked, (SignerRole.ETHICS,))
    ]
    asked = factories.signed(asked, cast.eve, SignerRole.ETHICS)
    assert asked.state == RequestState.APPROVED


@pytest.mark.parametrize("sensitivity", [[], None])
def test_data_that_are_not_stated_to_be_sensitive_add_nobody(
    workspace, cast, sensitivity
):
    factories.policy(workspace, cast)

    asked = with_sensitive_data(workspace, cast, sensitivity)

    assert missing_roles(asked) == ["validator", "owner"]


def test_data_that_came_of_sensitive_data_add_the_ethics_signer(workspace, cast):
    factories.policy(workspace, cast)
    cleaning = factories.run(workspace, cast.alice)
    raw = factories.use_dataset(cleaning, cast.alice, "raw")
    factories.use_dataset(cleaning, cast.alice, "clean", context="output")
    source = factories.run(workspace, cast.alice)
    factories.use_dataset(source, cast.alice, "clean")
    version = factories.version(workspace, cast, source=source)
    asked = factories.evaluated(version, cast)
    assert missing_roles(asked) == ["validator", "owner"]

    factories.card(raw, cast.stella, labellers=[], sensitivity=["phi"])

    assert missing_roles(factories.fresh(asked)) == ["validator", "owner", "ethics"]


def test_same_data_under_another_name_are_as_sensitive(workspace, cast):
    factories.policy(workspace, cast)
    known = factories.dataset(workspace, cast.alice)
    factories.card(known, cast.stella, labellers=[], sensitivity=["pii"])
    source = factories.run(workspace, cast.alice)
    renamed = factories.use_dataset(
        source, cast.alice, "harmless", content_digest=known.digest
    )
    factories.card(renamed, cast.stella, labellers=[], sensitivity=[])
    version = factories.version(workspace, cast, source=source)

    asked = factories.evaluated(version, cast)

    assert missing_roles(asked) == ["validator", "owner", "ethics"]
    assert known.sensitive_uses.get().run == source


def test_card_that_calls_data_sensitive_during_review_adds_the_ethics_signer(
    workspace, cast
):
    factories.policy(workspace, cast)
    asked = with_sensitive_data(workspace, cast, [])
    dataset = asked.model_version.linked_run.dataset_inputs.get().dataset

    factories.card(dataset, cast.stella, labellers=[], sensitivity=["phi"])

    assert dataset.sensitive_uses.get().run == asked.model_version.source_run
    asked = factories.approved_as_it_is(factories.evaluated_again(asked, cast), cast)
    assert (asked.state, missing_roles(asked)) == (RequestState.IN_REVIEW, ["ethics"])


def test_card_that_is_corrected_after_the_approval_holds_up_the_promotion(
    workspace, cast
):
    factories.policy(workspace, cast)
    asked = with_sensitive_data(workspace, cast, [])
    approved = factories.approved_as_it_is(asked, cast)
    dataset = approved.model_version.linked_run.dataset_inputs.get().dataset
    factories.card(dataset, cast.stella, labellers=[], sensitivity=["minors"])

    with pytest.raises(ConflictError) as refusal:
        promote(approved, actor=cast.rex)

    assert refusal.value.code == "data_described_anew"
    again = factories.evaluated_again(approved, cast)
    again = factories.approved_as_it_is(again, cast)
    assert (again.state, missing_roles(again)) == (RequestState.IN_REVIEW, ["ethics"])


def test_person_deactivated_between_opening_and_signing_does_not_sign(in_review, cast):
    open_evidence(in_review, actor=cast.bob)
    type(cast.bob).objects.filter(pk=cast.bob.pk).update(is_active=False)
    assert cast.bob.is_active  # the session still believes it

    with pytest.raises(PermissionDeniedError) as refusal:
        sign(in_review, cast.bob)

    assert refusal.value.code == "account_deactivated"
    assert not in_review.sign_offs.exists()


def test_deactivation_after_signing_keeps_the_signature(in_review, cast):
    factories.signed(in_review, cast.bob, SignerRole.VALIDATOR)
    type(cast.bob).objects.filter(pk=cast.bob.pk).update(is_active=False)

    asked = factories.signed(in_review, cast.olivia, SignerRole.OWNER)

    assert asked.state == RequestState.APPROVED
