"""The report tells what people stated about a model, tried beside it and signed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from guardian.shortcuts import assign_perm

from registry.models import ModelVersion
from registry.models.revalidation import TriggerKind
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.reports.headline import headline, tally
from registry.reports.lineage import Closing, SlotChange
from registry.reports.oversight import (
    Challenger,
    Delegation,
    DueDate,
    ModelCard,
    Retirement,
    RevalidationTrigger,
    SignedRevalidation,
    TierAssessment,
)
from registry.reports.reading import read_lineage
from registry.services.break_glass import end_emergencies
from registry.services.closings import invalidate_request, reject_request
from registry.services.delegations import delegate_signing
from registry.services.due_dates import add_months
from registry.services.evidence_views import open_evidence
from registry.services.promotion import promote
from registry.services.revalidations import trigger_revalidation
from registry.services.slots import add_challenger, remove_challenger
from registry.services.timers import end_what_is_over
from tests import factories
from tests.registry.reports.oversight_acts import METHOD, SIGNED, in_days, read, slot

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


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
    factories.request(third, cast)
    with in_days(400):
        end_what_is_over()
        invalidated = ended(third, invalidate, cast)
        report = read(third)

    assert [closing.state for closing in report.closings] == [
        "invalidated",
        "expired",
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


def test_waived_gate_says_so_beside_what_it_answered(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    before = read(blocked.model_version)
    waiver = factories.waived(blocked, cast)
    waived = read(blocked.model_version)
    factories.withdrawn_waiver(waiver, cast)
    after = read(blocked.model_version)

    told = [
        [(row.gate, row.outcome, row.waiver) for row in report.latest_gates]
        for report in (before, waived, after)
    ]
    assert told == [
        [("auc", "fail", None), ("regression", "not_applicable", None)],
        [("auc", "fail", waiver.pk), ("regression", "not_applicable", None)],
        [("auc", "fail", None), ("regression", "not_applicable", None)],
    ]
    assert [tally(report).partition(";")[0] for report in (before, waived)] == [
        "0 of 2 gates passed",
        "0 of 2 gates passed, 1 did not and was waived",
    ]
