"""Every call that MLflow's client knows: it has an endpoint here, or a sentence says no.

What the client knows is read from its own protocol files.
"""

import importlib
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from mlflow.protos import databricks_pb2

from tests.tracking.refusals import invalid, unknown
from tests.tracking.test_mlflow_access import MISSING

PLACES = ("", "/w/default")
# What real clients were seen to call, and the pages beside them; `*` is a path.
CALLS = """
POST   mlflow/experiments/create
POST   mlflow/experiments/delete
POST   mlflow/experiments/restore
POST   mlflow/experiments/update
POST   mlflow/experiments/search
POST   mlflow/experiments/set-experiment-tag
POST   mlflow/experiments/delete-experiment-tag
GET    mlflow/experiments/get
GET    mlflow/experiments/get-by-name
POST   mlflow/runs/create
POST   mlflow/runs/update
POST   mlflow/runs/delete
POST   mlflow/runs/restore
POST   mlflow/runs/search
POST   mlflow/runs/log-metric
POST   mlflow/runs/log-parameter
POST   mlflow/runs/log-batch
POST   mlflow/runs/set-tag
POST   mlflow/runs/delete-tag
POST   mlflow/runs/log-inputs
POST   mlflow/runs/outputs
POST   mlflow/runs/log-model
GET    mlflow/runs/get
GET    mlflow/metrics/get-history
POST   mlflow/logged-models
POST   mlflow/logged-models/search
GET    mlflow/logged-models/*
PATCH  mlflow/logged-models/*
DELETE mlflow/logged-models/*
POST   mlflow/logged-models/*/params
PATCH  mlflow/logged-models/*/tags
DELETE mlflow/logged-models/*/tags/*
GET    mlflow-artifacts/artifacts
GET    mlflow-artifacts/artifacts/*
PUT    mlflow-artifacts/artifacts/*
DELETE mlflow-artifacts/artifacts/*
POST   mlflow-artifacts/mpu/create/*
POST   mlflow-artifacts/mpu/complete/*
POST   mlflow-artifacts/mpu/abort/*
GET    mlflow-artifacts/presigned/*
POST   mlflow/registered-models/create
POST   mlflow/registered-models/rename
POST   mlflow/registered-models/set-tag
POST   mlflow/registered-models/get-latest-versions
GET    mlflow/registered-models/get-latest-versions
POST   mlflow/registered-models/alias
GET    mlflow/registered-models/get
GET    mlflow/registered-models/search
GET    mlflow/registered-models/alias
PATCH  mlflow/registered-models/update
DELETE mlflow/registered-models/delete
DELETE mlflow/registered-models/delete-tag
DELETE mlflow/registered-models/alias
POST   mlflow/model-versions/create
POST   mlflow/model-versions/set-tag
POST   mlflow/model-versions/transition-stage
GET    mlflow/model-versions/get
GET    mlflow/model-versions/search
GET    mlflow/model-versions/get-download-uri
PATCH  mlflow/model-versions/update
DELETE mlflow/model-versions/delete
DELETE mlflow/model-versions/delete-tag
GET    mlflow/artifacts/list
GET    mlflow/metrics/get-history-bulk
GET    mlflow/metrics/get-history-bulk-interval
GET    mlflow/experiments/search
POST   mlflow/experiments/search-datasets
POST   mlflow/upload-artifact
GET    mlflow/logged-models/*/artifacts/directories
GET    mlflow/logged-models/*/artifacts/files
"""
ANSWERED = {tuple(line.split()) for line in CALLS.strip().splitlines()}
PROTOCOL = (
    "service",
    "model_registry",
    "mlflow_artifacts",
    "webhooks",
    "issues",
    "jobs",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def known_to_the_client() -> Iterator[tuple[str, str, str]]:
    """Yield release of the API, method and path of every call of the protocol."""
    for name in PROTOCOL:
        module = importlib.import_module(f"mlflow.protos.{name}_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            for call in service.methods:
                rpc = call.GetOptions().Extensions[databricks_pb2.rpc]
                for place in rpc.endpoints:
                    path = re.sub(r"<[^>]+>|\{[^}]+\}", "*", place.path.strip("/"))
                    yield f"{place.since.major}.0", place.method, path


def asked(method: str, path: str):
    response = Client().generic(method, path.replace("*", "1"))
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, response.json()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("prefix", ["/api/2.0", "/ajax-api/2.0"])
def test_every_call_of_the_client_has_an_endpoint(place, prefix):
    answers = {call: asked(call[0], f"{place}{prefix}/{call[1]}") for call in ANSWERED}
    assert answers == dict.fromkeys(ANSWERED, MISSING)


@pytest.mark.parametrize("place", PLACES)
def test_pages_beside_the_api_have_their_endpoints(place):
    for path in ("get-artifact", "model-versions/get-artifact"):
        assert asked("GET", f"{place}/{path}") == MISSING
    for prefix in ("api", "ajax-api"):
        status, _ = asked("GET", f"{place}/{prefix}/3.0/mlflow/server-info")
        assert status == 200


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("prefix", ["/api", "/ajax-api"])
def test_every_other_call_is_refused_in_the_shape_of_mlflow(place, prefix):
    refused = {
        (method, f"{release}/{path}")
        for release, method, path in known_to_the_client()
        if (method, path) not in ANSWERED
    }
    assert len(refused) > 100
    for method, path in refused:
        status, answer = asked(method, f"{place}{prefix}/{path}")
        assert (status, answer["error_code"]) == (404, "ENDPOINT_NOT_FOUND"), path
        assert answer["message"].startswith("Attestry does not ")
        assert answer["message"].endswith(".")


@pytest.mark.parametrize("path", sorted({path for _, path in ANSWERED}))
def test_method_that_a_path_does_not_take_is_refused_in_the_shape_of_mlflow(path):
    taken = {method for method, name in ANSWERED if name == path}
    for method in set(METHODS) - taken:
        status, answer = asked(method, f"/api/2.0/{path}")
        assert (status, answer["error_code"]) == (404, "ENDPOINT_NOT_FOUND"), method


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("path", "topic"),
    [
        ("v1/traces", "traces"),
        ("api/3.0/mlflow/traces/search", "traces"),
        ("api/2.0/mlflow/unified-traces", "traces"),
        ("ajax-api/2.0/mlflow/get-trace-artifact", "traces"),
        ("ajax-api/2.0/mlflow/gateway-proxy", "the AI gateway"),
        ("gateway", "the AI gateway"),
        ("gateway/", "the AI gateway"),
        ("gateway/chat/invocations", "the AI gateway"),
        ("api/3.0/mlflow/prompt-optimization/jobs", "prompts"),
        ("api/3.0/mlflow/scorers/list", "scorers"),
        ("api/2.0/mlflow/webhooks", "MLflow's webhooks"),
    ],
)
def test_what_is_out_of_scope_is_named(place, path, topic):
    refusal = {
        "error_code": "ENDPOINT_NOT_FOUND",
        "message": f"Attestry does not keep {topic}: it tracks experiments, runs and "
        f"models.",
    }
    for method in ("GET", "POST"):
        assert asked(method, f"{place}/{path}") == (404, refusal), method


@pytest.mark.parametrize(
    "path", ["api/2.0", "api/2.0/", "api/1.2/mlflow", "api/4.0/x", "graphql"]
)
def test_path_beside_the_api_is_refused_too(path):
    assert asked("GET", f"/{path}") == (
        404,
        {
            "error_code": "ENDPOINT_NOT_FOUND",
            "message": f"Attestry does not offer GET /{path}.",
        },
    )


ANY = "api/2.0/mlflow/experiments/search"


@pytest.mark.parametrize("name", ["credit.risk", "a b", "é", "%25", "a%3Fb"])
@pytest.mark.parametrize(
    "path", [ANY, "get-artifact", "version", "health", "v1/traces", "graphql"]
)
def test_workspace_that_cannot_be_is_unknown_in_the_shape_of_mlflow(name, path):
    assert asked("POST", f"/w/{name}/{path}") == unknown(
        "workspace_unknown",
        "There is no workspace of this name: check the path in MLFLOW_TRACKING_URI.",
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("path", ["version", "health"])
def test_version_and_health_are_only_read(place, path):
    strict = Client(enforce_csrf_checks=True)
    refused = strict.post(f"{place}/{path}")
    assert (refused.status_code, refused.json()["error_code"]) == (
        404,
        "ENDPOINT_NOT_FOUND",
    )
    for read in (strict.get, strict.head):
        assert read(f"{place}/{path}").status_code == 200


@pytest.mark.parametrize("path", [ANY, "version", "health", "w/default/get-artifact"])
def test_host_that_is_not_ours_is_refused_in_the_shape_of_mlflow(path):
    response = Client().post(f"/{path}", headers={"Host": "evil.example"})
    assert (response.status_code, response.json()) == invalid(
        "host_unknown",
        "This installation has another name: correct the host in MLFLOW_TRACKING_URI, "
        "or have it added to ATTESTRY_ALLOWED_HOSTS.",
    )
