"""The report of a version tells what people found, let pass, undid and looked at again."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pypdf
import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from guardian.shortcuts import assign_perm

from audit.sequencer import sequence_pending
from registry.models import ModelVersion, Slot
from registry.models.finding import FindingState, Severity
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.reports.headline import headline
from registry.reports.lineage import Closing, SlotChange
from registry.reports.oversight import (
    BreakGlass,
    Challenger,
    Decision,
    Delegation,
    DueDate,
    Finding,
    FindingMove,
    ModelCard,
    Reason,
    Retirement,
    RevalidationTrigger,
    Rollback,
    SignedRevalidation,
    TierAssessment,
)
from registry.reports.production import produce_report
from registry.reports.reading import read_lineage
from registry.services.break_glass import end_emergencies
from registry.services.closings import invalidate_request, reject_request
from registry.services.delegations import delegate_signing
from registry.services.due_dates import add_months
from registry.services.evidence_views import open_evidence
from registry.services.findings import accept_risk, move_finding
from registry.services.gate_runs import run_gate
from registry.services.promotion import promote, request_promotion
from registry.services.registered_models import rename_model
from registry.services.revalidations import trigger_revalidation
from registry.services.slots import add_challenger, remove_challenger
from registry.services.timers import end_what_is_over
from tests import factories

pytestmark = pytest.mark.django_db
SIGNED: dict[str, Any] = {"password": factories.PASSWORD, "is_interactive": True}
METHOD = "password re-entered"


def read(version: ModelVersion) -> Any:
    """Return the report; untyped, because each test knows which parts are there."""
    return read_lineage(version, reader=version.created_by)


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
def third(workspace, cast, first) -> ModelVersion:
    return factories.version(workspace, cast, content=b"3")


def slot() -> Slot:
    return Slot.objects.with_champion().get()


def in_days(days: float) -> Any:
    sequence_pending()
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)


# Emergencies


def test_report_of_a_version_in_an_emergency_says_so_everywhere(cast, first, third):
    asked = factories.emergency_asked(third, cast)
    confirmed = factories.emergency(asked, cast)
    report = read(third)

    told = BreakGlass(
        number=asked.pk,
        environment="production",
        version=2,
        standing="in force",
        is_in_force=True,
        reason="The champion crashes.",
        hours=24,
        asked_by="Olivia Example",
        asked_as="owner",
        asked_at=asked.asked_at,
        asked_authentication=METHOD,
        lapses_at=asked.lapses_at,
        confirmed_by="Rita Example",
        confirmed_as="risk",
        confirmed_at=confirmed.confirmed_at,
        confirmed_authentication=METHOD,
        expires_at=confirmed.expires_at,
        ended_at=None,
        fallback=1,
        finding=confirmed.finding_id,
    )
    assert report.break_glasses == (told,)
    assert report.alarms == (told,)
    assert report.identity.standing == "Serves in an emergency in production"
    assert headline(report) == (
        "Version 2 of credit serves in production in an emergency, without an approval."
    )
    assert report.decisions == (
        Decision(
            environment="production",
            answer="allow",
            reasons=(),
            warnings=(
                Reason(
                    code="break_glass",
                    sentence=f"It serves in an emergency without an approval, until "
                    f"{confirmed.expires_at:%Y-%m-%d %H:%M} UTC.",
                ),
            ),
            waivers=(),
            restrictions=(),
            expires_at=confirmed.expires_at,
        ),
    )
    assert ("version", "break-glass production") in {
        (edge.source, edge.target) for edge in report.edges
    }
    assert [(found.cause, found.version) for found in report.findings] == [
        ("break_glass", 2)
    ]
    assert report.revalidation.due_dates == (
        DueDate(
            environment="production",
            validated_at=None,
            due_at=None,
            why="",
            is_due=False,
        ),
    )


def test_report_of_the_version_that_an_emergency_displaced_says_so(cast, first, third):
    factories.emergency(factories.emergency_asked(third, cast), cast)
    report = read(first)

    assert report.identity.standing == "Displaced by an emergency in production"
    assert [broken.version for broken in report.alarms] == [2]
    assert [why.code for why in report.decisions[0].reasons] == ["superseded"]
    assert "break-glass production" not in {node.key for node in report.nodes}


def test_emergency_is_over_by_the_clock_whether_the_timer_has_run_or_not(
    cast, first, third
):
    factories.emergency(factories.emergency_asked(third, cast), cast)

    with in_days(1.01):
        before = read(third), read(first)
        end_emergencies()
        after = read(third), read(first)

    for own, fallback in (before, after):
        assert own.identity.standing == "Served in an emergency in production"
        assert fallback.identity.standing == "Champion in production"
        assert [broken.standing for broken in own.alarms] == ["over"]
        assert fallback.alarms == ()
        assert own.decisions[0].answer == "deny"
    assert [change.how for change in after[0].slot_history] == [
        "promotion",
        "break-glass",
        "end of the break-glass hours",
    ]
    assert [change.version for change in after[0].slot_history] == [1, 2, 1]


def test_emergency_that_nobody_confirmed_raises_no_alarm_and_is_told(cast, third):
    factories.emergency_asked(third, cast)
    waits = read(third)
    with in_days(0.05):
        lapsed = read(third)

    assert [b.standing for b in waits.break_glasses] == ["waits for confirmation"]
    assert [b.standing for b in lapsed.break_glasses] == ["never confirmed"]
    assert (waits.alarms, lapsed.alarms) == ((), ())
    assert lapsed.identity.standing == "Registered, not proposed"


def test_promotion_in_due_form_ends_an_emergency_early(cast, third):
    factories.emergency(factories.emergency_asked(third, cast), cast)
    promote(factories.approved(third, cast), actor=cast.rex)
    report = read(third)

    assert report.identity.standing == "Champion in production"
    assert [broken.standing for broken in report.alarms] == ["ended early"]
    assert headline(report).endswith("and replaced version 1.")


def test_every_environment_has_its_answer_and_its_standing(workspace, cast, first):
    staging = factories.POLICY.replace("production", "staging")
    factories.policy(workspace, cast, staging)
    version = factories.version(
        workspace, cast, content=b"3", scores=factories.predictions(strength=2.5)
    )
    asked = request_promotion(version, environment="staging", actor=cast.alice)
    for pk in asked.gate_runs.values_list("pk", flat=True):
        run_gate(pk)
    promote(factories.approved_as_it_is(asked, cast), actor=cast.rex)
    factories.emergency(factories.emergency_asked(version, cast), cast)

    report = read(version)

    assert [(d.environment, d.answer) for d in report.decisions] == [
        ("production", "allow"),
        ("staging", "allow"),
    ]
    assert report.identity.standing == (
        "Serves in an emergency in production; Champion in staging"
    )


def test_approval_that_ran_out_has_expired_whether_the_timer_has_run_or_not(
    cast, first, third
):
    factories.approved(third, cast)
    fresh = read(third)
    with in_days(31):
        late = read(third)

    assert fresh.identity.standing == "Approved for production"
    assert late.identity.standing == "Expired for production"
    assert [why.code for why in late.decisions[0].reasons] == ["approval_expired"]


# Rollbacks


def test_report_tells_of_a_rollback_and_the_freeze_until_it_is_reviewed(
    cast, first, second
):
    undone = factories.rollback(slot(), first, cast)
    frozen = read(second)
    lifting = factories.lifting(undone.freeze, cast)
    lifted = read(second)

    told: dict[str, Any] = {
        "number": undone.pk,
        "environment": "production",
        "rolled_back": 2,
        "to": 1,
        "request": first.promotion_requests.get().pk,
        "reason": "It refuses everybody below 25.",
        "rolled_back_by": "Rex Example",
        "rolled_back_at": undone.rolled_back_at,
        "finding": undone.finding_id,
        "freeze": undone.freeze.pk,
        "review_due_at": undone.freeze.review_due_at,
        "is_review_overdue": False,
    }
    reviewed: dict[str, Any] = {
        "conclusion": "The data of one year were missing.",
        "lifted_by": "Bob Example",
        "lifted_at": lifting.lifted_at,
        "authentication": METHOD,
    }
    assert frozen.rollbacks == (Rollback(**told, is_frozen=True),)
    assert lifted.rollbacks == (Rollback(**told, is_frozen=False, **reviewed),)
    assert frozen.identity.standing == "Rolled back in production"
    assert headline(frozen).startswith("Version 2 of credit was rolled back from")
    assert [why.code for why in frozen.decisions[0].reasons] == ["rolled_back"]
    assert frozen.slot_history[-1] == SlotChange(
        environment="production",
        version=1,
        how="rollback",
        changed_at=undone.rolled_back_at,
        changed_by="Rex Example",
        request_number=first.promotion_requests.get().pk,
    )
    assert read(first).identity.standing == "Champion in production"


def test_review_of_a_rollback_becomes_overdue_by_the_clock(cast, first, second):
    factories.rollback(slot(), first, cast)

    with in_days(3.01):
        assert read(first).rollbacks[0].is_review_overdue


# Findings


def test_report_tells_every_finding_with_what_was_done_about_it(cast, first, second):
    model = second.registered_model
    of_model = factories.finding(model, cast, Severity.HIGH)
    of_it = factories.finding(model, cast, Severity.MEDIUM, version=second)
    of_other = factories.finding(model, cast, Severity.CRITICAL, version=first)
    move = move_finding(
        of_it, to=FindingState.FIXED, reason="Retrained.", actor=cast.alice
    )
    until = timezone.now() + timedelta(days=10)
    borne = accept_risk(
        of_other, until=until, reason="Small loans only.", actor=cast.rita, **SIGNED
    )
    report = read(second)

    assert [(f.number, f.version, f.is_unresolved) for f in report.findings] == [
        (of_model.pk, None, True),
        (of_it.pk, 2, True),
        (of_other.pk, 1, False),
    ]
    assert report.findings_about_it == report.findings[:2]
    assert report.findings[1] == Finding(
        number=of_it.pk,
        version=2,
        severity="medium",
        cause="review",
        title="Scores drop for the young.",
        description="Seen in the slice below 25.",
        state="fixed",
        is_unresolved=True,
        is_overdue=False,
        owner="Alice Example",
        opened_by="Bob Example",
        opened_at=of_it.opened_at,
        due_at=of_it.due_at,
        accepted_until=None,
        moves=(
            FindingMove(
                from_state="open",
                to_state="fixed",
                reason="Retrained.",
                accepted_until=None,
                moved_by="Alice Example",
                authentication="",
                moved_at=move.moved_at,
            ),
        ),
    )
    assert report.findings[2].moves == (
        FindingMove(
            from_state="open",
            to_state="risk_accepted",
            reason="Small loans only.",
            accepted_until=until,
            moved_by="Rita Example",
            authentication=METHOD,
            moved_at=borne.moved_at,
        ),
    )


def test_finding_is_overdue_and_a_borne_risk_open_again_by_the_clock(cast, first):
    model = first.registered_model
    factories.finding(model, cast, Severity.HIGH)
    borne = factories.finding(model, cast, Severity.LOW)
    accept_risk(
        borne,
        until=timezone.now() + timedelta(days=20),
        reason="Small loans only.",
        actor=cast.rita,
        **SIGNED,
    )

    with in_days(31):
        report = read(first)

    assert [(f.severity, f.is_unresolved, f.is_overdue) for f in report.findings] == [
        ("high", True, True),
        ("low", True, False),
    ]
    assert [why.code for why in report.decisions[0].reasons] == ["finding_overdue"]


# What is stated about the model


def test_report_tells_the_newest_card_and_who_signed_the_tier(workspace, cast, first):
    model = first.registered_model
    bureau = factories.model(workspace, cast, "bureau")
    limits = factories.model(workspace, cast, "limits")
    factories.model_card(model, cast, limits_of_use="Old.")
    card = factories.model_card(
        model,
        cast,
        executive=cast.carol,
        upstream=[bureau],
        revalidation_months=6,
        revalidation_reason="Wages change twice a year.",
    )
    factories.model_card(limits, cast, upstream=[model])
    signed = factories.tier(model, cast, Tier.MODERATE)
    report = read(first)

    assert report.card == ModelCard(
        number=2,
        purpose="Tells who pays back.",
        limits_of_use="Not for loans below 500.",
        origin="own",
        vendor="",
        owner="Olivia Example",
        executive="Carol Example",
        upstream=("bureau",),
        upstream_unnamed=0,
        revalidation_months=6,
        revalidation_reason="Wages change twice a year.",
        written_by="Olivia Example",
        written_at=card.created_at,
    )
    assert report.identity.downstream == ("limits",)
    assert report.tier_assessments[0] == (
        TierAssessment(
            tier=3,
            former_tier=3,
            rationale="It decides on small loans only.",
            exposure="Two million a year.",
            printed_name="Rita Example",
            authentication=METHOD,
            signed_at=signed.signed_at,
        )
    )
    assert [signed.former_tier for signed in report.tier_assessments] == [3, None]
    assert report.decisions[0].restrictions == ("Not for loans below 500.",)
    assert (
        report.revalidation.interval_months,
        report.revalidation.interval_reason,
    ) == (6, "Wages change twice a year.")


def test_report_of_a_model_that_nobody_described_says_nothing_of_it(first):
    report = read(first)

    assert report.card is None
    assert report.identity.downstream == ()


def test_report_counts_other_models_that_who_ordered_it_does_not_see(
    workspace, cast, first
):
    credit = first.registered_model
    hidden, below = (
        factories.model(workspace, cast, name)
        for name in ("hidden-upstream", "hidden-downstream")
    )
    factories.model_card(credit, cast, upstream=[hidden])
    factories.model_card(below, cast, upstream=[credit])
    factories.retired(credit, cast)
    narrow = factories.person("narrow", workspace, None)
    assign_perm("registry.view_registeredmodel", narrow, credit)

    report: Any = read_lineage(first, reader=narrow)
    told = report.to_json().decode()

    assert "hidden" not in told
    assert (report.card.upstream, report.card.upstream_unnamed) == ((), 1)
    assert report.identity.downstream_unnamed == 1
    assert [
        (retired.dependants, retired.dependants_unnamed)
        for retired in report.retirements
    ] == [(("slot/default/credit/production",), 1)]
    by_bob: Any = read_lineage(first, reader=cast.bob)
    assert (by_bob.card.upstream, by_bob.identity.downstream) == (
        ("hidden-upstream",),
        ("hidden-downstream",),
    )
    assert by_bob.retirements[0].dependants[1:] == ("model/default/hidden-downstream",)


# Challengers


def test_report_counts_every_challenger_that_was_tried(workspace, cast, first, third):
    fourth = factories.version(
        workspace, cast, content=b"4", scores=factories.predictions(strength=2.5)
    )
    for tried in (third, fourth):
        add_challenger(
            tried, environment="production", reason="To compare.", actor=cast.alice
        )
    removal = remove_challenger(
        third, environment="production", reason="Too slow.", actor=cast.olivia
    )
    running = read(first).challengers
    promote(factories.approved(fourth, cast), actor=cast.rex)
    report = read(first)

    assert running[0] == Challenger(
        environment="production",
        number=1,
        version=2,
        champion=1,
        same_datasets=True,
        standing="withdrawn",
        reason="To compare.",
        added_by="Alice Example",
        added_at=removal.challenger.added_at,
        removal_reason="Too slow.",
        removed_by="Olivia Example",
        removed_at=removal.removed_at,
    )
    assert [(c.version, c.standing) for c in running[1:]] == [(3, "running")]
    assert [(c.version, c.standing) for c in report.challengers] == [
        (2, "withdrawn"),
        (3, "took the slot"),
    ]


# Revalidation


def test_report_tells_when_the_champion_is_due_and_what_called_for_it(
    cast, first, second
):
    model = second.registered_model
    calm = read(second).revalidation
    other = trigger_revalidation(
        model,
        kind=TriggerKind.CODE_CHANGE,
        detail="Another library.",
        version=first,
        actor=cast.bob,
    )
    call = trigger_revalidation(
        model, kind=TriggerKind.DRIFT_BREACH, detail="PSI 0.3", actor=cast.bot
    )
    called = read(second).revalidation
    signed = factories.revalidated(slot(), second, cast)
    done = read(second).revalidation

    approved_at = second.promotion_requests.get().approved_at
    due: dict[str, Any] = {"environment": "production", "validated_at": approved_at}
    assert (calm.interval_months, calm.triggers, calm.signed) == (24, (), ())
    assert calm.due_dates == (
        DueDate(
            **due, due_at=add_months(approved_at, 24), why="interval_end", is_due=False
        ),
    )
    assert called.due_dates == (
        DueDate(**due, due_at=call.recorded_at, why="drift_breach", is_due=True),
    )
    assert called.triggers == (
        RevalidationTrigger(
            version=None,
            kind="drift_breach",
            detail="PSI 0.3",
            recorded_by="bot",
            recorded_at=call.recorded_at,
        ),
    )
    assert done.due_dates == (
        DueDate(
            environment="production",
            validated_at=signed.signed_at,
            due_at=add_months(signed.signed_at, 24),
            why="interval_end",
            is_due=False,
        ),
    )
    assert done.signed == (
        SignedRevalidation(
            environment="production",
            conclusion="Its errors are what they were.",
            printed_name="Bob Example",
            authentication=METHOD,
            signed_at=signed.signed_at,
        ),
    )
    assert [t.detail for t in read(first).revalidation.triggers] == [
        other.detail,
        call.detail,
    ]
    assert read(first).revalidation.due_dates == ()


# Retirement


def test_report_of_a_retired_version_says_who_signed_and_what_stood_on_it(cast, first):
    signed = factories.retired(first.registered_model, cast, first)
    report = read(first)

    assert report.retirements == (
        Retirement(
            version=1,
            reason="Nobody asks it any more.",
            printed_name="Olivia Example",
            authentication=METHOD,
            retired_at=signed.retired_at,
            dependants=("slot/default/credit/production",),
            dependants_unnamed=0,
        ),
    )
    assert report.identity.standing == "Retired"
    assert headline(report).endswith("and will not serve again.")
    assert report.slot_history[-1] == SlotChange(
        environment="production",
        version=None,
        how="retirement",
        changed_at=signed.retired_at,
        changed_by="Olivia Example",
        request_number=None,
    )
    assert [why.code for why in report.decisions[0].reasons][-1] == "retired"


def test_retired_model_retires_every_version_and_another_version_only_itself(
    cast, first, second
):
    model = second.registered_model
    factories.retired(model, cast, first)
    assert read(second).retirements == ()

    factories.retired(model, cast)
    assert [retired.version for retired in read(second).retirements] == [None]
    assert read(second).identity.standing == "Retired"


def test_slot_falls_back_when_the_version_of_its_emergency_is_retired(
    cast, first, third
):
    factories.emergency(factories.emergency_asked(third, cast), cast)
    factories.retired(third.registered_model, cast, third)

    told = [(change.how, change.version) for change in read(first).slot_history]

    assert told == [("promotion", 1), ("break-glass", third.number), ("retirement", 1)]


def test_slot_does_not_fall_back_to_what_has_retired_meanwhile(cast, first, third):
    factories.emergency(factories.emergency_asked(third, cast), cast)
    factories.retired(first.registered_model, cast, first)
    with in_days(1.01):
        end_emergencies()
        history = read(third).slot_history

    assert [change.version for change in history] == [1, 2, None]


# Signatures and ends


def test_report_names_the_delegation_behind_a_signature(workspace, cast, first, third):
    now = timezone.now()
    delegation = delegate_signing(
        workspace,
        role=SignerRole.VALIDATOR,
        delegate=cast.carol,
        starts_at=now,
        ends_at=now + timedelta(days=1),
        reason="I am on leave.",
        actor=cast.bob,
        **SIGNED,
    )
    asked = factories.evaluated(third, cast)
    factories.signed(asked, cast.carol, SignerRole.VALIDATOR)
    factories.signed(asked, cast.olivia, SignerRole.OWNER)
    report = read(third)

    by_delegation, by_herself = report.sign_offs
    assert by_delegation.delegation == Delegation(
        number=delegation.pk,
        delegator="Bob Example",
        scope="all of the workspace",
        reason="I am on leave.",
        authentication=METHOD,
        signed_at=delegation.signed_at,
        starts_at=delegation.starts_at,
        ends_at=delegation.ends_at,
        withdrawn_at=None,
    )
    assert by_herself.delegation is None
    for signed in report.sign_offs:
        assert signed.evidence_opened_at < signed.signed_at
    assert f"delegation/{delegation.pk}" in {line.subject for line in report.trail}


def ended(version: ModelVersion, act: Callable[[Any], object], cast) -> Any:
    asked = factories.evaluated(version, cast)
    act(asked)
    return read(version).closings[0]


def test_report_tells_how_requests_ended_and_which_ends_were_signed(
    workspace, cast, first, third
):
    def reject(asked):
        open_evidence(asked, actor=cast.bob)
        reject_request(
            asked,
            role=SignerRole.VALIDATOR,
            reason="Rows are missing.",
            seen_digest=asked.subject_digest,
            actor=cast.bob,
            **SIGNED,
        )

    def invalidate(asked):
        invalidate_request(
            asked, reason="The labels were wrong.", actor=cast.bob, **SIGNED
        )

    rejected = ended(third, reject, cast)
    withdrawn = ended(third, lambda r: factories.withdrawn(r, cast), cast)
    invalidated = ended(third, invalidate, cast)
    factories.request(third, cast)
    with in_days(400):
        end_what_is_over()
        report = read(third)

    assert [closing.state for closing in report.closings] == [
        "expired",
        "invalidated",
        "withdrawn",
        "rejected",
    ]
    assert rejected == Closing(
        request=rejected.request,
        state="rejected",
        reason="Rows are missing.",
        closed_by="Bob Example",
        role="validator",
        closed_at=rejected.closed_at,
        authentication=METHOD,
        subject_digest=rejected.subject_digest,
    )
    assert rejected.subject_digest.startswith("sha256:")
    assert (withdrawn.closed_by, withdrawn.authentication) == ("Alice Example", "")
    assert (invalidated.closed_by, invalidated.authentication) == (
        "Bob Example",
        METHOD,
    )


def test_waiver_that_was_withdrawn_says_by_whom_and_why(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    factories.withdrawn_waiver(factories.waived(blocked, cast), cast)

    waiver = read(blocked.model_version).waivers[0]

    assert (waiver.standing, waiver.withdrawn_by, waiver.withdrawal_reason) == (
        "withdrawn",
        "Alice Example",
        "The control is gone.",
    )
    assert waiver.withdrawn_at is not None


# The whole


def test_trail_follows_slots_findings_freezes_and_emergencies_of_the_version(
    cast, first, second, third
):
    broken = factories.emergency(factories.emergency_asked(third, cast), cast)
    undone = factories.rollback(slot(), first, cast)
    factories.lifting(undone.freeze, cast)
    of_second = factories.finding(
        first.registered_model, cast, Severity.LOW, version=second
    )

    subjects = {line.subject for line in read(third).trail}

    assert subjects >= {
        "slot/default/credit/production",
        broken.break_glass.subject,
        broken.finding.subject,
        undone.finding.subject,
        undone.freeze.subject,
    }
    assert of_second.subject not in subjects


def test_trail_follows_the_slot_of_a_model_that_was_renamed(workspace, cast):
    version = factories.version(workspace, cast)
    add_challenger(
        version, environment="production", reason="To compare.", actor=cast.alice
    )
    factories.emergency(factories.emergency_asked(version, cast), cast)
    rename_model(version.registered_model, name="loans", actor=cast.alice)
    version = ModelVersion.objects.with_lineage().get(pk=version.pk)
    remove_challenger(
        version, environment="production", reason="It serves.", actor=cast.alice
    )

    told = {(line.kind, line.subject) for line in read(version).trail}

    assert told >= {
        ("registry.challenger.added", "slot/default/credit/production"),
        ("registry.challenger.removed", "slot/default/loans/production"),
    }


def everything_once_more(serving: ModelVersion, people: Any) -> None:
    """Add to every list of the report, and leave the version in its slot."""
    model = serving.registered_model
    factories.finding(model, people, Severity.LOW)
    factories.tier(model, people, Tier.MODERATE)
    trigger_revalidation(
        model, kind=TriggerKind.INCIDENT, detail="Again.", actor=people.bot
    )
    factories.revalidated(serving.slots.get(), serving, people)
    again = factories.version(model.workspace, people, content=b"again")
    add_challenger(
        again, environment="production", reason="To compare.", actor=people.alice
    )
    factories.emergency(factories.emergency_asked(again, people), people)
    undone = factories.rollback(slot(), serving, people)
    factories.lifting(undone.freeze, people)
    move_finding(
        undone.finding, to=FindingState.FIXED, reason="Mended.", actor=people.alice
    )
    factories.retired(model, people, again)


def test_reading_takes_as_many_queries_however_much_there_is_to_tell(cast, first):
    factories.what_comes_after(first, cast)
    read(first)  # so that the reader's own rights are known
    with CaptureQueriesContext(connection) as once:
        before = read(first)
    everything_once_more(first, cast)
    with CaptureQueriesContext(connection) as twice:
        after = read(first)

    assert len(after.findings) == len(before.findings) + 3
    assert len(after.break_glasses) == len(before.break_glasses) + 1
    assert len(after.rollbacks) == len(before.rollbacks) + 1
    assert len(once) == len(twice)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file .*sRGB2014.icc:ResourceWarning")
def test_ordered_report_prints_and_attaches_the_whole_story(cast, first, as_token):
    factories.what_comes_after(first, cast)
    sequence_pending()
    carol = as_token(cast.carol)
    order = carol.post(
        "/api/v1/reports/",
        {"registered_model": "credit", "version": 1},
        content_type="application/json",
    ).json()["id"]
    produce_report(order)
    document = carol.get(f"/api/v1/reports/{order}/document/")
    pdf = pypdf.PdfReader(io.BytesIO(b"".join(document.streaming_content)))
    told = json.loads(pdf.attachments["lineage-report.json"][0])
    pages = ["".join(page.extract_text().split()) for page in pdf.pages]
    text = "".join(pages)

    assert told["schema"] == "attestry.lineage-report.v2"
    assert [b["standing"] for b in told["break_glasses"]] == ["over", "ended early"]
    assert [c["how"] for c in told["slot_history"]] == [
        "promotion",
        "break-glass",
        "break-glass",
        "rollback",
        "end of the break-glass hours",
    ]
    for said in (
        "2 break-glass promotions; 1 rollback",
        "Not for loans below 500.",
        "ALLOW",
    ):
        assert "".join(said.split()) in pages[0]
    for said in (
        "bureau",
        "It decides on small loans only.",
        "The champion crashes.",
        "It refuses everybody below 25.",
        "The data of one year were missing.",
        "Scores drop for the young.",
        "Next quarter.",
        "PSI 0.3",
        "Its errors are what they were.",
        "To compare.",
    ):
        assert "".join(said.split()) in text
