"""What the database itself refuses: whoever writes past the services, in a shell or not."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.models import (
    BreakGlass,
    BreakGlassConfirmation,
    Finding,
    FindingMove,
    GateRun,
    Promotion,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    Retirement,
    RiskAcceptance,
    Slot,
    TierAssessment,
    Verdict,
    VersionListing,
    WaiverApproval,
)
from registry.models.finding import FindingState, Severity
from registry.models.promotion_request import MOVES
from registry.models.sign_off import SignerRole
from registry.services.archiving import archive_model, archive_version
from registry.services.findings import move_finding
from registry.services.promotion import promote
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking.models import Run

pytestmark = pytest.mark.django_db
DAYS = {"approved_at": timezone.now(), "approval_expires_at": timezone.now()}


@pytest.fixture
def in_review(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    return factories.evaluated(factories.version(workspace, cast), cast)


def put(request: PromotionRequest, **columns) -> None:
    PromotionRequest.objects.filter(pk=request.pk).update(**columns)


def refused(write, *arguments, **named) -> str:
    """Return with which sentence the database refuses a write."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        write(*arguments, **named)
    return str(refusal.value).splitlines()[0]


@pytest.mark.parametrize("state", sorted(set(RequestState) - {"evaluating"}))
def test_no_request_is_made_in_a_later_state(in_review, cast, state):
    withdrawn = factories.fresh(in_review)
    put(withdrawn, state=RequestState.WITHDRAWN)

    said = refused(
        PromotionRequest.objects.create,
        model_version=in_review.model_version,
        environment="production",
        policy=in_review.policy,
        requested_by=cast.alice,
        state=state,
    )

    assert said == "a request begins with its evaluation"


@pytest.mark.parametrize("state", RequestState)
def test_no_request_moves_where_the_table_does_not_lead(in_review, state):
    with triggers_switched_off("registry_promotionrequest"):
        put(in_review, state=state)

    said = {
        refused(put, in_review, state=to, **DAYS)
        for to in set(RequestState) - MOVES[state] - {state}
    }

    assert said <= {
        "no such move of a request",
        "a request is reviewed when every gate of the attempt has its verdict",
        "an approval has as many signers as the tier of the model wants",
    }


def test_no_request_is_deleted(in_review):
    with triggers_switched_off("registry_evidencesnapshot"):
        said = refused(
            PromotionRequest.objects.filter(pk=in_review.pk)._raw_delete,
            PromotionRequest.objects.db,
        )
    assert said == "requests are not deleted"


def test_nobody_reviews_what_no_gate_has_judged(workspace, cast):
    factories.policy(workspace, cast)
    asked = factories.request(factories.version(workspace, cast), cast)

    said = refused(put, asked, state=RequestState.IN_REVIEW)

    assert said == (
        "a request is reviewed when every gate of the attempt has its verdict"
    )


def test_nothing_is_approved_without_its_signers(in_review):
    said = refused(put, in_review, state=RequestState.APPROVED, **DAYS)

    assert said == "an approval has as many signers as the tier of the model wants"


def test_signature_over_something_else_approves_nothing(in_review, cast):
    factories.signed(in_review, cast.bob, SignerRole.VALIDATOR)

    said = refused(
        put,
        in_review,
        state=RequestState.APPROVED,
        subject_digest="sha256:" + "0" * 64,
        revision=1,
        **DAYS,
    )

    assert said == "an approval has as many signers as the tier of the model wants"


def test_nothing_that_was_signed_comes_back(in_review):
    other = "sha256:" + "0" * 64
    put(in_review, subject_digest=other, revision=1)

    brought_back = refused(put, in_review, subject_digest=in_review.subject_digest)
    counted_down = refused(put, in_review, revision=None)

    assert brought_back == "what is to be signed changes with its revision"
    assert counted_down == "what is to be signed changes with its revision"


def test_no_model_begins_with_a_tier(workspace, cast):
    said = refused(
        RegisteredModel.objects.create,
        workspace=workspace,
        name="credit",
        tier=4,
        created_by=cast.alice,
    )

    assert said == "a model begins without a tier"


def test_no_model_is_of_a_tier_that_nobody_signed(workspace, cast):
    model = factories.model(workspace, cast)
    row = RegisteredModel.objects.filter(pk=model.pk)

    said = {refused(row.update, tier=tier) for tier in (None, 1, 4)}

    assert said == {"the tier of a model is the one that was signed last"}


def test_no_tier_changes_below_an_open_request(in_review, cast):
    model = in_review.model_version.registered_model
    TierAssessment.objects.create(
        registered_model=model,
        tier=4,
        former_tier=3,
        rationale="It decides on small loans only.",
        exposure="Two million a year.",
        signer=cast.rita,
        method="by hand",
        signed_at=timezone.now(),
    )

    said = refused(RegisteredModel.objects.filter(pk=model.pk).update, tier=4)

    assert said == "no request is open while the tier of its model changes"


def test_no_third_waiver_of_a_gate_is_granted(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    asked = [factories.waiver(blocked, cast) for _ in range(3)]
    for waiver in asked[:2]:
        factories.waiver_approved(waiver, cast.rita)
        factories.withdrawn_waiver(waiver, cast)

    said = refused(
        WaiverApproval.objects.create,
        waiver=asked[2],
        approver=cast.rita,
        printed_name="Rita Example",
        reason="Once more.",
        method="by hand",
        approved_at=timezone.now(),
    )

    assert said == "a gate of a version is waived once, and once again"


@pytest.mark.parametrize("gate", ["regression", None])
def test_waiver_names_the_verdict_of_its_gate(workspace, cast, gate):
    blocked = factories.blocked(workspace, cast)
    asked = factories.waiver(blocked, cast)
    asked.pk = None
    asked.verdict = Verdict.objects.filter(gate_run__gate=gate).first()

    said = refused(asked.save, force_insert=True)

    assert said == "a waiver names the verdict of its gate that it lets through"


def test_nothing_is_promoted_on_a_request_that_was_not_redeemed(in_review, cast):
    slot = Slot.objects.create(
        registered_model=in_review.model_version.registered_model,
        environment="production",
    )

    said = refused(
        Promotion.objects.create,
        slot=slot,
        request=in_review,
        promoted_by=cast.rex,
        promoted_at=timezone.now(),
    )

    assert said == "a promotion redeems an approved request for its slot"


def test_no_version_is_put_into_a_slot_by_hand(in_review):
    model = in_review.model_version.registered_model
    slot = Slot.objects.create(registered_model=model, environment="production")

    written = refused(
        Slot.objects.filter(pk=slot.pk).update, champion=in_review.model_version
    )
    made = refused(
        Slot.objects.create,
        registered_model=model,
        environment="staging",
        champion=in_review.model_version,
    )

    assert written == (
        "a champion was promoted into its slot, or serves in an emergency"
    )
    assert made == "a slot begins without a champion"


@pytest.mark.parametrize("ends", ["archived", "retired"])
def test_nothing_that_is_out_of_use_is_put_into_a_slot(first, second, cast, ends):
    if ends == "archived":
        archive_version(first, actor=cast.alice)
    else:
        factories.retired(first.registered_model, cast, first)

    said = refused(Slot.objects.update, champion=first)

    assert said == "a version that is retired or archived does not serve"


def test_nothing_that_serves_is_archived(first, third, cast):
    factories.emergency(factories.emergency_asked(third, cast), cast)

    said = {
        refused(
            VersionListing.objects.filter(pk=version.pk).update,
            archived_at=timezone.now(),
        )
        for version in (first, third)
    }

    assert said == {"a version that serves is not archived"}


def test_no_emergency_leaves_its_slot_without_an_end(first, third, cast):
    factories.emergency(factories.emergency_asked(third, cast), cast)

    said = {
        refused(Slot.objects.update, champion=champion, break_glass=None)
        for champion in (first, third, None)
    }

    assert said == {"an emergency leaves its slot when its end is on record"}


def test_no_emergency_of_a_version_follows_one_that_nobody_judged(cast, first, third):
    factories.emergency(factories.emergency_asked(third, cast), cast)
    slot = Slot.objects.get()
    asked = BreakGlass.objects.create(
        slot=slot,
        model_version=third,
        reason="Once more.",
        hours=24,
        asked_by=cast.olivia,
        asked_as=SignerRole.OWNER,
        printed_name="Olivia Example",
        method="by hand",
        asked_at=timezone.now(),
        lapses_at=timezone.now(),
    )

    said = refused(
        BreakGlassConfirmation.objects.create,
        break_glass=asked,
        finding=factories.finding(third.registered_model, cast, Severity.HIGH),
        confirmed_by=cast.rita,
        confirmed_as=SignerRole.RISK,
        printed_name="Rita Example",
        method="by hand",
        confirmed_at=timezone.now(),
        expires_at=timezone.now(),
    )

    assert said == "an emergency of a version is judged before its next one"


def test_nobody_confirms_their_own_emergency(workspace, cast):
    factories.policy(workspace, cast)
    factories.champion(workspace, cast)
    version = factories.version(workspace, cast, content=b"model 2")
    asked = factories.emergency_asked(version, cast)

    said = refused(
        BreakGlassConfirmation.objects.create,
        break_glass=asked,
        finding=factories.finding(version.registered_model, cast, Severity.HIGH),
        confirmed_by=asked.asked_by,
        confirmed_as=SignerRole.RISK,
        printed_name="Olivia Example",
        method="by hand",
        confirmed_at=timezone.now(),
        expires_at=timezone.now(),
    )

    assert said == "an emergency takes two people"


def acceptance(finding: Finding, signer: User) -> RiskAcceptance:
    return RiskAcceptance(
        finding=finding,
        after=finding.moves.order_by("pk").last(),
        until=timezone.now() + timedelta(days=9),
        reason="Few are concerned.",
        signer=signer,
        printed_name="Rita Example",
        method="by hand",
        signed_at=timezone.now(),
    )


def risk_taken(finding: Finding, actor: User) -> FindingMove:
    return FindingMove(
        finding=finding,
        from_state=FindingState.OPEN,
        to_state=FindingState.RISK_ACCEPTED,
        reason="Few are concerned.",
        accepted_until=timezone.now(),
        moved_by=actor,
        moved_at=timezone.now(),
    )


def test_no_risk_is_borne_a_third_time(workspace, cast):
    model = factories.model(workspace, cast)
    finding = factories.finding(model, cast, Severity.LOW)
    for _ in range(2):
        factories.borne(finding, cast.rita)
        move_finding(finding, to=FindingState.OPEN, reason="It is not.", actor=cast.bob)
    acceptance(finding, cast.rita).save()

    said = refused(risk_taken(finding, cast.rita).save)

    assert said == "a risk is borne once and renewed once"


# One person counts once.
@pytest.mark.parametrize(
    ("tier", "signers"), [(1, ("rita", "rita", "eve")), (2, ("rita",)), (4, ("rita",))]
)
def test_no_risk_is_borne_by_fewer_than_its_tier_wants(workspace, cast, tier, signers):
    model = factories.model(workspace, cast, tier=tier)
    finding = factories.finding(model, cast, Severity.CRITICAL)
    for name in signers:
        assert refused(risk_taken(finding, cast.rita).save) == (
            "a risk is borne by as many signers as the tier of the model wants"
        )
        acceptance(finding, getattr(cast, name)).save()

    risk_taken(finding, cast.rita).save()


def test_no_retirement_of_a_model_takes_the_place_of_another(workspace, cast):
    model = factories.version(workspace, cast).registered_model
    retired = factories.retired(model, cast)

    said = refused(
        Retirement.objects.create,
        registered_model=model,
        reason="Another one.",
        retired_by=cast.olivia,
        printed_name="Olivia Example",
        method="by hand",
        retired_at=timezone.now(),
    )

    assert said == "a model is retired once"
    assert Retirement.objects.get() == retired


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("model_version", "a request stays what was asked for"),
        ("environment", "a request stays what was asked for"),
        ("policy", "a request stays what was asked for"),
        ("requested_by", "a request stays what was asked for"),
        ("attempt", "an approval stays what was given"),
        ("subject_digest", "an approval stays what was given"),
        ("approved_at", "an approval stays what was given"),
        ("approval_expires_at", "an approval stays what was given"),
    ],
)
def test_approved_request_stays_what_it_was(
    in_review, workspace, cast, column, sentence
):
    approved = factories.approved_as_it_is(in_review, cast)
    other = {
        "model_version": factories.version(workspace, cast, content=b"2"),
        "environment": "staging",
        "policy": factories.policy(workspace, cast, published=False),
        "requested_by": cast.olivia,
        "attempt": 9,
        "subject_digest": "sha256:0",
        "approved_at": timezone.now(),
        "approval_expires_at": timezone.now(),
    }

    assert sentence in refused(put, approved, **{column: other[column]})
    promote(approved, actor=cast.rex)
    assert sentence in refused(put, approved, **{column: other[column]})


def test_slot_gate_and_finding_stay_where_they_are(workspace, cast, in_review):
    approved = factories.approved_as_it_is(in_review, cast)
    promote(approved, actor=cast.rex)
    other = factories.model(workspace, cast, "other")
    model = in_review.model_version.registered_model
    factories.finding(model, cast, Severity.CRITICAL)

    for table, changes in (
        (Slot, {"environment": "staging"}),
        (Slot, {"registered_model": other}),
        (GateRun, {"attempt": 9}),
        (GateRun, {"gate": "ece"}),
        (Finding, {"severity": Severity.LOW}),
        (Finding, {"due_at": timezone.now()}),
        (Finding, {"registered_model": other}),
        (Finding, {"owner": cast.eve}),
        (Finding, {"title": "Something else."}),
        (Finding, {"description": "Something else."}),
    ):
        refused(table.objects.update, **changes)


def test_what_is_archived_stays_archived(workspace, cast):
    version = factories.version(workspace, cast)
    archive_version(version, actor=cast.alice)
    archive_model(factories.model(workspace, cast, "other"), actor=cast.alice)

    sentence = "what is archived stays archived"
    for table in (VersionListing, RegisteredModel):
        archived = table.objects.filter(archived_at__isnull=False)
        assert sentence in refused(archived.update, archived_at=None)


def test_approval_has_its_days_and_a_request_runs_out_on_its_day(in_review, cast):
    approved = factories.approved_as_it_is(in_review, cast)
    put(approved, state="evaluating", approved_at=None, approval_expires_at=None)
    put(approved, state="in_review")

    said = refused(put, approved, state="approved")

    assert "an approval says when it was given and when it ends" in said
    said = refused(put, approved, expires_at=timezone.now())
    assert "a request runs out when it was said to" in said


@pytest.mark.parametrize("state", ["verified", "closed"])
def test_finding_goes_from_one_state_to_the_next(workspace, cast, state):
    factories.finding(factories.model(workspace, cast), cast, Severity.HIGH)

    said = refused(Finding.objects.update, state=state)

    assert "a finding goes from one state to the next" in said


def test_frozen_run_stays_frozen(champion):
    run = Run.objects.filter(pk=champion.source_run.pk)

    for moment in (None, timezone.now()):
        assert "a frozen run stays frozen" in refused(run.update, frozen_at=moment)
