"""A token with scopes does what they say, in both APIs, and reads."""

import base64
from datetime import timedelta

import pytest
from django.test import Client

from audit.errors import InvalidError, PermissionDeniedError
from audit.services import system_account
from tests import factories
from tests.tracking.conftest import Mlflow
from tracking.models import ApiToken
from tracking.models.access import Scope
from tracking.services.tokens import create_token, revoke_token

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def client(user, *scopes: Scope) -> Client:
    _, secret = create_token(user, name="test", actor=user, scopes=scopes)
    return Client(headers={"Authorization": f"Bearer {secret}"})


def missing(answer, *scopes: Scope) -> None:
    assert answer.status_code == 403
    told = answer.json()
    assert (told["code"], told["scopes"]) == ("token_scope_missing", sorted(scopes))


def test_token_without_scopes_may_do_all_that_its_account_may(cast, run):
    told = Mlflow(client(cast.alice)).post(
        "runs/log-metric", run_id=run.run_id, key="a", value=1.0, timestamp=1
    )
    assert told == (200, {})


@pytest.mark.parametrize("scope", Scope)
def test_every_scope_reads(cast, run, scope):
    reader = client(cast.alice, scope)
    assert Mlflow(reader).run(run.run_id)["info"]["run_id"] == run.run_id
    status, _ = Mlflow(reader).post("runs/search", experiment_ids=["0"])
    assert status == 200
    assert reader.get("/api/v1/datasets/").status_code == 200


@pytest.mark.parametrize("scope", set(Scope) - {Scope.TRACKING_WRITE})
def test_token_that_is_not_for_tracking_logs_nothing(cast, run, scope):
    status, told = Mlflow(client(cast.alice, scope)).post(
        "runs/log-metric", run_id=run.run_id, key="a", value=1.0, timestamp=1
    )
    assert status == 403
    assert told == {
        "error_code": "PERMISSION_DENIED",
        "message": f"This token is for {scope} only: use one with the scope "
        "tracking:write.",
        "code": "token_scope_missing",
        "scopes": ["tracking:write"],
    }
    assert not run.metrics.exists()


def test_token_for_tracking_logs(cast, run):
    told = Mlflow(client(cast.alice, Scope.TRACKING_WRITE)).post(
        "runs/log-metric", run_id=run.run_id, key="a", value=1.0, timestamp=1
    )
    assert told == (200, {})


@pytest.mark.parametrize("name", ["search", "runs/search", "get-latest-versions"])
def test_file_that_is_named_like_a_search_is_still_an_upload(cast, run, name):
    path = f"/api/2.0/mlflow-artifacts/artifacts/{run.experiment_id}/{run.run_id}"
    answer = client(cast.alice, Scope.READ).put(
        f"{path}/artifacts/{name}", b"x", "application/octet-stream"
    )
    missing(answer, Scope.TRACKING_WRITE)
    assert not run.artifacts.exists()


def test_scoped_token_works_as_the_password_of_basic_authentication(cast, run):
    _, secret = create_token(
        cast.alice, name="ci", actor=cast.alice, scopes=[Scope.READ]
    )
    pair = base64.b64encode(f"alice:{secret}".encode()).decode()
    mlflow = Mlflow(Client(headers={"Authorization": f"Basic {pair}"}))
    assert mlflow.run(run.run_id)
    assert mlflow.post("runs/delete", run_id=run.run_id)[0] == 403


@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        ("registered-models/", [Scope.REGISTRY_WRITE]),
        ("model-versions/", [Scope.REGISTRY_WRITE]),
        ("policies/", [Scope.REGISTRY_WRITE]),
        ("promotion-requests/", [Scope.GATES_RUN, Scope.REGISTRY_WRITE]),
        ("promotion-requests/1/evaluations/", [Scope.GATES_RUN, Scope.REGISTRY_WRITE]),
        ("promotion-requests/1/promotion/", [Scope.PROMOTE]),
        ("promotion-requests/1/waivers/", [Scope.REGISTRY_WRITE]),
        ("waivers/1/approvals/", [Scope.REGISTRY_WRITE]),
        ("attestations/", [Scope.REGISTRY_WRITE]),
        ("findings/", [Scope.REGISTRY_WRITE]),
        ("freezes/1/lifting/", [Scope.REGISTRY_WRITE]),
        ("retirements/", [Scope.REGISTRY_WRITE]),
        ("rollbacks/", [Scope.PROMOTE]),
        ("break-glass/", [Scope.PROMOTE]),
        ("break-glass/1/confirmation/", [Scope.PROMOTE]),
        ("reports/", [Scope.REGISTRY_WRITE]),
        ("datasets/", [Scope.TRACKING_WRITE]),
    ],
)
def test_native_api_wants_the_scope_of_what_is_done(cast, path, scopes):
    for scope in set(Scope) - set(scopes):
        missing(client(cast.bot, scope).post(f"/api/v1/{path}", {}), *scopes)
    for scope in scopes:
        answer = client(cast.bot, scope).post(f"/api/v1/{path}", {}, "application/json")
        assert answer.json()["code"] != "token_scope_missing"


def test_token_cannot_live_longer_than_the_installation_allows(cast, settings):
    settings.ATTESTRY_TOKEN_DAYS = 7
    for lifetime in (timedelta(days=8), timedelta(days=-1)):
        with pytest.raises(InvalidError) as refusal:
            create_token(cast.alice, name="laptop", actor=cast.alice, lifetime=lifetime)
        assert refusal.value.code == "token_lifetime_invalid"


def test_tokens_of_others_are_made_and_revoked_by_administrators_only(cast):
    with pytest.raises(PermissionDeniedError) as refusal:
        create_token(cast.bot, name="ci", actor=cast.alice)
    assert refusal.value.code == "token_of_somebody_else"

    token, _ = create_token(cast.bot, name="ci", actor=cast.ada)
    with pytest.raises(PermissionDeniedError):
        revoke_token(token, actor=cast.alice)
    revoke_token(token, actor=cast.ada)
    assert ApiToken.objects.get(pk=token.pk).revoked_at is not None


@pytest.mark.parametrize("name", ["bob", "carol", "mallory"])
def test_nobody_makes_a_token_of_a_person_but_the_person(cast, name):
    person = getattr(cast, name)
    for actor in (cast.ada, cast.alice, cast.bot):
        with pytest.raises(PermissionDeniedError) as refusal:
            create_token(person, name="theirs", actor=actor)
        assert refusal.value.code == "token_of_somebody_else"
    assert not ApiToken.objects.exists()
    create_token(person, name="own", actor=person)


def test_the_installation_makes_tokens(cast):
    assert create_token(cast.alice, name="first", actor=system_account())
    assert factories.token(cast.alice)
