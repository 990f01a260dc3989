"""May this artifact serve there, now? Whatever is not known to be allowed is denied."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.models import Head, VerificationMode
from audit.sequencer import sequence_pending
from audit.services.verification import verify_log
from registry.models import (
    Attestation,
    AttestationKind,
    ModelVersion,
    Slot,
)
from registry.models.finding import FindingState, Severity
from registry.services.archiving import archive_version
from registry.services.attestations import withdraw_attestation
from registry.services.decisions import decide
from registry.services.findings import accept_risk, move_finding
from registry.services.promotion import promote
from tests import factories
from tests.registry.deciding import decision, told
from tests.registry.slots import in_days

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]
PATH = "/api/v1/decisions/"


def test_champion_is_allowed_by_digest_and_by_name(champion, cast, as_token):
    bot = as_token(cast.bot)

    answers = [
        bot.get(PATH, {"environment": "production", **named}).json()
        for named in (
            {"artifact_digest": f"sha256:{champion.artifact_sha256}"},
            {"artifact_digest": champion.artifact_sha256},
            {"registered_model": "credit", "version": 1},
        )
    ]

    for answer in answers:
        del answer["decided_at"]
        due_at = answer.pop("expires_at")
        assert due_at is not None
        assert answer == {
            "answer": "allow",
            "environment": "production",
            "registered_model": "credit",
            "version": 1,
            "artifact_sha256": champion.artifact_sha256,
            "reasons": [],
            "warnings": [],
            "waivers": [],
            "restrictions": [],
            "policy": "policy/default/credit/credit-production/1",
            "policy_digest": champion.promotion_requests.get().policy.digest,
            "request": champion.promotion_requests.get().pk,
        }


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ({"artifact_digest": "0" * 64}, "unknown"),
        ({"registered_model": "credit", "version": 9}, "unknown"),
        ({"registered_model": "nothing", "version": 1}, "unknown"),
    ],
)
def test_what_is_unknown_is_denied(champion, cast, as_token, question, code):
    answer = as_token(cast.bot).get(PATH, {"environment": "production", **question})

    assert answer.status_code == 200
    assert answer.json()["answer"] == "deny"
    assert [reason["code"] for reason in answer.json()["reasons"]] == [code]


def test_who_may_not_see_a_model_is_told_no_more_than_of_an_unknown_one(
    champion, workspace, cast, as_token
):
    ada = as_token(cast.oscar)  # an operator sees the workspace and none of its models

    known, unknown = (
        ada.get(PATH, {"environment": "production", "artifact_digest": sha256}).json()
        for sha256 in (champion.artifact_sha256, "0" * 64)
    )

    del known["decided_at"], unknown["decided_at"]
    assert known == unknown
    assert known["answer"] == "deny"


def test_environment_without_a_policy_is_denied(champion, workspace, cast):
    assert told(decide(champion, environment="staging", now=timezone.now())) == (
        "deny",
        ["no_policy"],
        [],
    )


@pytest.mark.parametrize(
    "question",
    [
        {"artifact_digest": "0" * 64},
        {"environment": "production"},
        {"environment": "production", "registered_model": "credit"},
        {"environment": "production", "artifact_digest": "short"},
    ],
)
def test_half_a_question_is_refused(champion, cast, as_token, question):
    assert as_token(cast.bot).get(PATH, question).status_code == 400


def test_artifact_of_two_models_needs_the_model_named(
    champion, workspace, cast, as_token
):
    factories.model(workspace, cast, "other")
    source = champion.source_run
    ModelVersion.objects.create(
        registered_model=factories.model(workspace, cast, "other"),
        number=1,
        source_run=source,
        artifact=champion.artifact,
        artifact_sha256=champion.artifact_sha256,
        created_by=cast.alice,
    )
    question = {
        "environment": "production",
        "artifact_digest": champion.artifact_sha256,
    }
    bot = as_token(cast.bot)

    answers = [
        bot.get(PATH, question | named).json()["answer"]
        for named in ({}, {"registered_model": "credit"}, {"registered_model": "other"})
    ]

    assert answers == ["deny", "allow", "deny"]


def test_answer_follows_a_request_on_its_way(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    answers = [told(decision(version))]
    request = factories.evaluated(version, cast)
    answers.append(told(decision(version)))
    request = factories.approved_as_it_is(request, cast)
    answers.append(told(decision(version)))
    answers.append(told(decision(version, later=timedelta(days=31))))
    promote(request, actor=cast.rex)
    answers.append(told(decision(version)))

    assert answers == [
        ("deny", ["not_promoted"], []),
        ("pending", ["in_review"], []),
        ("pending", ["not_promoted"], []),
        ("deny", ["approval_expired"], []),
        ("allow", [], []),
    ]


def test_version_that_fails_its_gates_is_denied(workspace, cast):
    factories.policy(workspace, cast)
    weak = factories.version(
        workspace, cast, scores=factories.predictions(strength=0.05)
    )
    factories.evaluated(weak, cast)

    assert told(decision(weak))[:2] == ("deny", ["blocked"])


def test_superseded_and_rolled_back_versions_are_denied(workspace, cast, champion):
    second = factories.champion(
        workspace, cast, content=b"2", scores=factories.predictions(strength=2.5)
    )
    assert told(decision(champion))[:2] == ("deny", ["superseded"])

    undone = factories.rollback(Slot.objects.get(), champion, cast)

    assert told(decision(second))[:2] == ("deny", ["rolled_back"])
    assert told(decision(champion)) == ("allow", [], [])
    late = decision(champion, later=timedelta(hours=73))
    assert told(late) == ("allow", [], ["review_overdue"])
    waiting = factories.version(workspace, cast, content=b"3")
    factories.evaluated(waiting, cast)
    assert told(decision(waiting))[:2] == ("pending", ["in_review", "frozen"])
    factories.lifting(undone.freeze, cast)
    assert told(decision(waiting))[:2] == ("pending", ["in_review"])


def test_emergency_is_denied_the_minute_it_is_over(workspace, cast, champion):
    third = factories.version(workspace, cast, content=b"3")
    asked = factories.emergency_asked(third, cast, hours=2)
    confirmed = factories.emergency(asked, cast)

    now, later = decision(third), timedelta(hours=2)
    assert told(now) == ("allow", [], ["break_glass"])
    assert now.expires_at == confirmed.expires_at
    assert told(decision(champion))[:2] == ("deny", ["superseded"])
    assert told(decision(third, later=later))[:2] == ("deny", ["break_glass_expired"])
    assert told(decision(champion, later=later)) == ("allow", [], [])


def test_findings_deny_what_serves(workspace, cast, champion):
    model = champion.registered_model
    finding = factories.finding(model, cast, Severity.CRITICAL)
    assert told(decision(champion))[:2] == ("deny", ["finding_critical"])

    accept_risk(
        finding,
        until=timezone.now() + timedelta(days=10),
        reason="Few loans.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=cast.rita,
    )
    borne = decision(champion)
    assert told(borne) == ("allow", [], ["revalidation_due", "risk_accepted"])
    assert told(decision(champion, later=timedelta(days=11)))[:2] == (
        "deny",
        ["finding_critical"],
    )

    move_finding(finding, to=FindingState.FIXED, reason="F", actor=cast.alice)
    move_finding(finding, to=FindingState.VERIFIED, reason="V", actor=cast.bob)
    assert told(decision(champion)) == ("allow", [], ["revalidation_due"])
    factories.revalidated(champion.slots.get(), champion, cast)
    assert told(decision(champion)) == ("allow", [], [])
    factories.finding(model, cast, Severity.HIGH)
    assert told(decision(champion, later=timedelta(days=31)))[:2] == (
        "deny",
        ["finding_overdue"],
    )


def test_nothing_is_allowed_on_a_log_that_was_altered(cast, champion):
    sequence_pending()
    root = Head.objects.current().root
    Head.objects.update(root=bytes(32))
    verify_log(Head.objects.current(), mode=VerificationMode.FULL)
    Head.objects.update(root=root)

    assert told(decision(champion))[:2] == ("deny", ["log_not_intact"])


def test_retired_version_is_denied(cast, champion):
    factories.retired(champion.registered_model, cast, champion)

    answer, reasons, _ = told(decision(champion))
    assert (answer, reasons[-1]) == ("deny", "retired")


def test_archived_version_is_denied(workspace, cast, champion):
    factories.champion(workspace, cast, content=b"2")
    archive_version(champion, actor=cast.alice)

    assert told(decision(champion)) == ("deny", ["superseded", "archived"], [])


def test_limits_of_use_go_along(cast, champion):
    factories.model_card(champion.registered_model, cast)

    assert decision(champion).restrictions == ("Not for loans below 500.",)


def test_champion_is_denied_in_the_moment_that_its_waiver_ends(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    waiver = factories.waived(blocked, cast, days=10)
    promote(factories.approved_as_it_is(blocked, cast), actor=cast.rex)
    version = blocked.model_version

    allowed = decision(version)

    assert told(allowed) == ("allow", [], [])
    assert (allowed.waivers, allowed.expires_at) == ((waiver,), waiver.expires_at)
    sequence_pending()
    with time_machine.travel(waiver.expires_at, tick=False):
        assert told(decision(version)) == ("deny", ["waiver_expired"], [])


@pytest.fixture
def attested(workspace, cast) -> Attestation:
    """Return what a champion was attested for its approval."""
    wanted = "attestations: [{kind: canary, accepts: [human], max_age_days: 20}]\n"
    factories.policy(workspace, cast, factories.POLICY + wanted)
    version = factories.version(workspace, cast)
    given = factories.attested(version, cast.rex, AttestationKind.CANARY)
    factories.promoted(version, cast)
    return given


def test_champion_is_denied_while_what_was_attested_for_it_is_taken_back(
    attested, cast
):
    version = attested.model_version

    withdraw_attestation(attested, reason="It had alarmed.", actor=cast.olivia)

    assert told(decision(version)) == ("deny", ["attestation_withdrawn"], [])
    factories.attested(version, cast.rex, AttestationKind.CANARY)
    assert told(decision(version)) == ("allow", [], [])


def test_attestation_that_was_one_too_many_is_taken_back_without_harm(attested, cast):
    version = attested.model_version
    twice = factories.attested(version, cast.rex, AttestationKind.CANARY)
    withdraw_attestation(twice, reason="Sent twice.", actor=cast.olivia)
    assert told(decision(version)) == ("allow", [], [])


def test_champion_is_warned_of_when_its_attestation_grows_old(attested):
    with in_days(20):
        assert told(decision(attested.model_version)) == (
            "allow",
            [],
            ["attestation_expired"],
        )
