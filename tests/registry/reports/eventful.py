"""An invented report of a version about which everything happened that can happen."""

from dataclasses import replace
from typing import Any

from registry.reports.lineage import Attestation, Closing, LineageReport, Waiver
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
    Revalidation,
    RevalidationTrigger,
    Rollback,
    SignedRevalidation,
    TierAssessment,
)
from tests.registry.reports.samples import digest, hexadecimal, lineage_report, minutes

PASSWORD = "password re-entered"
TWO_FACTORS = "password and one-time code"
# In minutes, as the times of the samples are counted.
DAY = 1_440


def decision(**changes: Any) -> Decision:
    values: dict[str, Any] = {
        "environment": "production",
        "answer": "deny",
        "reasons": (
            Reason(
                code="finding_critical",
                sentence="1 critical finding(s) on flight-delay are open (number 7): "
                "have them fixed and verified, or the risk accepted.",
            ),
        ),
        "warnings": (
            Reason(
                code="break_glass",
                sentence="It serves in an emergency without an approval, until "
                "2026-03-15 14:00 UTC.",
            ),
        ),
        "waivers": (3,),
        "restrictions": ("Not for flights that leave within the hour.",),
        "expires_at": None,
    }
    return Decision(**values | changes)


def model_card(**changes: Any) -> ModelCard:
    values: dict[str, Any] = {
        "number": 4,
        "purpose": "Tells the rebooking desk which flights will probably be late.",
        "limits_of_use": "Not for flights that leave within the hour.\n"
        "Not for crews' duty times.",
        "origin": "vendor",
        "vendor": "Nimbus Analytics",
        "owner": "Oskar Lindström",
        "executive": "Edda Castellanos",
        "upstream": ("weather-nowcast",),
        "upstream_unnamed": 3,
        "revalidation_months": 6,
        "revalidation_reason": "Timetables change twice a year.",
        "written_by": "Oskar Lindström",
        "written_at": minutes(-3 * DAY),
    }
    return ModelCard(**values | changes)


def tier_assessments() -> tuple[TierAssessment, ...]:
    return (
        TierAssessment(
            tier=3,
            former_tier=2,
            rationale="A person decides on every rebooking.",
            exposure="Vouchers of two million a year.",
            printed_name="Rika Sato",
            authentication=TWO_FACTORS,
            signed_at=minutes(-2 * DAY),
        ),
        TierAssessment(
            tier=2,
            former_tier=None,
            rationale="It rebooks by itself.",
            exposure="Vouchers of nine million a year.",
            printed_name="Oskar Lindström",
            authentication=TWO_FACTORS,
            signed_at=minutes(-9 * DAY),
        ),
    )


def break_glass(**changes: Any) -> BreakGlass:
    values: dict[str, Any] = {
        "number": 12,
        "environment": "production",
        "version": 2,
        "standing": "in force",
        "is_in_force": True,
        "reason": "The champion answers nothing since the night's timetable change.",
        "hours": 24,
        "asked_by": "Oskar Lindström",
        "asked_as": "owner",
        "asked_at": minutes(100),
        "asked_authentication": TWO_FACTORS,
        "lapses_at": minutes(160),
        "confirmed_by": "Rika Sato",
        "confirmed_as": "risk",
        "confirmed_at": minutes(120),
        "confirmed_authentication": TWO_FACTORS,
        "expires_at": minutes(120 + DAY),
        "fallback": 1,
        "finding": 7,
    }
    return BreakGlass(**values | changes)


def unconfirmed(**changes: Any) -> BreakGlass:
    """Somebody asked, and the hour went by."""
    nobody: dict[str, Any] = {
        "number": 11,
        "standing": "never confirmed",
        "is_in_force": False,
        "confirmed_by": "",
        "confirmed_as": "",
        "confirmed_at": None,
        "confirmed_authentication": "",
        "expires_at": None,
        "fallback": None,
        "finding": None,
    }
    return break_glass(**nobody | changes)


def rollback(**changes: Any) -> Rollback:
    values: dict[str, Any] = {
        "number": 5,
        "environment": "production",
        "rolled_back": 2,
        "to": 1,
        "request": 1,
        "reason": "It calls every flight from the new terminal late.",
        "rolled_back_by": "Rel Engineer",
        "rolled_back_at": minutes(125),
        "finding": 8,
        "freeze": 6,
        "review_due_at": minutes(125 + 3 * DAY),
        "is_frozen": True,
        "is_review_overdue": False,
    }
    return Rollback(**values | changes)


def reviewed() -> Rollback:
    return rollback(
        number=4,
        freeze=5,
        is_frozen=False,
        conclusion="One day of the data was missing.",
        lifted_by="Vera Okonkwo",
        lifted_at=minutes(128),
        authentication=PASSWORD,
    )


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "number": 7,
        "version": 2,
        "severity": "critical",
        "cause": "break_glass",
        "title": "Version 2 serves in production without approval",
        "description": "The champion answers nothing since the night.",
        "state": "open",
        "is_unresolved": True,
        "is_overdue": False,
        "owner": "Oskar Lindström",
        "opened_by": "Rika Sato",
        "opened_at": minutes(120),
        "due_at": None,
        "accepted_until": None,
        "moves": (),
    }
    return Finding(**values | changes)


def findings() -> tuple[Finding, ...]:
    return (
        finding(),
        finding(
            number=3,
            version=None,
            severity="high",
            cause="monitoring",
            title="Scores drift in spring",
            description="",
            is_overdue=True,
            due_at=minutes(-DAY),
            opened_at=minutes(-31 * DAY),
        ),
        finding(
            number=4,
            version=1,
            severity="medium",
            title="Slow on the first call",
            due_at=minutes(80 * DAY),
        ),
        finding(
            number=2,
            version=2,
            severity="low",
            cause="review",
            title="Names of columns differ",
            description="",
            state="risk_accepted",
            is_unresolved=False,
            due_at=minutes(180 * DAY),
            accepted_until=minutes(30 * DAY),
            moves=(
                FindingMove(
                    from_state="open",
                    to_state="planned",
                    reason="With the next export.",
                    accepted_until=None,
                    moved_by="Devi Raman",
                    authentication="",
                    moved_at=minutes(30),
                ),
                FindingMove(
                    from_state="planned",
                    to_state="risk_accepted",
                    reason="The desk knows both names.",
                    accepted_until=minutes(30 * DAY),
                    moved_by="Rika Sato",
                    authentication=TWO_FACTORS,
                    moved_at=minutes(40),
                ),
            ),
        ),
    )


def challengers() -> tuple[Challenger, ...]:
    first = Challenger(
        environment="production",
        number=1,
        version=2,
        champion=1,
        same_datasets=True,
        standing="took the slot",
        reason="It knows the weather.",
        added_by="Devi Raman",
        added_at=minutes(20),
    )
    return (
        first,
        replace(
            first,
            number=2,
            version=3,
            same_datasets=False,
            standing="withdrawn",
            removal_reason="It learnt from the test rows.",
            removed_by="Oskar Lindström",
            removed_at=minutes(25),
        ),
    )


def revalidation(**changes: Any) -> Revalidation:
    values: dict[str, Any] = {
        "interval_months": 6,
        "interval_reason": "Timetables change twice a year.",
        "due_dates": (
            DueDate(
                environment="production",
                validated_at=minutes(93),
                due_at=minutes(110),
                why="drift_breach",
                is_due=True,
            ),
        ),
        "triggers": (
            RevalidationTrigger(
                version=None,
                kind="drift_breach",
                detail="PSI 0.31 on the wind's speed",
                recorded_by="monitor",
                recorded_at=minutes(110),
            ),
        ),
        "signed": (
            SignedRevalidation(
                environment="production",
                conclusion="Its errors are what they were.",
                printed_name="Vera Okonkwo",
                authentication=PASSWORD,
                signed_at=minutes(115),
            ),
        ),
    }
    return Revalidation(**values | changes)


def waiver() -> Waiver:
    return Waiver(
        number=3,
        gate="latency",
        scope="this request",
        standing="withdrawn",
        reason="The desk waits for a second anyway.",
        compensating_control="A person looks at every answer that is late.",
        residual_risk="Some flights are rebooked late.",
        requested_by="Devi Raman",
        starts_at=minutes(60),
        expires_at=minutes(60 + 30 * DAY),
        renews=None,
        approved_by=("Rika Sato",),
        withdrawn_by="Devi Raman",
        withdrawn_at=minutes(119),
        withdrawal_reason="The desk does not wait any more.",
    )


def attestation() -> Attestation:
    return Attestation(
        kind="canary",
        source="human",
        standing="valid",
        statement="Two days without an alert.",
        link="https://ci.example/canary/9",
        evidence_sha256=hexadecimal("canary"),
        attested_by="Oskar Lindström",
        attested_at=minutes(55),
        expires_at=minutes(55 + 30 * DAY),
    )


def closing() -> Closing:
    return Closing(
        request=1,
        state="rejected",
        reason="The rows of the night flights are missing.",
        closed_by="Vera Okonkwo",
        role="validator",
        closed_at=minutes(58),
        authentication=PASSWORD,
        subject_digest=digest("rejected"),
    )


def retirement(**changes: Any) -> Retirement:
    values: dict[str, Any] = {
        "version": 2,
        "reason": "Replaced by the airline's own.",
        "printed_name": "Oskar Lindström",
        "authentication": TWO_FACTORS,
        "retired_at": minutes(129),
        "dependants": ("slot/default/flight-delay/production",),
        "dependants_unnamed": 2,
    }
    return Retirement(**values | changes)


def delegation() -> Delegation:
    return Delegation(
        number=9,
        delegator="Hedda Vance",
        scope="all of the workspace",
        reason="I am on leave.",
        authentication=TWO_FACTORS,
        signed_at=minutes(-DAY),
        starts_at=minutes(-DAY),
        ends_at=minutes(6 * DAY),
        withdrawn_at=minutes(127),
    )


def eventful_report(**changes: Any) -> LineageReport:
    """Return a report whose version serves in an emergency, among other things."""
    quiet = lineage_report()
    vera, oskar = quiet.sign_offs
    values: dict[str, Any] = {
        "identity": replace(
            quiet.identity,
            standing="Serves in an emergency in production",
            purpose=model_card().purpose,
            downstream=("crew-roster",),
            downstream_unnamed=5,
        ),
        "sign_offs": (
            replace(vera, delegation=delegation(), evidence_opened_at=minutes(63)),
            replace(oskar, evidence_opened_at=minutes(64)),
        ),
        "waivers": (waiver(),),
        "attestations": (attestation(),),
        "closings": (closing(),),
        "decisions": (decision(),),
        "card": model_card(),
        "tier_assessments": tier_assessments(),
        "break_glasses": (unconfirmed(), break_glass()),
        "rollbacks": (reviewed(), rollback()),
        "findings": findings(),
        "challengers": challengers(),
        "revalidation": revalidation(),
    }
    return replace(quiet, **values | changes)
