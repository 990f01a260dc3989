"""The native API of what ends, waives and attests: what a client sees."""

import pytest
from django.test import Client

from registry.models import AttestationKind, RequestState
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
JSON = "application/json"
WANTED = (
    factories.WAIVABLE + "attestations: [{kind: unit_tests, accepts: [ci, human]}]\n"
)
WAIVER = {
    "gate": "auc",
    "reason": "The old one is worse.",
    "compensating_control": "People look at it.",
    "residual_risk": "Slower.",
    "days": 30,
}
SIGNED = {"reason": "Fine.", "password": factories.PASSWORD}


def post(client: Client, path: str, **body):
    return client.post(f"/api/v1/{path}", body, content_type=JSON)


def in_session(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def refusal(response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


@pytest.fixture
def blocked(workspace, cast):
    return factories.blocked(workspace, cast, WANTED)


def test_blocked_request_is_waived_attested_and_reviewed_over_http(
    blocked, cast, as_token
):
    path = f"promotion-requests/{blocked.pk}/"
    carol = as_token(cast.carol)
    shown = carol.get(f"/api/v1/{path}").json()
    assert (shown["open_gates"], shown["missing_attestations"]) == (
        ["auc"],
        ["unit_tests"],
    )

    asked = post(as_token(cast.alice), f"{path}waivers/", **WAIVER)
    waiver = asked.json()["id"]
    approved = post(in_session(cast.rita), f"waivers/{waiver}/approvals/", **SIGNED)
    attested = post(
        as_token(cast.bot),
        "attestations/",
        registered_model="credit",
        version=1,
        environment="production",
        kind="unit_tests",
        source="ci",
        statement="812 passed.",
        link="https://ci.example/runs/7",
        evidence_sha256="a" * 64,
    )

    assert [r.status_code for r in (asked, approved, attested)] == [201] * 3
    assert (asked.json()["standing"], approved.json()["standing"]) == (
        "asked for",
        "in force",
    )
    assert approved.json()["approvals"][0]["printed_name"] == "Rita Example"
    shown = carol.get(f"/api/v1/{path}").json()
    assert (shown["state"], shown["open_gates"], shown["missing_attestations"]) == (
        "in_review",
        [],
        [],
    )
    gates = {gate["gate"]: (gate["outcome"], gate["waiver"]) for gate in shown["gates"]}
    assert gates["auc"] == ("fail", waiver)
    assert [given["kind"] for given in shown["attestations"]] == ["unit_tests"]
    assert shown["required_roles"] == ["validator", "owner"]
    listed = carol.get("/api/v1/attestations/?registered_model=credit").json()
    assert [given["standing"] for given in listed["results"]] == ["valid"]


def test_tokens_sign_neither_waivers_nor_rejections_nor_attestations(
    blocked, cast, as_token
):
    waiver = factories.waiver(blocked, cast)
    rita, path = as_token(cast.rita), f"promotion-requests/{blocked.pk}/"

    approval = post(rita, f"waivers/{waiver.pk}/approvals/", **SIGNED)
    revoked = post(rita, f"{path}invalidation/", **SIGNED)
    attested = post(
        as_token(cast.olivia),
        "attestations/",
        registered_model="credit",
        version=1,
        environment="production",
        kind="unit_tests",
        source="human",
        statement="They pass.",
        password=factories.PASSWORD,
    )
    rejected = post(
        as_token(cast.bob), f"{path}rejection/", subject_digest="x", role="validator", **SIGNED
    )  # fmt: skip

    answers = [refusal(answer) for answer in (approval, revoked, attested, rejected)]
    assert answers == [(403, "signing_needs_a_session")] * 4
    assert factories.fresh(blocked).state == RequestState.BLOCKED


def test_request_is_rejected_withdrawn_and_invalidated_over_http(workspace, cast):
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    bob = in_session(cast.bob)

    asked = factories.evaluated(version, cast)
    path = f"promotion-requests/{asked.pk}/"
    digest = bob.get(f"/api/v1/{path}").json()["subject_digest"]
    rejected = post(
        bob, f"{path}rejection/", subject_digest=digest, role="validator", **SIGNED
    )
    assert (rejected.status_code, rejected.json()["state"]) == (201, "rejected")
    closing = rejected.json()["closing"]
    assert (closing["printed_name"], closing["reason"]) == ("Bob Example", "Fine.")

    asked = factories.evaluated(version, cast)
    path = f"promotion-requests/{asked.pk}/"
    withdrawn = post(in_session(cast.alice), f"{path}withdrawal/", reason="Too early.")
    assert withdrawn.json()["state"] == "withdrawn"

    asked = factories.evaluated(version, cast)
    path = f"promotion-requests/{asked.pk}/"
    revoked = post(bob, f"{path}invalidation/", **SIGNED)
    assert revoked.json()["state"] == "invalidated"
    again = post(bob, f"{path}invalidation/", **SIGNED)
    assert refusal(again) == (409, "request_not_open")


def test_signature_without_opening_the_evidence_is_refused(workspace, cast):
    factories.policy(workspace, cast)
    asked = factories.evaluated(factories.version(workspace, cast), cast)

    response = post(
        in_session(cast.bob),
        f"promotion-requests/{asked.pk}/sign-offs/",
        subject_digest=asked.subject_digest,
        role="validator",
        meaning="I reviewed it.",
        **SIGNED,
    )

    assert refusal(response) == (409, "evidence_not_opened")


def test_waivers_and_attestations_are_withdrawn_over_http(blocked, cast, as_token):
    waiver = factories.waived(blocked, cast)
    attested = factories.attested(
        blocked.model_version, cast.olivia, AttestationKind.UNIT_TESTS
    )
    assert factories.fresh(blocked).state == RequestState.IN_REVIEW

    ended = post(
        as_token(cast.alice), f"waivers/{waiver.pk}/withdrawal/", reason="Gone."
    )
    taken_back = post(
        as_token(cast.olivia), f"attestations/{attested.pk}/withdrawal/", reason="No."
    )

    assert [ended.json()["standing"], taken_back.json()["standing"]] == [
        "withdrawn"
    ] * 2
    assert factories.fresh(blocked).state == RequestState.BLOCKED


def test_what_one_may_not_see_does_not_exist(blocked, cast, as_token):
    waiver = factories.waiver(blocked, cast)
    ada = as_token(cast.ada)
    oscar = as_token(cast.oscar)

    assert oscar.get("/api/v1/waivers/").json()["count"] == 0
    unknown = post(oscar, f"waivers/{waiver.pk}/withdrawal/", reason="No.")
    assert refusal(unknown) == (404, "waiver_unknown")
    unknown = post(ada, "attestations/4711/withdrawal/", reason="No.")
    assert refusal(unknown) == (404, "attestation_unknown")


def test_lists_cost_the_same_number_of_queries_however_long(
    blocked, cast, as_token, django_assert_num_queries
):
    carol = as_token(cast.carol)
    carol.get("/api/v1/slots/")
    asked = [factories.waiver(blocked, cast) for _ in range(3)]
    for waiver in asked[:2]:
        factories.waiver_approved(waiver, cast.rita)
        factories.withdrawn_waiver(waiver, cast)
    factories.withdrawn_waiver(asked[2], cast)
    for _ in range(3):
        factories.attested(blocked.model_version, cast.olivia, AttestationKind.CANARY)

    for path, queries in (("waivers/", 8), ("attestations/", 6)):
        with django_assert_num_queries(queries):
            assert carol.get(f"/api/v1/{path}").json()["count"] == 3
