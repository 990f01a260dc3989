"""What a policy wants attested: by whom it is accepted, how long it holds."""

import hashlib
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.proofs import trail
from audit.sequencer import sequence_pending
from registry.models import (
    Attestation,
    AttestationKind,
    AttestationSource,
    PromotionRequest,
    RequestState,
)
from registry.models.sign_off import SignerRole
from registry.services.assessment import assess
from registry.services.attestations import withdraw_attestation
from registry.services.gate_runs import run_gate
from registry.services.promotion import promote, request_promotion
from registry.services.sign_offs import missing_roles
from registry.services.timers import end_what_is_over
from registry.signing import valid_sign_offs
from tests import factories
from tests.registry.test_delegations import delegated
from tracking.permissions import Role
from tracking.services.artifacts import remove_artifacts
from tracking.services.role_grants import approve_role, ask_for_role
from tracking.services.workspaces import create_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

WANTED = (
    factories.POLICY
    + """
attestations:
  - {kind: unit_tests, accepts: [ci], max_age_days: 20}
  - {kind: rollback_plan, accepts: [human]}
"""
)
CI = {"source": AttestationSource.CI, "password": "", "is_interactive": False}
UNIT_TESTS, ROLLBACK_PLAN = AttestationKind.UNIT_TESTS, AttestationKind.ROLLBACK_PLAN


@pytest.fixture
def blocked(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast, WANTED)
    return factories.evaluated(factories.version(workspace, cast), cast)


def attest_both(asked, cast) -> tuple[Attestation, Attestation]:
    version = asked.model_version
    return (
        factories.attested(version, cast.bot, UNIT_TESTS, **CI),
        factories.attested(version, cast.rex, ROLLBACK_PLAN),
    )


def test_request_is_blocked_until_everything_wanted_is_attested(blocked, cast):
    assert blocked.state == RequestState.BLOCKED
    assert trail([blocked.subject])[-1].payload["missing_attestations"] == [
        "unit_tests",
        "rollback_plan",
    ]

    tests, plan = attest_both(blocked, cast)

    reviewed = factories.fresh(blocked)
    assert reviewed.state == RequestState.IN_REVIEW
    assert reviewed.rests_until == tests.attested_at + timedelta(days=20)
    assert (plan.printed_name, plan.method) == ("Rex Example", "password re-entered")
    assert tests.method == "token of a service account"


def test_what_was_attested_before_the_request_counts(workspace, cast):
    factories.policy(workspace, cast, WANTED)
    version = factories.version(workspace, cast)
    factories.attested(version, cast.bot, UNIT_TESTS, **CI)
    factories.attested(version, cast.olivia, ROLLBACK_PLAN)

    assert factories.evaluated(version, cast).state == RequestState.IN_REVIEW


def test_attestation_by_a_source_that_the_policy_does_not_accept_counts_nothing(
    blocked, cast
):
    factories.attested(blocked.model_version, cast.olivia, UNIT_TESTS)
    factories.attested(blocked.model_version, cast.bot, ROLLBACK_PLAN, **CI)

    assert factories.fresh(blocked).state == RequestState.BLOCKED


@pytest.mark.parametrize(
    ("kind", "judges"),
    [
        (AttestationKind.ETHICS_REVIEW, {"eve"}),
        (AttestationKind.BUSINESS_IMPACT, {"olivia", "rita"}),
    ],
)
def test_judgements_are_attested_in_the_role_for_them(workspace, cast, kind, judges):
    version = factories.version(workspace, cast)
    for name in judges:
        factories.attested(version, getattr(cast, name), kind)

    for name in {"olivia", "bob", "rita", "eve", "rex"} - judges:
        with pytest.raises(PermissionDeniedError) as refusal:
            factories.attested(version, getattr(cast, name), kind)
        assert refusal.value.code == "may_not_attest_kind"


def test_who_had_a_hand_in_a_version_does_not_judge_it(workspace, cast):
    source = factories.run(workspace, cast.alice)
    factories.grant(cast.eve, Role.DEVELOPER, workspace)
    factories.upload(source, "notes.txt", b"looked", cast.eve)
    version = factories.version(workspace, cast, source=source)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.attested(version, cast.eve, AttestationKind.ETHICS_REVIEW)

    assert refusal.value.code == "segregation_of_duties"
    assert "uploaded evidence" in refusal.value.extra["conflicts"]


def test_nobody_judges_for_who_had_a_hand_in_a_version(workspace, cast):
    source = factories.run(workspace, cast.alice)
    data = factories.use_dataset(source, cast.alice)
    factories.card(data, cast.stella, labellers=["eve"], sensitivity=[])
    version = factories.version(workspace, cast, source=source)
    delegated(workspace, cast.eve, cast.bob, role=SignerRole.ETHICS)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.attested(version, cast.bob, AttestationKind.ETHICS_REVIEW)

    assert refusal.value.extra["conflicts"] == ["labelled its data"]


def test_judgement_in_a_lent_role_says_for_whom(workspace, cast):
    version = factories.version(workspace, cast)
    lent = delegated(workspace, cast.eve, cast.bob, role=SignerRole.ETHICS)

    given = factories.attested(version, cast.bob, AttestationKind.ETHICS_REVIEW)

    assert given.printed_name == "Bob Example, for Eve Example"
    assert trail([version.subject])[-1].payload["delegation"] == lent.subject


def test_who_lent_their_name_to_a_judgement_asks_for_nothing_on_it(workspace, cast):
    wanted = "attestations: [{kind: ethics_review, accepts: [human]}]\n"
    factories.policy(workspace, cast, factories.POLICY + wanted)
    version = factories.version(workspace, cast)
    factories.grant(cast.eve, Role.DEVELOPER, workspace)
    lent = delegated(workspace, cast.eve, cast.bob, role=SignerRole.ETHICS)
    given = factories.attested(version, cast.bob, AttestationKind.ETHICS_REVIEW)

    asked = request_promotion(version, environment="production", actor=cast.eve)
    for pk in asked.gate_runs.values_list("pk", flat=True):
        run_gate(pk)

    assert given.delegation == lent
    assert factories.fresh(asked).state == RequestState.BLOCKED


def test_who_may_judge_in_their_own_right_does_not_judge_for_somebody(workspace, cast):
    version = factories.version(workspace, cast)
    delegated(workspace, cast.olivia, cast.rita, role=SignerRole.OWNER)

    given = factories.attested(version, cast.rita, AttestationKind.BUSINESS_IMPACT)

    assert given.printed_name == "Rita Example"
    assert trail([version.subject])[-1].payload["delegation"] is None


def test_who_submitted_a_version_does_not_judge_it_nor_does_anybody_for_them(
    workspace, cast
):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    zoe = factories.person("zoe", workspace, Role.OWNER)
    delegated(workspace, cast.olivia, zoe, role=SignerRole.OWNER)
    request_promotion(version, environment="production", actor=cast.olivia)

    for person in (cast.olivia, zoe):
        with pytest.raises(PermissionDeniedError) as refusal:
            factories.attested(version, person, AttestationKind.BUSINESS_IMPACT)
        assert refusal.value.extra["conflicts"] == ["submitted this version"]


def test_judgement_of_who_submits_afterwards_counts_nothing(workspace, cast):
    wanted = "attestations: [{kind: business_impact, accepts: [human]}]\n"
    factories.policy(workspace, cast, factories.POLICY + wanted)
    version = factories.version(workspace, cast)
    factories.attested(version, cast.olivia, AttestationKind.BUSINESS_IMPACT)
    asked = request_promotion(version, environment="production", actor=cast.olivia)
    for pk in asked.gate_runs.values_list("pk", flat=True):
        run_gate(pk)
    assert factories.fresh(asked).state == RequestState.BLOCKED

    factories.attested(version, cast.rita, AttestationKind.BUSINESS_IMPACT)

    assert factories.fresh(asked).state == RequestState.IN_REVIEW


@pytest.mark.parametrize(
    "kind", [AttestationKind.ETHICS_REVIEW, AttestationKind.BUSINESS_IMPACT]
)
@pytest.mark.parametrize("source", [AttestationSource.CI, AttestationSource.TELEMETRY])
def test_program_judges_nothing(workspace, cast, kind, source):
    version = factories.version(workspace, cast)
    as_system = CI | {"source": source, "evidence_sha256": "0" * 64}

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.attested(version, cast.bot, kind, **as_system)

    assert refusal.value.code == "judgement_is_of_people"
    assert not Attestation.objects.exists()


def test_attestation_for_another_environment_counts_nothing(blocked, cast):
    for environment in ("staging", "production"):
        version = blocked.model_version
        factories.attested(version, cast.bot, UNIT_TESTS, environment=environment, **CI)
        factories.attested(version, cast.olivia, ROLLBACK_PLAN, environment=environment)
        state = factories.fresh(blocked).state
        assert (state == RequestState.IN_REVIEW) is (environment == "production")


def test_new_attestation_in_review_voids_the_signatures(blocked, cast):
    attest_both(blocked, cast)
    approved = factories.approved_as_it_is(blocked, cast)
    assert approved.state == RequestState.APPROVED

    factories.attested(blocked.model_version, cast.rex, ROLLBACK_PLAN)

    again = factories.fresh(blocked)
    assert again.state == RequestState.IN_REVIEW
    assert again.subject_digest != approved.subject_digest
    assert not valid_sign_offs(again).exists()


def test_signatures_stay_void_when_what_they_were_given_for_comes_back(blocked, cast):
    attest_both(blocked, cast)
    factories.approved_as_it_is(blocked, cast)

    with time_machine.travel(timezone.now() + timedelta(days=15), tick=False):
        sequence_pending()
        other = factories.attested(blocked.model_version, cast.rex, ROLLBACK_PLAN)
        withdraw_attestation(other, reason="Sent twice.", actor=cast.rex)

    again = factories.fresh(blocked)
    assert again.state == RequestState.IN_REVIEW
    assert not valid_sign_offs(again).exists()
    assert missing_roles(again) == ["validator", "owner"]
    assert not again.evidence_views.filter(subject_digest=again.subject_digest).exists()


def test_program_alone_does_not_prolong_an_approval(workspace, cast, as_token):
    wanted = factories.POLICY + "attestations: [{kind: unit_tests, accepts: [ci]}]\n"
    factories.policy(workspace, cast, wanted)
    version = factories.version(workspace, cast)
    factories.attested(version, cast.bot, UNIT_TESTS, **CI)
    approved = factories.approved(version, cast)

    with time_machine.travel(timezone.now() + timedelta(days=15), tick=False):
        sequence_pending()
        bot = as_token(cast.bot)
        given = bot.post(
            "/api/v1/attestations/",
            {
                "registered_model": "credit",
                "version": version.number,
                "environment": "production",
                "kind": "unit_tests",
                "source": "ci",
                "statement": "812 tests passed.",
                "days": 30,
            },
            content_type="application/json",
        ).json()
        taken_back = bot.post(
            f"/api/v1/attestations/{given['id']}/withdrawal/",
            {"reason": "Sent twice."},
            content_type="application/json",
        )

    assert taken_back.status_code == 201
    again = factories.fresh(approved)
    assert (again.state, again.approved_at) == (RequestState.IN_REVIEW, None)


def test_withdrawn_attestation_blocks_at_once(blocked, cast):
    _, plan = attest_both(blocked, cast)

    withdraw_attestation(plan, reason="It was never tried.", actor=cast.bob)

    assert factories.fresh(blocked).state == RequestState.BLOCKED
    with pytest.raises(ConflictError) as refusal:
        withdraw_attestation(plan, reason="Again.", actor=cast.bob)
    assert refusal.value.code == "attestation_withdrawn"


def test_attestation_that_is_too_old_refuses_the_promotion_before_any_timer(
    blocked, cast
):
    tests, _ = attest_both(blocked, cast)
    approved = factories.approved_as_it_is(blocked, cast)
    sequence_pending()

    with time_machine.travel(tests.attested_at + timedelta(days=20), tick=False):
        with pytest.raises(ConflictError) as refusal:
            promote(approved, actor=cast.rex)
        assert refusal.value.code == "waiver_or_attestation_ended"
        end_what_is_over()

    assert factories.fresh(blocked).state == RequestState.BLOCKED


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("alice", {}, "may_not_attest"),
        ("carol", {}, "may_not_attest"),
        ("mallory", {}, "may_not_attest"),
        ("olivia", {"password": "guessed"}, "password_wrong"),
        ("olivia", {"is_interactive": False}, "signing_needs_a_session"),
        ("olivia", CI, "may_not_attest_as_system"),
        ("bot", {}, "may_not_attest_as_person"),
    ],
)
def test_attestation_by_somebody_else_is_refused_and_the_refusal_is_logged(
    blocked, cast, name, changes, code
):
    version = blocked.model_version

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.attested(version, getattr(cast, name), ROLLBACK_PLAN, **changes)

    assert refusal.value.code == code
    last = trail([version.subject])[-1]
    assert (last.kind, last.payload) == (
        "registry.attestation.refused",
        {"kind": "rollback_plan", "code": code},
    )
    assert not Attestation.objects.exists()


def test_telemetry_names_what_it_was_computed_from(blocked, cast):
    telemetry = CI | {"source": AttestationSource.TELEMETRY}

    with pytest.raises(InvalidError) as refusal:
        factories.attested(
            blocked.model_version, cast.bot, AttestationKind.SHADOW, **telemetry
        )

    assert refusal.value.code == "evidence_missing"


MEASURED = b"served: 40000, alarms: 0"


def told_by_telemetry(version, actor, **changes) -> Attestation:
    sha256 = hashlib.sha256(MEASURED).hexdigest()
    said = CI | {"source": AttestationSource.TELEMETRY, "evidence_sha256": sha256}
    return factories.attested(version, actor, AttestationKind.SHADOW, **said | changes)


def test_telemetry_counts_once_its_file_is_held_in_the_workspace(workspace, cast):
    wanted = "attestations: [{kind: shadow, accepts: [telemetry]}]\n"
    factories.policy(workspace, cast, factories.POLICY + wanted)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    monitor = factories.run(workspace, cast.bot, "monitor")
    factories.upload(monitor, "shadow.json", MEASURED, cast.bot)

    given = told_by_telemetry(asked.model_version, cast.bot)

    assert given.evidence_sha256 == hashlib.sha256(MEASURED).hexdigest()
    assert factories.fresh(asked).state == RequestState.IN_REVIEW


def test_telemetry_counts_for_as_long_as_its_file_is_held(workspace, cast):
    wanted = "attestations: [{kind: shadow, accepts: [telemetry]}]\n"
    factories.policy(workspace, cast, factories.POLICY + wanted)
    asked = factories.evaluated(factories.version(workspace, cast), cast)
    monitor = factories.run(workspace, cast.bot, "monitor")
    factories.upload(monitor, "shadow.json", MEASURED, cast.bot)
    told_by_telemetry(asked.model_version, cast.bot)

    remove_artifacts(monitor, path="shadow.json", actor=cast.bot)

    now = assess(factories.fresh(asked), timezone.now())
    assert now.missing_attestations == ("shadow",)


@pytest.mark.parametrize(
    "where", ["nowhere", "another workspace", "removed", "somebody else's", "its run"]
)
def test_telemetry_about_a_file_that_is_not_held_is_refused(workspace, cast, where):
    version = factories.version(workspace, cast)
    if where != "nowhere":
        home = workspace
        if where == "another workspace":
            home = create_workspace("rates", actor=cast.ada)
            factories.grant(cast.bot, Role.BOT, home)
        monitor = factories.run(home, cast.bot, "monitor")
        if where == "its run":
            factories.upload(version.linked_run, "own.json", MEASURED, cast.alice)
        who = cast.alice if where == "somebody else's" else cast.bot
        factories.upload(monitor, "shadow.json", MEASURED, who)
        if where == "removed":
            remove_artifacts(monitor, path="shadow.json", actor=cast.bot)

    with pytest.raises(InvalidError) as refusal:
        told_by_telemetry(version, cast.bot)

    assert refusal.value.code == "evidence_not_held"
    assert not Attestation.objects.exists()


def test_telemetry_about_a_run_that_its_program_does_not_see_is_refused(
    workspace, cast
):
    version = factories.version(workspace, cast)
    monitor = factories.run(workspace, cast.bot, "monitor")
    factories.upload(monitor, "shadow.json", MEASURED, cast.bot)
    stranger = factories.program("stranger")
    asked = ask_for_role(
        stranger,
        role=Role.BOT,
        workspace=workspace,
        on=version.registered_model,
        reason="It watches this model.",
        actor=cast.ada,
    )
    approve_role(asked, actor=cast.rita)

    with pytest.raises(InvalidError) as refusal:
        told_by_telemetry(version, stranger)

    assert refusal.value.code == "evidence_not_held"
    told_by_telemetry(version, cast.bot)


def test_no_token_of_a_person_speaks_as_a_pipeline(blocked, cast, as_token):
    answer = as_token(cast.olivia).post(
        "/api/v1/attestations/",
        {
            "registered_model": "credit",
            "version": 1,
            "environment": "production",
            "kind": "unit_tests",
            "source": "ci",
            "statement": "812 tests passed.",
            "days": 30,
        },
        content_type="application/json",
    )

    assert (answer.status_code, answer.json()["code"]) == (
        403,
        "may_not_attest_as_system",
    )
    assert not Attestation.objects.exists()


def test_statement_stands_in_the_log_only_as_a_commitment(blocked, cast):
    factories.attested(
        blocked.model_version, cast.olivia, ROLLBACK_PLAN, statement="Secret remark"
    )

    entry = trail([blocked.model_version.subject])[-1]
    assert "Secret remark" not in str(entry.payload)
    assert timezone.now() - entry.recorded_at < timedelta(minutes=1)


# Whoever attests does not sign


def test_who_attested_what_a_request_is_held_to_does_not_sign_it(blocked, cast):
    plan = factories.attested(blocked.model_version, cast.olivia, ROLLBACK_PLAN)
    factories.attested(blocked.model_version, cast.bot, UNIT_TESTS, **CI)
    # Newer ones of others do not undo it.
    factories.attested(blocked.model_version, cast.rex, ROLLBACK_PLAN)
    reviewed = factories.signed(
        factories.fresh(blocked), cast.bob, SignerRole.VALIDATOR
    )

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(reviewed, cast.olivia, SignerRole.OWNER)

    assert refusal.value.code == "segregation_of_duties"
    assert refusal.value.extra["conflicts"] == ["attested what it is held to"]
    withdraw_attestation(plan, reason="Rex attests it.", actor=cast.olivia)
    signed = factories.signed(reviewed, cast.olivia, SignerRole.OWNER)
    assert signed.state == RequestState.APPROVED


def test_nobody_signs_for_who_attested_what_a_request_is_held_to(
    workspace, cast, blocked
):
    attest_both(blocked, cast)
    factories.attested(blocked.model_version, cast.bob, ROLLBACK_PLAN)
    delegated(workspace, cast.bob, cast.carol, role=SignerRole.VALIDATOR)

    with pytest.raises(PermissionDeniedError) as refusal:
        factories.signed(factories.fresh(blocked), cast.carol, SignerRole.VALIDATOR)

    assert refusal.value.code == "segregation_of_duties"


@pytest.mark.parametrize(
    ("kind", "environment"),
    [
        # Not what the policy wants, and not for there.
        (AttestationKind.CANARY, "production"),
        (ROLLBACK_PLAN, "staging"),
    ],
)
def test_who_attested_something_else_signs(blocked, cast, kind, environment):
    attest_both(blocked, cast)
    version = blocked.model_version
    factories.attested(version, cast.bob, kind, environment=environment)

    signed = factories.signed(factories.fresh(blocked), cast.bob, SignerRole.VALIDATOR)

    assert signed.sign_offs.get().signer == cast.bob


def test_who_judged_a_version_signs_it(workspace, cast):
    wanted = "attestations: [{kind: business_impact, accepts: [human]}]\n"
    factories.policy(workspace, cast, factories.POLICY + wanted)
    version = factories.version(workspace, cast)
    factories.attested(version, cast.olivia, AttestationKind.BUSINESS_IMPACT)

    assert factories.approved(version, cast).state == RequestState.APPROVED
