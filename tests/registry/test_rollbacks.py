"""One person lets a slot go back, and it stays frozen until somebody else has reviewed that."""

from datetime import timedelta

import pytest
from django.test import Client

from audit.errors import InvalidError
from audit.proofs import trail
from registry.models import (
    AttestationKind,
    BreakGlassEnd,
    Finding,
    Freeze,
    PromotionRequest,
    RequestState,
)
from registry.models.finding import Severity
from registry.services.archiving import archive_version
from registry.services.attestations import withdraw_attestation
from registry.services.promotion import promote
from tests import factories
from tests.registry.slots import in_days, refused, slot
from tracking.permissions import Role

pytestmark = [pytest.mark.django_db, pytest.mark.on_postgresql]
JSON = "application/json"
ATTESTED = f"""{factories.POLICY}
attestations:
  - {{kind: canary, accepts: [human], max_age_days: 90}}
"""


def test_rollback_takes_one_person_opens_a_finding_and_freezes_the_slot(
    cast, first, second
):
    undone = factories.rollback(slot(), first, cast)

    assert slot().champion == first
    assert (undone.rolled_back, undone.promotion.request.model_version) == (
        second,
        first,
    )
    finding = Finding.objects.get()
    assert (finding.severity, finding.cause, finding.model_version, finding.owner) == (
        "high",
        "rollback",
        second,
        cast.olivia,
    )
    freeze = Freeze.objects.in_force().get()
    assert freeze.review_due_at - freeze.frozen_at == timedelta(hours=72)
    states = PromotionRequest.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [RequestState.PROMOTED, RequestState.ROLLED_BACK]
    last = trail([slot().subject])[-1]
    assert (last.kind, last.payload["to"]) == (
        "registry.version.rolled_back",
        first.subject,
    )


def test_nothing_is_promoted_until_somebody_else_has_reviewed_the_rollback(
    workspace, cast, first, second, third
):
    undone = factories.rollback(slot(), first, cast, actor=cast.rita)
    request = factories.approved(third, cast)

    assert refused(promote, request, actor=cast.rex) == "frozen"
    assert (
        refused(factories.lifting, undone.freeze, cast, actor=cast.rita)
        == "reviewer_rolled_back"
    )
    assert (
        refused(factories.lifting, undone.freeze, cast, actor=cast.olivia)
        == "may_not_lift_freeze"
    )
    for changes, code in (
        ({"password": "guessed"}, "password_wrong"),
        ({"is_interactive": False}, "signing_needs_a_session"),
    ):
        assert refused(factories.lifting, undone.freeze, cast, **changes) == code
    factories.lifting(undone.freeze, cast)
    assert refused(factories.lifting, undone.freeze, cast) == "freeze_lifted"

    promote(request, actor=cast.rex)
    assert slot().champion == third


def test_version_that_never_served_is_no_way_back(cast, second, third):
    assert refused(factories.rollback, slot(), third, cast) == "approval_missing"
    assert slot().champion == second
    last = trail([slot().subject])[-1]
    assert (last.kind, last.payload["code"]) == (
        "registry.rollback.refused",
        "approval_missing",
    )


def test_version_that_was_rolled_back_is_no_way_back_either(cast, first, second):
    undone = factories.rollback(slot(), first, cast)
    factories.lifting(undone.freeze, cast)

    assert refused(factories.rollback, slot(), second, cast) == "approval_missing"


def test_approval_lapses_when_it_was_not_used_for_its_life(cast, first, second):
    with in_days(31):
        assert refused(factories.rollback, slot(), first, cast) == "approval_expired"

    with in_days(29):
        factories.rollback(slot(), first, cast)
    assert slot().champion == first


def test_what_is_attested_anew_after_the_approval_closes_no_way_back(workspace, cast):
    factories.policy(workspace, cast, ATTESTED)
    kind = AttestationKind.CANARY
    versions = [
        factories.version(workspace, cast, content=content) for content in (b"1", b"2")
    ]
    for version in versions:
        factories.attested(version, cast.rex, kind)
        factories.promoted(version, cast)
    factories.attested(versions[0], cast.rex, kind)

    factories.rollback(slot(), versions[0], cast)

    assert slot().champion == versions[0]


def test_what_is_waived_anew_after_the_approval_closes_no_way_back(workspace, cast):
    blocked = factories.blocked(workspace, cast)
    again = factories.waiver(blocked, cast)
    factories.waived(blocked, cast)
    approved = factories.approved_as_it_is(factories.fresh(blocked), cast)
    promote(approved, actor=cast.rex)
    factories.waiver_approved(again, cast.rita)
    better = factories.predictions(strength=1.6)
    factories.champion(workspace, cast, content=b"2", scores=better)

    factories.rollback(slot(), approved.model_version, cast)

    assert slot().champion == approved.model_version


def test_what_was_attested_and_taken_back_closes_the_way(workspace, cast):
    factories.policy(workspace, cast, ATTESTED)
    kind = AttestationKind.CANARY
    version = factories.version(workspace, cast)
    attested = factories.attested(version, cast.rex, kind)
    factories.promoted(version, cast)
    following = factories.version(workspace, cast, content=b"2")
    factories.attested(following, cast.rex, kind)
    factories.promoted(following, cast)
    withdraw_attestation(attested, reason="It alarmed.", actor=cast.olivia)
    factories.attested(version, cast.rex, kind)

    assert refused(factories.rollback, slot(), version, cast) == "subject_changed"


def test_champion_is_no_way_back_to_itself(cast, second):
    assert refused(factories.rollback, slot(), second, cast) == "nothing_to_roll_back"


def test_no_way_back_to_what_has_a_critical_finding_or_is_retired(cast, first, second):
    model = first.registered_model
    factories.finding(model, cast, Severity.CRITICAL, version=first)
    assert refused(factories.rollback, slot(), first, cast) == "finding_critical"

    factories.retired(model, cast, first)
    assert refused(factories.rollback, slot(), first, cast) == "version_retired"


def test_no_way_back_to_what_is_archived(cast, first, second):
    archive_version(first, actor=cast.alice)

    assert refused(factories.rollback, slot(), first, cast) == "version_archived"
    assert slot().champion == second


def test_rollback_after_an_emergency_is_of_who_serves_and_not_of_who_served_in_it(
    cast, first, second, third
):
    confirmed = factories.emergency(factories.emergency_asked(third, cast), cast)

    with in_days(1.01):  # and no timer has come
        undone = factories.rollback(slot(), first, cast)

    assert (undone.rolled_back, undone.finding.model_version) == (second, second)
    assert second.promotion_requests.get().state == RequestState.ROLLED_BACK
    assert (slot().champion, slot().break_glass) == (first, None)
    assert BreakGlassEnd.objects.get().confirmation == confirmed


def test_rollback_ends_an_emergency(cast, first, second, third):
    asked = factories.emergency_asked(third, cast)
    confirmed = factories.emergency(asked, cast)

    undone = factories.rollback(slot(), first, cast)

    assert undone.rolled_back == third
    assert (slot().champion, slot().break_glass) == (first, None)
    assert BreakGlassEnd.objects.get().confirmation == confirmed
    entry = trail([asked.subject])[-1]
    assert (entry.kind, entry.payload["champion"]) == (
        "registry.break_glass.ended",
        first.subject,
    )


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "ada", "mallory"])
def test_rollback_is_not_for(cast, first, second, name):
    actor = getattr(cast, name)

    assert (
        refused(factories.rollback, slot(), first, cast, actor=actor)
        == "may_not_roll_back"
    )


def test_rollback_says_why(cast, first, second):
    with pytest.raises(InvalidError):
        factories.rollback(slot(), first, cast, reason=" ")


def test_rollback_and_review_over_http(cast, first, second, as_token):
    bob = Client()
    bob.force_login(cast.bob)

    undone = as_token(cast.rex).post(
        "/api/v1/rollbacks/",
        {
            "registered_model": "credit",
            "version": 1,
            "environment": "production",
            "reason": "It refuses everybody.",
        },
        content_type=JSON,
    )
    path = f"/api/v1/freezes/{undone.json()['freeze']}/lifting/"
    body = {"conclusion": "Data were missing.", "password": factories.PASSWORD}
    frozen = bob.get("/api/v1/freezes/?in_force=true").json()
    by_token = as_token(cast.bob).post(path, body, content_type=JSON)
    lifted = bob.post(path, body, content_type=JSON)

    assert (undone.status_code, undone.json()["version"]) == (201, 1)
    assert frozen["count"] == 1
    assert by_token.json()["code"] == "signing_needs_a_session"
    assert (lifted.status_code, lifted.json()["lifted_by"]) == (201, "Bob Example")
    assert bob.get("/api/v1/freezes/?in_force=true").json()["count"] == 0
    assert (
        bob.post("/api/v1/freezes/4711/lifting/", body, content_type=JSON).status_code
        == 404
    )


def test_version_whose_validation_is_long_over_is_not_rolled_back_to(
    workspace, cast, first
):
    with in_days(800):
        second = factories.champion(
            workspace, cast, content=b"2", scores=factories.predictions(strength=2.5)
        )

        assert refused(factories.rollback, slot(), first, cast) == "revalidation_due"
        assert slot().champion == second
        assert not Freeze.objects.exists()


def test_who_made_what_was_rolled_back_does_not_review_that(
    workspace, cast, first, second
):
    factories.grant(cast.alice, Role.VALIDATOR, workspace)
    freeze = factories.rollback(slot(), first, cast).freeze

    code = refused(factories.lifting, freeze, cast, actor=cast.alice)

    assert code == "segregation_of_duties"
    factories.lifting(freeze, cast)
