"""Two people let a version serve without an approval: for a day, and never unproven."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from audit.errors import InvalidError
from audit.proofs import trail
from audit.services import system_account
from registry.models import (
    BreakGlass,
    BreakGlassEnd,
    Finding,
    ModelVersion,
    RegisteredModel,
    TierAssessment,
)
from registry.models.finding import FindingState, Severity
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.archiving import archive_model, archive_version
from registry.services.break_glass import end_emergencies
from registry.services.findings import move_finding
from registry.services.promotion import promote, request_promotion
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tests.registry.deciding import decision, told
from tests.registry.slots import in_days, refused, slot
from tracking import storage
from tracking.permissions import Role
from tracking.services.accounts import deactivate_account
from tracking.services.artifacts import remove_artifacts

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]
JSON = "application/json"


def test_two_people_in_two_roles_let_a_version_serve_for_a_day(cast, first, third):
    asked = factories.emergency_asked(third, cast)
    assert slot().champion == first

    confirmed = factories.emergency(asked, cast)

    assert slot().champion == third
    assert confirmed.fallback == first
    assert confirmed.expires_at - confirmed.confirmed_at == timedelta(hours=24)
    assert Finding.objects.get().cause == "break_glass"
    assert [entry.kind for entry in trail([asked.subject])] == [
        "registry.break_glass.asked",
        "registry.break_glass.confirmed",
    ]


def test_slot_falls_back_when_the_hours_are_over(cast, first, third):
    confirmed = factories.emergency(factories.emergency_asked(third, cast), cast)
    assert end_emergencies() == 0

    with in_days(1.01):
        assert slot().serving(timezone.now()) == first
        assert end_emergencies() == 1
        assert end_emergencies() == 0

    assert (slot().champion, slot().break_glass) == (first, None)
    assert BreakGlassEnd.objects.get().confirmation == confirmed


def test_what_an_emergency_falls_back_to_is_not_archived(cast, first, third):
    factories.emergency(factories.emergency_asked(third, cast), cast)

    for act, archived in (
        (archive_version, first),
        (archive_version, third),
        (archive_model, first.registered_model),
    ):
        assert refused(act, archived, actor=cast.alice) == "version_serves"
    with in_days(1.01):
        end_emergencies()
    assert slot().champion == first


def test_slot_that_was_empty_is_empty_again(workspace, cast, third):
    factories.policy(workspace, cast)
    factories.emergency(factories.emergency_asked(third, cast), cast)

    with in_days(1.01):
        end_emergencies()

    assert slot().champion is None


def test_promotion_in_due_form_ends_the_emergency(cast, first, third):
    factories.emergency(factories.emergency_asked(third, cast), cast)

    promotion = promote(factories.approved(third, cast), actor=cast.rex)

    assert (slot().champion, slot().break_glass) == (third, None)
    assert promotion.superseded == first
    assert BreakGlassEnd.objects.count() == 1
    with in_days(1.01):
        assert end_emergencies() == 0
        assert slot().serving(timezone.now()) == third


def test_next_emergency_ends_the_one_before(workspace, cast, first, third):
    before = factories.emergency(factories.emergency_asked(third, cast), cast)
    fourth = factories.version(workspace, cast, content=b"4")

    after = factories.emergency(factories.emergency_asked(fourth, cast), cast)

    assert (slot().champion, slot().break_glass) == (fourth, after)
    assert after.fallback == first
    assert BreakGlassEnd.objects.get().confirmation == before


def test_emergency_that_is_over_is_over_for_whoever_comes_before_the_timer(
    cast, first, third
):
    factories.emergency(factories.emergency_asked(third, cast), cast)

    with in_days(1.01):
        factories.revalidated(slot(), first, cast)

    assert (slot().champion, slot().break_glass) == (first, None)
    assert BreakGlassEnd.objects.count() == 1


def test_one_person_is_not_two(cast, first, third):
    factories.model_card(first.registered_model, cast, owner=cast.rita, actor=cast.rita)
    third = ModelVersion.objects.with_lineage().get(pk=third.pk)
    factories.grant(cast.rita, Role.OWNER, third.registered_model.workspace)
    asked = factories.emergency_asked(third, cast, actor=cast.rita)

    assert (
        refused(factories.emergency, asked, cast, actor=cast.rita)
        == "two_people_in_two_roles"
    )


def test_owner_does_not_act_for_risk_nor_risk_for_the_owner(cast, first, third):
    assert (
        refused(factories.emergency_asked, third, cast, role=SignerRole.RISK)
        == "may_not_break_glass"
    )
    asked = factories.emergency_asked(third, cast)
    assert (
        refused(factories.emergency, asked, cast, role=SignerRole.OWNER)
        == "may_not_break_glass"
    )
    assert slot().champion == first


@pytest.mark.parametrize("name", ["alice", "bob", "rex", "ada", "bot", "mallory"])
def test_emergency_is_not_for(cast, first, third, name):
    actor = getattr(cast, name)

    assert (
        refused(factories.emergency_asked, third, cast, actor=actor)
        == "may_not_break_glass"
    )


def test_emergency_is_not_for_who_submitted_the_version(cast, first, third):
    request_promotion(third, environment="production", actor=cast.olivia)

    assert refused(factories.emergency_asked, third, cast) == "segregation_of_duties"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "guessed"}, "password_wrong"),
        ({"is_interactive": False}, "signing_needs_a_session"),
    ],
)
def test_emergency_takes_a_session_and_a_password_of_both(
    cast, first, third, changes, code
):
    assert refused(factories.emergency_asked, third, cast, **changes) == code
    asked = factories.emergency_asked(third, cast)
    assert refused(factories.emergency, asked, cast, **changes) == code
    assert slot().champion == first


def test_emergency_that_nobody_confirms_lapses_within_the_hour(cast, first, third):
    asked = factories.emergency_asked(third, cast)

    with in_days(0.05):
        assert refused(factories.emergency, asked, cast) == "break_glass_lapsed"


def test_emergency_is_confirmed_once(cast, first, third):
    asked = factories.emergency_asked(third, cast)
    factories.emergency(asked, cast)

    assert refused(factories.emergency, asked, cast) == "break_glass_confirmed"


def test_emergency_never_passes_over_an_altered_artifact(cast, first, third):
    asked = factories.emergency_asked(third, cast)
    path = storage.path_of(third.artifact_sha256)
    path.chmod(0o644)
    path.write_bytes(b"tampered")

    assert refused(factories.emergency, asked, cast).startswith("artifact")
    assert slot().champion == first


def test_emergency_freezes_the_run_that_made_the_version(cast, first, third):
    factories.emergency_asked(third, cast)

    code = refused(
        remove_artifacts, third.linked_run, path=factories.MODEL, actor=cast.alice
    )

    assert code == "run_frozen"


def test_emergency_waits_for_the_end_of_the_run(workspace, cast, first):
    unfinished = factories.version(workspace, cast, content=b"4", has_ended=False)

    assert refused(factories.emergency_asked, unfinished, cast) == (
        "source_run_not_ended"
    )


@pytest.mark.parametrize("hours", [0, 25])
def test_emergency_lasts_a_day_at_most(cast, first, third, hours):
    with pytest.raises(InvalidError) as refusal:
        factories.emergency_asked(third, cast, hours=hours)

    assert refusal.value.code == "hours_wrong"


def test_no_emergency_makes_another_longer(workspace, cast, first, third):
    confirmed = factories.emergency(factories.emergency_asked(third, cast), cast)
    with in_days(1.01):
        end_emergencies()
        assert refused(factories.emergency_asked, third, cast) == (
            "emergency_not_judged"
        )

        factories.judged(confirmed, cast)
        factories.emergency(factories.emergency_asked(third, cast), cast)
        assert slot().champion == third


def test_no_other_version_makes_an_emergency_longer(workspace, cast, first, third):
    fourth = factories.version(workspace, cast, content=b"model 4")
    begun = factories.emergency(factories.emergency_asked(third, cast), cast)
    with in_days(0.5):
        over = factories.emergency(factories.emergency_asked(fourth, cast), cast)
        assert (slot().champion, over.expires_at) == (fourth, begun.expires_at)
    with in_days(1.5):
        fifth = factories.version(workspace, cast, content=b"model 5")
        assert refused(factories.emergency_asked, fifth, cast) == "emergency_not_judged"
        assert slot().serving(timezone.now()) == first


def test_emergency_takes_the_proof_of_the_tier_that_the_model_has_now(
    cast, first, third
):
    asked = factories.emergency_asked(third, cast)
    factories.tier(third.registered_model, cast, Tier.CRITICAL)
    asked = BreakGlass.objects.get(pk=asked.pk)
    code = factories.second_factor(cast.rita).code()

    assert (
        refused(factories.emergency, asked, cast, code=code) == "asked_with_one_factor"
    )
    assert slot().champion == first


def test_emergency_whose_risk_is_borne_is_no_reason_for_another(
    workspace, cast, first, third
):
    risky = factories.person("rob", workspace, Role.RISK)
    confirmed = factories.emergency(factories.emergency_asked(third, cast), cast)
    factories.borne(confirmed.finding, risky)

    with in_days(1.01):
        end_emergencies()
        assert refused(factories.emergency_asked, third, cast) == (
            "emergency_not_judged"
        )


def test_who_broke_the_glass_does_not_judge_that(cast, first, third):
    finding = factories.emergency(factories.emergency_asked(third, cast), cast).finding
    move_finding(finding, to=FindingState.FIXED, reason="Done.", actor=cast.alice)

    code = refused(
        move_finding,
        finding,
        to=FindingState.VERIFIED,
        reason="Done.",
        actor=cast.rita,
    )

    assert code == "who_broke_the_glass_does_not_judge"


def test_emergency_over_http(cast, first, third):
    olivia, rita = Client(), Client()
    olivia.force_login(cast.olivia)
    rita.force_login(cast.rita)

    asked = olivia.post(
        "/api/v1/break-glass/",
        {
            "registered_model": "credit",
            "version": third.number,
            "environment": "production",
            "reason": "The champion crashes.",
            "hours": 2,
            "role": "owner",
            "password": factories.PASSWORD,
        },
        content_type=JSON,
    )
    confirmed = rita.post(
        f"/api/v1/break-glass/{asked.json()['id']}/confirmation/",
        {"role": "risk", "password": factories.PASSWORD},
        content_type=JSON,
    )

    assert (asked.status_code, asked.json()["confirmed_at"]) == (201, None)
    assert (confirmed.status_code, confirmed.json()["fallback_version"]) == (
        201,
        first.number,
    )
    assert rita.get("/api/v1/break-glass/").json()["count"] == 1
    served = rita.get("/api/v1/slots/").json()["results"]
    assert [line["champion_version"] for line in served] == [third.number]


def test_version_that_would_be_denied_puts_nobody_out(workspace, cast, first, third):
    model = first.registered_model
    factories.finding(model, cast, Severity.CRITICAL, version=third)
    asked = factories.emergency_asked(third, cast)

    assert refused(factories.emergency, asked, cast) == "finding_critical"
    assert slot().champion == first


def test_emergency_needs_a_policy_that_governs_the_environment(cast, first, third):
    asked = factories.emergency_asked(third, cast, environment="eu")

    assert refused(factories.emergency, asked, cast) == "no_policy"


def test_emergency_is_confirmed_only_while_who_asked_has_an_account(cast, first, third):
    asked = factories.emergency_asked(third, cast)
    deactivate_account(cast.olivia, actor=system_account())

    assert refused(factories.emergency, asked, cast) == "asker_deactivated"


def test_tier_that_nobody_signed_spares_no_second_factor(workspace, cast, first, third):
    model = first.registered_model
    factories.tier(
        model, cast, Tier.CRITICAL, code=factories.second_factor(cast.rita).code()
    )
    signed = TierAssessment.objects.latest("pk")
    with triggers_switched_off("registry_tierassessment"):
        TierAssessment.objects.filter(pk=signed.pk).update(tier=Tier.LOW)
    RegisteredModel.objects.filter(pk=model.pk).update(tier=Tier.LOW)
    forged = ModelVersion.objects.with_lineage().get(pk=third.pk)

    assert refused(factories.emergency_asked, forged, cast) == "records_altered"


def test_emergency_rests_on_findings_as_the_log_tells_of_them(cast, first, third):
    factories.emergency(factories.emergency_asked(third, cast), cast)
    factories.finding(first.registered_model, cast, Severity.CRITICAL, version=third)
    assert told(decision(third))[:2] == ("deny", ["finding_critical"])

    with triggers_switched_off("registry_finding"):
        Finding.objects.filter(severity=Severity.CRITICAL).update(state="closed")

    assert told(decision(third))[:2] == ("deny", ["records_altered"])


def test_emergency_that_nobody_judged_is_not_made_longer_in_a_shell(cast, first, third):
    confirmed = factories.emergency(factories.emergency_asked(third, cast), cast)
    with in_days(1.1):
        end_emergencies()
        with triggers_switched_off("registry_finding"):
            Finding.objects.filter(pk=confirmed.finding_id).update(state="verified")

        assert refused(factories.emergency_asked, third, cast) == "records_altered"
