"""Who gets into MLflow's API, and what those see who do not."""

import base64
from datetime import timedelta
from urllib.parse import unquote

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone

from audit.services import system_account
from tests import factories
from tests.tracking.refusals import denied, unauthenticated, unknown, unknown_run
from tracking.mlflow_api.urls import urlpatterns
from tracking.models import ApiToken
from tracking.permissions import Role
from tracking.services.roles import grant_role
from tracking.services.tokens import create_token
from tracking.services.workspaces import create_workspace

MISSING = unauthenticated(
    "token_missing",
    "Send an API token: set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD with the token as the password.",
)
UNKNOWN = unauthenticated(
    "token_unknown",
    "This token is not known here. Check that it was copied whole, or ask an "
    "administrator for a new one.",
)
EXPIRED = unauthenticated(
    "token_expired",
    "This token has expired or was revoked. Ask an administrator for a new one.",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ANYTHING = "/api/2.0/mlflow/experiments/get-by-name"


PARTS = {
    **dict.fromkeys(("<path:path>", "<path:folder>", "<path:root>"), "1/x/artifacts/f"),
    **dict.fromkeys(("<str:model_id>", "<str:upload_id>", "<str:sha256>"), "m-1"),
    "<path:key>": "k",
    "<int:number>": "1",
}
OPEN = ("/server-info", "/version", "/health")


def routes() -> list[str]:
    """Every path of the API that needs to know who asks."""
    found = []
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        route = str(pattern.pattern)
        if "(?" not in route:
            for name, value in PARTS.items():
                route = route.replace(name, value)
            found.append("/" + route)
    return [route for route in found if not route.endswith(OPEN)]


def basic(username: str, password: str) -> str:
    joined = base64.b64encode(f"{username}:{password}".encode()).decode()
    return f"Basic {joined}"


def answer_to(authorization: str, path: str = ANYTHING):
    response = Client().get(
        path, {"experiment_name": "x"}, headers={"Authorization": authorization}
    )
    return response.status_code, response.json()


@pytest.mark.django_db
@pytest.mark.parametrize("path", routes())
def test_every_endpoint_wants_a_token(path):
    answers = [Client().generic(method, path) for method in METHODS]
    refused = [answer for answer in answers if answer.status_code != 404]
    assert refused
    for answer in refused:
        assert (answer.status_code, answer.json()) == MISSING


@pytest.mark.parametrize("form", ["bearer", "basic", "lower case"])
def test_token_is_taken_as_bearer_and_as_basic_password(cast, form):
    secret = factories.token(cast.alice)
    authorization = {
        "bearer": f"Bearer {secret}",
        "basic": basic("anything", secret),
        "lower case": f"bearer {secret}",
    }[form]
    assert answer_to(authorization)[1]["code"] == "experiment_unknown"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("", MISSING),
        ("Bearer", MISSING),
        ("Bearer ", MISSING),
        ("Digest x", MISSING),
        ("Basic !!!", MISSING),
        ("Basic é", MISSING),
        ("Basic //8=", MISSING),
        ("Basic " + "A" * 100_000, MISSING),
        ("Bearer é\x00", UNKNOWN),
        (basic("alice", ""), MISSING),
        ("Bearer atty_wrong", UNKNOWN),
        (basic("alice", "atty_wrong"), UNKNOWN),
        (basic("alice", factories.PASSWORD), UNKNOWN),
    ],
)
def test_missing_and_wrong_tokens_are_told_apart(authorization, expected):
    assert answer_to(authorization) == expected


@pytest.mark.parametrize("make", ["Bearer {}", "basic"])
def test_expired_token_is_refused(cast, make):
    with time_machine.travel(timezone.now() - timedelta(days=2), tick=False):
        _, secret = create_token(
            cast.alice, name="old", actor=system_account(), lifetime=timedelta(days=1)
        )
    authorization = basic("x", secret) if make == "basic" else make.format(secret)
    assert answer_to(authorization) == EXPIRED


def test_revoked_token_is_refused(cast):
    token, secret = create_token(cast.alice, name="lost", actor=system_account())
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now())
    assert answer_to(f"Bearer {secret}") == EXPIRED


def test_token_of_a_deactivated_account_is_refused(cast):
    secret = factories.token(cast.alice)
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)
    assert answer_to(f"Bearer {secret}") == EXPIRED


def test_login_without_a_token_does_not_open_the_api(cast):
    client = Client()
    client.force_login(cast.alice)
    response = client.get(ANYTHING, {"experiment_name": "x"})
    assert (response.status_code, response.json()) == MISSING


def test_person_without_a_role_learns_nothing(mlflow_as, cast, run):
    mallory = mlflow_as(cast.mallory)
    expected = unknown(
        "workspace_unknown",
        "There is no workspace 'default' that you may see: check the path in "
        "MLFLOW_TRACKING_URI.",
    )
    assert mallory.get("runs/get", run_id=run.run_id) == expected
    assert mallory.post("runs/log-batch", run_id=run.run_id) == expected


def test_role_that_may_look_may_not_write(mlflow_as, cast, run, log):
    bob = mlflow_as(cast.bob)
    assert bob.get("runs/get", run_id=run.run_id)[0] == 200
    log()

    may_not_log = denied(
        "may_not_log_run",
        "You may not log runs in credit: ask for the developer role.",
    )
    batch = {"run_id": run.run_id, "params": [{"key": "a", "value": "1"}]}
    assert bob.post("runs/log-batch", **batch) == may_not_log
    assert bob.post("runs/update", run_id=run.run_id, status="KILLED") == may_not_log
    assert bob.post("runs/log-inputs", run_id=run.run_id) == may_not_log
    create = bob.post("runs/create", experiment_id=str(run.experiment_id))
    assert create == may_not_log
    assert bob.post("experiments/create", name="mine") == denied(
        "may_not_create_experiment",
        "You may not create experiments of this name in default: ask for the developer role.",
    )
    assert log() == []
    assert not run.params.exists()


def test_superuser_logs_nothing_without_the_role(mlflow_as, cast, run):
    ada = mlflow_as(cast.ada)
    assert ada.post("runs/log-batch", run_id=run.run_id) == denied(
        "may_not_log_run",
        "You may not log runs in credit: ask for the developer role.",
    )


def test_bot_logs_like_a_developer(mlflow_as, cast, run):
    bot = mlflow_as(cast.bot)
    batch = {"run_id": run.run_id, "params": [{"key": "a", "value": "1"}]}
    assert bot.post("runs/log-batch", **batch) == (200, {})


def test_other_workspace_looks_the_same_whether_hidden_or_missing(alice):
    create_workspace("secret", actor=system_account())
    for name in ("secret", "missing"):
        assert alice.below(name).get("runs/get", run_id="x") == unknown(
            "workspace_unknown",
            f"There is no workspace {name!r} that you may see: check the path in "
            f"MLFLOW_TRACKING_URI.",
        )


def test_run_is_not_found_through_another_workspace(alice, cast, run):
    second = create_workspace("second", actor=system_account())
    grant_role(
        cast.alice, role=Role.DEVELOPER, workspace=second, actor=system_account()
    )
    below = alice.below("second")
    assert below.get("runs/get", run_id=run.run_id) == unknown_run(run.run_id, "second")
    assert below.post("runs/log-batch", run_id=run.run_id) == (
        unknown_run(run.run_id, "second")
    )
    assert alice.below("default").get("runs/get", run_id=run.run_id)[0] == 200


def test_same_experiment_name_may_stand_in_two_workspaces(alice, cast):
    second = create_workspace("second", actor=system_account())
    grant_role(
        cast.alice, role=Role.DEVELOPER, workspace=second, actor=system_account()
    )
    one = alice.post("experiments/create", name="same")
    two = alice.below("second").post("experiments/create", name="same")
    assert (one[0], two[0]) == (200, 200)
    assert one[1] != two[1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/2.0/mlflow/runs/teleport"),
        ("GET", "/api/2.0/mlflow/runs/create"),
        ("GET", "/api/3.0/mlflow/teleport"),
        ("POST", "/ajax-api/2.0/mlflow/runs/teleport"),
        ("PATCH", "/api/2.0/mlflow-artifacts/artifacts/1/x/artifacts/f"),
        ("POST", "/w/default/api/2.0/mlflow/runs/teleport"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/x/artifacts/line%0Abreak"),
    ],
)
def test_endpoint_that_does_not_exist_answers_in_the_shape_of_mlflow(method, path):
    response = Client().generic(method, path)
    assert (response.status_code, response.json()) == (
        404,
        {
            "error_code": "ENDPOINT_NOT_FOUND",
            "message": f"Attestry does not offer {method} {unquote(path)}.",
        },
    )
