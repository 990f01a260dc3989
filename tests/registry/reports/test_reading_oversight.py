"""The report of a version tells what people found, undid and looked at again."""

import io
import json
from datetime import timedelta
from typing import Any

import pypdf
import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.sequencer import sequence_pending
from registry.models import BreakGlassConfirmation, ModelVersion
from registry.models.finding import FindingState, Severity
from registry.models.revalidation import TriggerKind
from registry.models.tier import Tier
from registry.reports.headline import headline
from registry.reports.lineage import SlotChange
from registry.reports.oversight import (
    BreakGlass,
    Decision,
    DueDate,
    Finding,
    FindingMove,
    Reason,
    Rollback,
)
from registry.reports.production import produce_report
from registry.services.break_glass import end_emergencies
from registry.services.findings import accept_risk, move_finding
from registry.services.gate_runs import run_gate
from registry.services.promotion import promote, request_promotion
from registry.services.registered_models import rename_model
from registry.services.revalidations import trigger_revalidation
from registry.services.slots import add_challenger, remove_challenger
from tests import factories
from tests.registry.reports.oversight_acts import METHOD, SIGNED, in_days, read, slot
from tracking.permissions import Role

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


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
            moved_at=borne.finding.moves.get().moved_at,
        ),
    )


def test_report_names_both_who_bear_the_risk_of_a_critical_model(
    workspace, cast, first
):
    model = first.registered_model
    apps = {who: factories.second_factor(who) for who in (cast.rita, cast.eve)}
    factories.tier(model, cast, Tier.CRITICAL, code=apps[cast.rita].code())
    factories.grant(cast.eve, Role.RISK, workspace)
    finding = factories.finding(model, cast, Severity.HIGH)
    until = timezone.now() + timedelta(days=20)
    in_a_minute = timezone.now() + timedelta(minutes=1)  # no code counts twice
    with time_machine.travel(in_a_minute):
        for who, app in apps.items():
            factories.borne(finding, who, until=until, code=app.code())

        (told,) = read(first).findings

    (move,) = told.moves
    assert (move.moved_by, move.signed_with) == ("Eve Example", ("Rita Example",))


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
    tiers = factories.POLICY.replace("registered_model: credit", "tier: [3]")
    factories.policy(workspace, cast, tiers)
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
    factories.judged(BreakGlassConfirmation.objects.latest("pk"), people)
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
