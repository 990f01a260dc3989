"""Stages and aliases of a governed environment over MLflow's API: a view of its slot."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from audit.models import Event
from registry.models import ModelVersion, Slot
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from tests import factories
from tracking.permissions import Role
from tracking.services.artifacts import remove_artifacts
from tracking.services.workspaces import create_workspace

MOVE = "model-versions/transition-stage"
ALIAS = "registered-models/alias"


@pytest.fixture
def governed(workspace, cast):
    """A version in a workspace where somebody has published a policy for production."""
    factories.policy(workspace, cast)
    return factories.version(workspace, cast)


@pytest.fixture
def rex(registry_as, cast):
    return registry_as(cast.rex)


def move(api, number="1", stage="Production", **options):
    return api.post(MOVE, name="credit", version=number, stage=stage, **options)


def alias(api, name="champion", number="1"):
    return api.post(ALIAS, name="credit", alias=name, version=number)


def shown(api, number="1"):
    return api.get("model-versions/get", name="credit", version=number)[1][
        "model_version"
    ]


def lacking(**changes):
    """The whole refusal, as the client's `exception.json` has it."""
    cure = changes.pop("cure", "Ask for its promotion first.")
    return (
        409,
        {
            "error_code": "RESOURCE_CONFLICT",
            "code": "not_approved",
            "message": f"credit v1 may not serve in production: that is governed, and no "
            f"approved request says so. {cure}",
            "environment": "production",
            "request": None,
            "state": None,
            "open_gates": ["auc", "regression"],
            "missing_attestations": [],
            "missing_sign_offs": ["validator", "owner"],
            "ask_at": "http://testserver/w/default/api/v1/promotion-requests/",
        }
        | changes,
    )


ASKING: dict[str, Callable[[Any], Any]] = {
    "stage": move,
    "champion": alias,
    "Champion": lambda api: alias(api, "Champion"),
    "production": lambda api: alias(api, "production"),
    "PRODUCTION": lambda api: alias(api, "PRODUCTION"),
}


@pytest.mark.parametrize("way", ASKING)
def test_without_a_request_everything_is_lacking(alice, governed, news, way):
    news()
    assert ASKING[way](alice) == lacking()
    assert news() == [("registry.version.refused", governed.subject)]
    assert shown(alice)["current_stage"] == "None"
    assert "aliases" not in shown(alice)


def test_superuser_is_refused_as_everybody_is(registry_as, governed, cast):
    assert move(registry_as(cast.ada)) == lacking()
    assert not Slot.objects.exists()


def test_open_request_says_which_gates_and_signatures_it_lacks(alice, governed, cast):
    request = factories.request(governed, cast)
    page = f"http://testserver/admin/registry/promotionrequest/{request.pk}/change/"
    assert move(alice) == lacking(
        cure=f"Request {request.pk} still lacks: auc, regression, validator, owner.",
        request=request.pk,
        state="evaluating",
        ask_at=page,
    )


def test_signers_of_the_tier_and_of_sensitive_data_lack_before_anybody_asks(
    alice, workspace, governed, cast
):
    run = factories.run(workspace, cast.alice)
    used = factories.use_dataset(run, cast.alice)
    factories.card(used, cast.alice)
    factories.version_of(run, cast, content=b"2")
    factories.classified(governed.registered_model, cast, Tier.CRITICAL)

    lacks = [move(alice, number)[1]["missing_sign_offs"] for number in ("1", "2")]

    assert lacks == [
        ["validator", "owner", "risk"],
        ["validator", "owner", "risk", "ethics"],
    ]


def test_signatures_that_are_given_are_not_lacking(alice, governed, cast):
    request = factories.evaluated(governed, cast)
    request = factories.signed(request, cast.bob, SignerRole.VALIDATOR)
    refused = alias(alice)[1]
    assert refused["state"] == "in_review"
    assert (refused["open_gates"], refused["missing_sign_offs"]) == ([], ["owner"])


@pytest.mark.parametrize("way", ["stage", "champion", "production"])
def test_with_an_approval_it_is_the_promotion(rex, governed, cast, news, way):
    request = factories.approved(governed, cast)
    news()
    assert ASKING[way](rex)[0] == 200
    assert news() == [("registry.version.promoted", request.subject)]
    assert Slot.objects.get().champion == governed
    line = shown(rex)
    assert line["current_stage"] == "Production"
    assert line["aliases"] == ["champion", "production"]
    assert ASKING[way](rex)[0] == 200
    assert news() == []


def test_approval_is_redeemed_by_who_may_promote_only(alice, governed, cast, news):
    request = factories.approved(governed, cast)
    news()
    for ask in (move, alias):
        status, answer = ask(alice)
        assert (status, answer["code"]) == (403, "may_not_promote")
        assert answer["error_code"] == "PERMISSION_DENIED"
    assert news() == [("registry.promotion.refused", request.subject)] * 2
    assert not Slot.objects.exists()


def test_champion_is_found_by_stage_and_alias(alice, champion):
    _, latest = alice.post(
        "registered-models/get-latest-versions", name="credit", stages=["Production"]
    )
    assert [one["version"] for one in latest["model_versions"]] == ["1"]
    for name in ("champion", "production"):
        _, answer = alice.get(ALIAS, name="credit", alias=name)
        assert answer["model_version"]["version"] == "1"
    listed = alice.get("registered-models/get", name="credit")[1]["registered_model"]
    assert listed["aliases"] == [
        {"alias": "production", "version": "1"},
        {"alias": "champion", "version": "1"},
    ]
    (found,) = alice.get("registered-models/search")[1]["registered_models"]
    assert found == listed


def test_emergency_that_is_over_is_not_shown_before_any_timer(
    alice, workspace, champion, cast
):
    second = factories.version(workspace, cast, content=b"2")
    factories.emergency(factories.emergency_asked(second, cast), cast)
    stages = [shown(alice, number)["current_stage"] for number in ("1", "2")]
    assert stages == ["None", "Production"]

    with time_machine.travel(timezone.now() + timedelta(hours=24), tick=False):
        after = [shown(alice, number) for number in ("1", "2")]

    assert [one["current_stage"] for one in after] == ["Production", "None"]
    assert [sorted(one.get("aliases", [])) for one in after] == [
        ["champion", "production"],
        [],
    ]


def test_next_champion_takes_stage_and_aliases_with_it(
    alice, rex, champion, workspace, cast
):
    second = factories.version(
        workspace, cast, content=b"two", scores=factories.predictions(strength=1.6)
    )
    factories.approved(second, cast)
    assert move(rex, "2", archive_existing_versions=True)[0] == 200
    assert (shown(alice, "1")["current_stage"], "aliases" in shown(alice, "1")) == (
        "None",
        False,
    )
    assert shown(alice, "2")["aliases"] == ["champion", "production"]


LEAVING: dict[str, Callable[[Any], Any]] = {
    "archived": lambda api: move(api, stage="Archived"),
    "none": lambda api: move(api, stage="None"),
    "staging": lambda api: move(api, stage="Staging"),
    "alias": lambda api: api.delete(ALIAS, name="credit", alias="champion"),
    "version": lambda api: api.delete(
        "model-versions/delete", name="credit", version="1"
    ),
    "model": lambda api: api.delete("registered-models/delete", name="credit"),
    "name": lambda api: api.post(
        "registered-models/rename", name="credit", new_name="debit"
    ),
}


@pytest.mark.parametrize("way", LEAVING)
def test_champion_leaves_by_no_way_round(alice, champion, news, way):
    news()
    status, answer = LEAVING[way](alice)
    assert (status, answer["error_code"]) == (409, "RESOURCE_CONFLICT")
    ((kind, _),) = news()
    assert kind in {"registry.version.refused", "registry.model.refused"}
    assert shown(alice)["current_stage"] == "Production"
    assert Slot.objects.get().champion == champion


def test_alias_of_the_champion_does_not_move_to_another(
    alice, champion, workspace, cast
):
    factories.version(workspace, cast, content=b"two")
    assert alias(alice, number="2")[1]["code"] == "not_approved"
    _, answer = alice.get(ALIAS, name="credit", alias="champion")
    assert answer["model_version"]["version"] == "1"


def test_copy_has_no_approval_of_its_own(alice, champion):
    alice.post("registered-models/create", name="copied")
    alice.post("model-versions/create", name="copied", source="models:/credit/1")
    where = {"name": "copied", "version": "1"}
    status, answer = alice.post(MOVE, **where, stage="Production")
    assert (status, answer["code"], answer["open_gates"]) == (409, "not_approved", [])
    status, answer = alice.post(ALIAS, **where, alias="champion")
    assert (status, answer["code"]) == (409, "not_approved")


def test_version_with_an_open_request_is_not_deleted(alice, governed, cast):
    factories.request(governed, cast)
    for path in ("model-versions/delete", "registered-models/delete"):
        status, answer = alice.delete(path, name="credit", version="1")
        assert (status, answer["code"]) == (409, "request_open")


def test_what_stood_there_before_the_policy_counts_no_more(alice, workspace, cast):
    factories.version(workspace, cast)
    assert move(alice)[0] == 200
    assert alias(alice)[0] == 200
    assert shown(alice)["current_stage"] == "Production"

    factories.policy(workspace, cast)
    line = shown(alice)
    assert (line["current_stage"], "aliases" in line) == ("None", False)
    assert alice.get(ALIAS, name="credit", alias="champion")[0] == 400
    latest = "registered-models/get-latest-versions"
    assert alice.post(latest, name="credit", stages=["Production"]) == (200, {})
    assert move(alice) == lacking()


def test_environments_without_a_policy_stay_plain(alice, governed):
    assert move(alice, stage="Staging")[0] == 200
    assert shown(alice)["current_stage"] == "Staging"
    assert alias(alice, "best")[0] == 200
    assert shown(alice)["aliases"] == ["best"]
    assert alice.delete(ALIAS, name="credit", alias="best") == (200, {})


def test_other_workspaces_are_not_governed(registry_as, governed, cast):
    other = create_workspace("other", actor=cast.ada)
    dora = factories.person("dora", other, Role.DEVELOPER)
    api = registry_as(dora).below("other")
    run = factories.run(other, dora)
    factories.upload(run, "model/MLmodel", b"mine", dora)
    api.post("registered-models/create", name="credit")
    api.post("model-versions/create", name="credit", source=f"runs:/{run.run_id}/model")
    assert move(api)[0] == 200
    assert shown(api)["current_stage"] == "Production"


def test_folder_of_a_logged_model_goes_the_whole_way(alice, rex, workspace, cast):
    """Its one ONNX file is what gates would run; the digest covers all its files."""
    factories.model(workspace, cast)
    factories.policy(workspace, cast)
    run = factories.run(workspace, cast.alice)
    factories.upload(run, factories.PREDICTIONS, factories.predictions(), cast.alice)
    logged = factories.logged_model(run, cast.alice)
    remove_artifacts(logged, path="model.pkl", actor=cast.alice)
    factories.upload(logged, "model.onnx", b"onnx", cast.alice)
    factories.end(run, cast.alice)
    alice.post(
        "model-versions/create", name="credit", source=f"models:/{logged.model_id}"
    )
    version = ModelVersion.objects.get()
    request = factories.approved(version, cast)
    content = request.snapshots.get().content
    assert content["artifact"] == f"sha256:{version.artifact_sha256}"
    onnx = logged.artifacts.get(path="model.onnx")
    assert content["candidate"]["model"] == f"sha256:{onnx.sha256}"
    assert move(rex)[0] == 200
    assert alice.get("model-versions/get-download-uri", name="credit", version="1") == (
        200,
        {"artifact_uri": logged.artifact_uri},
    )
    late = alice.client.put(
        f"/api/2.0/mlflow-artifacts/artifacts/{logged.experiment_id}/models/"
        f"{logged.model_id}/artifacts/late.txt",
        b"late",
        "application/octet-stream",
    )
    assert late.json()["code"] == "run_frozen"


def test_every_accepted_write_is_one_entry(alice, governed, cast):
    before = Event.objects.count()
    alias(alice, "best")
    move(alice, stage="Staging")
    named = {"name": "credit", "version": "1"}
    alice.post("model-versions/set-tag", **named, key="a", value="b")
    alice.patch("model-versions/update", **named, description="d")
    alice.patch("registered-models/update", name="credit", description="d")
    alice.delete("model-versions/delete", **named)
    alice.delete("registered-models/delete", name="credit")
    assert Event.objects.count() == before + 7
