"""The native API: what a client sees, above all when something is wrong."""

import pytest
from django.test import Client

from registry.models import (
    GateRun,
    ModelVersion,
    Policy,
    PromotionRequest,
    RegisteredModel,
    SignOff,
)
from registry.models.sign_off import SignerRole
from registry.services.gate_runs import run_gate
from tests import factories
from tracking.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
JSON = "application/json"


def post(client: Client, path: str, **body):
    return client.post(f"/api/v1/{path}", body, content_type=JSON)


def problem(response) -> tuple[int, str]:
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:attestry:error:{body['code']}"
    assert body["detail"].endswith(".")
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, body["code"]


def test_whole_way_into_production_over_http(workspace, cast, as_token):
    alice, rita, rex = (as_token(cast.alice), as_token(cast.rita), as_token(cast.rex))
    run = factories.run(workspace, cast.alice)
    artifact = factories.upload(run, factories.MODEL, b"model", cast.alice)
    factories.upload(run, factories.PREDICTIONS, factories.predictions(), cast.alice)
    factories.end(run, cast.alice)

    model = post(
        alice, "registered-models/", name="credit", purpose="P", owner="olivia"
    )
    session = Client()
    session.force_login(cast.rita)
    tier = post(
        session,
        "tier-assessments/",
        registered_model="credit",
        tier=3,
        rationale="It decides on small loans only.",
        exposure="Two million a year.",
        password=factories.PASSWORD,
        code=factories.second_factor(cast.rita).code(),
    )
    version = post(
        alice,
        "model-versions/",
        registered_model="credit",
        run_id=run.run_id,
        artifact_path=factories.MODEL,
        artifact_sha256=artifact.sha256,
    )
    policy = post(as_token(cast.paul), "policies/", document=factories.POLICY)
    published = post(rita, f"policies/{policy.json()['id']}/publication/")
    opened = post(
        alice,
        "promotion-requests/",
        registered_model="credit",
        version=1,
        environment="production",
    )
    path = f"promotion-requests/{opened.json()['id']}/"
    for pk in GateRun.objects.values_list("pk", flat=True):
        run_gate(pk)
    for user, role in ((cast.bob, "validator"), (cast.olivia, "owner")):
        person = Client()
        person.force_login(user)
        reviewed = person.get(f"/api/v1/{path}").json()
        signed = post(
            person,
            f"{path}sign-offs/",
            subject_digest=reviewed["subject_digest"],
            role=role,
            meaning="I reviewed it.",
            reason="It passes.",
            password=factories.PASSWORD,
        )
        assert signed.status_code == 201
    promoted = post(rex, f"{path}promotion/")

    assert model.json()["tier"] is None
    answers = (model, tier, version, policy, published, opened)
    assert [answer.status_code for answer in answers] == [201] * 6
    assert promoted.status_code == 201
    assert promoted.json()["state"] == "promoted"
    assert [
        (gate["gate"], gate["outcome"], gate["evidence_level"])
        for gate in promoted.json()["gates"]
    ] == [("auc", "pass", "E2"), ("regression", "not_applicable", "E2")]
    slots = as_token(cast.carol).get("/api/v1/slots/?registered_model=credit").json()
    assert slots["results"] == [
        {
            "registered_model": "credit",
            "environment": "production",
            "champion_version": 1,
            "champion_artifact_sha256": artifact.sha256,
        }
    ]


def test_nobody_says_of_a_model_which_tier_it_is_in_by_registering_it(cast, as_token):
    stated = {"name": "credit", "purpose": "P", "owner": "alice"}

    refused = post(as_token(cast.alice), "registered-models/", **stated, tier=4)
    taken = post(as_token(cast.alice), "registered-models/", **stated, tier=None)

    assert problem(refused) == (400, "tier_is_assessed")
    assert (taken.status_code, taken.json()["tier"]) == (201, None)
    assert RegisteredModel.objects.get().tier is None


def test_nobody_is_served_without_a_login(client):
    for path in (
        "registered-models/",
        "model-versions/",
        "policies/",
        "promotion-requests/",
        "promotion-requests/1/",
        "slots/",
        "reports/1/",
        "reports/1/document/",
    ):
        response = client.get(f"/api/v1/{path}")
        assert problem(response) == (401, "not_authenticated"), path


def test_wrong_token_is_named_as_such():
    client = Client(headers={"Authorization": "Bearer atty_wrong"})

    assert problem(client.get("/api/v1/slots/")) == (401, "token_unknown")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        pytest.param({"run_id": None}, 400, "fields_invalid", id="no run"),
        pytest.param({"run_id": "f" * 32}, 404, "run_unknown", id="unknown run"),
        pytest.param(
            {"registered_model": "other"}, 404, "model_unknown", id="unknown model"
        ),
        pytest.param(
            {"artifact_path": "other"}, 404, "artifact_unknown", id="unknown artifact"
        ),
        pytest.param(
            {"artifact_sha256": "a" * 64}, 409, "artifact_digest_differs", id="digest"
        ),
        pytest.param({"artifact_sha256": "xyz"}, 400, "fields_invalid", id="no hex"),
    ],
)
def test_version_that_cannot_be_registered_is_refused(
    workspace, cast, as_token, changes, status, code
):
    run = factories.run(workspace, cast.alice)
    artifact = factories.upload(run, factories.MODEL, b"model", cast.alice)
    factories.model(workspace, cast)
    body = {
        "registered_model": "credit",
        "run_id": run.run_id,
        "artifact_path": factories.MODEL,
        "artifact_sha256": artifact.sha256,
    } | changes

    response = post(as_token(cast.alice), "model-versions/", **body)

    assert problem(response) == (status, code)
    assert not ModelVersion.objects.exists()


def test_version_without_a_source_run_says_what_to_send(workspace, cast, as_token):
    response = post(
        as_token(cast.alice),
        "model-versions/",
        registered_model="credit",
        artifact_path="model",
        artifact_sha256="a" * 64,
    )

    assert response.json() == {
        "type": "urn:attestry:error:fields_invalid",
        "title": "The request is not valid",
        "status": 400,
        "code": "fields_invalid",
        "detail": "Correct these fields. run_id: A version needs the run that made it: "
        "send its run_id.",
        "fields": {
            "run_id": ["A version needs the run that made it: send its run_id."]
        },
    }


def test_second_registration_names_the_version_that_is_there(workspace, cast, as_token):
    version = factories.version(workspace, cast)

    response = post(
        as_token(cast.alice),
        "model-versions/",
        registered_model="credit",
        run_id=version.linked_run.run_id,
        artifact_path=factories.MODEL,
        artifact_sha256=version.artifact_sha256,
    )

    assert problem(response) == (409, "artifact_already_registered")
    assert response.json()["version"] == 1


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("gate: auc", "gate: guess", "policy_unknown_gate"),
        ("min_rows", "minimum_rows", "policy_unknown_parameter"),
    ],
)
def test_policy_with_an_unknown_gate_or_parameter_names_the_place(
    workspace, cast, as_token, old, new, code
):
    factories.model(workspace, cast)

    response = post(
        as_token(cast.paul),
        "policies/",
        document=factories.POLICY.replace(old, new, 1),
    )

    assert problem(response) == (400, code)
    assert response.json()["path"].startswith("gates[0].")
    assert not Policy.objects.exists()


def test_token_cannot_sign(workspace, cast, as_token):
    factories.policy(workspace, cast)
    request = factories.evaluated(factories.version(workspace, cast), cast)

    response = post(
        as_token(cast.bob),
        f"promotion-requests/{request.pk}/sign-offs/",
        subject_digest=request.subject_digest,
        role="validator",
        meaning="I reviewed it.",
        reason="It passes.",
        password=factories.PASSWORD,
    )

    assert problem(response) == (403, "signing_needs_a_session")
    assert not SignOff.objects.exists()


def test_session_without_csrf_token_cannot_sign(workspace, cast):
    factories.policy(workspace, cast)
    request = factories.evaluated(factories.version(workspace, cast), cast)
    person = Client(enforce_csrf_checks=True)
    person.force_login(cast.bob)

    response = post(
        person,
        f"promotion-requests/{request.pk}/sign-offs/",
        subject_digest=request.subject_digest,
        role="validator",
        meaning="I reviewed it.",
        reason="It passes.",
        password=factories.PASSWORD,
    )

    assert problem(response) == (403, "permission_denied")


def test_refusal_to_the_developer_says_why(workspace, cast):
    factories.policy(workspace, cast)
    request = factories.evaluated(factories.version(workspace, cast), cast)
    alice = Client()
    alice.force_login(cast.alice)

    response = post(
        alice,
        f"promotion-requests/{request.pk}/sign-offs/",
        subject_digest=request.subject_digest,
        role="validator",
        meaning="Fine.",
        reason="It passes.",
        password=factories.PASSWORD,
    )

    assert problem(response) == (403, "segregation_of_duties")
    assert "created the source run" in response.json()["detail"]


def test_what_one_may_not_see_does_not_exist(workspace, cast, as_token):
    factories.policy(workspace, cast)
    request = factories.request(factories.version(workspace, cast), cast)
    mallory = as_token(cast.mallory)

    assert problem(mallory.get("/api/v1/slots/")) == (404, "workspace_unknown")
    other = factories.person("nina", workspace, None)
    workspace_of_nina = Workspace.objects.create(name="other")
    assert workspace_of_nina not in Workspace.objects.visible_to(other)
    path = f"/w/other/api/v1/promotion-requests/{request.pk}/"
    assert problem(as_token(cast.alice).get(path)) == (404, "workspace_unknown")


def test_request_of_another_workspace_is_not_found_below_ours(cast, as_token):
    response = as_token(cast.alice).get("/api/v1/promotion-requests/4711/")

    assert problem(response) == (404, "request_unknown")


def test_body_that_is_no_json_is_refused(cast, as_token):
    response = as_token(cast.alice).post(
        "/api/v1/registered-models/", b"{", content_type=JSON
    )

    assert problem(response) == (400, "body_unreadable")


def test_lists_cost_the_same_number_of_queries_however_long(
    workspace, cast, as_token, django_assert_num_queries
):
    factories.policy(workspace, cast)
    for content in (b"1", b"2", b"3"):
        factories.request(factories.version(workspace, cast, content=content), cast)
    carol = as_token(cast.carol)
    carol.get("/api/v1/slots/")

    for path, queries in (
        ("promotion-requests/", 9),
        ("model-versions/", 6),
        ("policies/", 6),
    ):
        with django_assert_num_queries(queries):
            assert carol.get(f"/api/v1/{path}").status_code == 200


def test_report_that_is_not_there_yet_says_so(workspace, cast, as_token):
    factories.version(workspace, cast)
    carol = as_token(cast.carol)

    ordered = post(carol, "reports/", registered_model="credit", version=1)
    fetched = carol.get(f"/api/v1/reports/{ordered.json()['id']}/document/")

    assert (ordered.status_code, ordered.json()["state"]) == (202, "pending")
    assert problem(fetched) == (409, "report_not_there")


def test_openapi_document_describes_every_route(client):
    document = client.get("/api/v1/schema/?format=json").json()

    assert "/api/v1/promotion-requests/{id}/sign-offs/" in document["paths"]
    assert {"token", "cookieAuth"} <= set(document["components"]["securitySchemes"])
    assert PromotionRequest.objects.count() == 0
    assert SignerRole.values == document["components"]["schemas"]["RoleEnum"]["enum"]


@pytest.mark.parametrize(
    "path", ["/api/v1/teleport/", "/api/v1/reports/x/", "/w/default/api/v1/datasets/x/"]
)
def test_path_that_leads_nowhere_is_a_problem_too(path):
    assert problem(Client().get(path)) == (404, "not_found")


def test_page_that_is_not_there_stays_a_page():
    assert Client().get("/teleport").headers["Content-Type"].startswith("text/html")
