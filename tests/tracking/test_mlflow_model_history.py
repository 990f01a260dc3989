"""Models that clients of MLflow 2 log: a list in one tag of the run."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from tests import factories
from tracking.models import Tag, Workspace
from tracking.services.logging import log_batch
from tracking.services.model_history import add_to_model_history


def test_model_of_an_older_client_is_kept_as_a_tag(alice, run):
    model = (
        '{"artifact_path": "m", "flavors": {}, "utc_time_created": "", "run_id": ""}'
    )
    for _ in range(2):
        answer = alice.post("runs/log-model", run_id=run.run_id, model_json=model)
        assert answer == (200, {})
    tags = {tag["key"]: tag["value"] for tag in alice.run(run.run_id)["data"]["tags"]}
    assert tags["mlflow.log-model.history"].count("artifact_path") == 2
    broken = alice.post("runs/log-model", run_id=run.run_id, model_json="{}")
    assert broken[1]["code"] == "model_json_invalid"


def mlmodel(path: str, **more: Any) -> str:
    return json.dumps(
        {
            "artifact_path": path,
            "flavors": {"sklearn": {"code": None, "config": {"x": "y" * 9000}}},
            "utc_time_created": "2026-01-01 00:00:00.000000",
            "run_id": "r",
            "model_uuid": "u",
            **more,
        }
    )


def history(run) -> list[Any]:
    found: list[Any] = json.loads(run.tags.get(key="mlflow.log-model.history").value)
    return found


def test_of_a_model_of_an_older_client_is_kept_what_mlflow_keeps(alice, run):
    sent = mlmodel("m", signature={"inputs": "z" * 9000}, mlflow_version="2.22.5")
    assert alice.post("runs/log-model", run_id=run.run_id, model_json=sent) == (200, {})
    assert history(run) == [
        {
            "run_id": "r",
            "utc_time_created": "2026-01-01 00:00:00.000000",
            "artifact_path": "m",
            "model_uuid": "u",
            "flavors": {"sklearn": {"code": None}},
        }
    ]


def test_model_for_which_the_history_has_no_room_is_refused(alice, run, log):
    message = {"run_id": run.run_id, "model_json": mlmodel("m" * 3000)}
    for _ in range(2):
        assert alice.post("runs/log-model", **message) == (200, {})
    kept = history(run)
    log()
    status, body = alice.post("runs/log-model", **message)
    assert (status, body["code"]) == (400, "model_history_full")
    assert history(run) == kept
    assert log() == []


def test_history_that_is_no_list_is_not_overwritten(alice, run, cast):
    log_batch(run, tags=[("mlflow.log-model.history", "mine")], actor=cast.alice)
    status, body = alice.post(
        "runs/log-model", run_id=run.run_id, model_json=mlmodel("m")
    )
    assert (status, body["code"]) == (400, "model_history_unreadable")
    assert run.tags.get(key="mlflow.log-model.history").value == "mine"


def test_models_of_many_callers_at_once_are_all_kept(real_commits):
    alice = User.objects.get(username="alice")
    run = factories.run(Workspace.objects.get(name="default"), alice)

    def add(number: int) -> None:
        try:
            add_to_model_history(run, model_json=mlmodel(f"m{number}"), actor=alice)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(8)))
    assert sorted(model["artifact_path"] for model in history(run)) == [
        f"m{number}" for number in range(8)
    ]


@pytest.mark.parametrize("history", ["[" * 8000, "{", "1", '"text"'])
def test_model_is_not_added_to_what_is_no_list_of_models(alice, run, history):
    tag = "mlflow.log-model.history"
    alice.post("runs/set-tag", run_id=run.run_id, key=tag, value=history)
    model = json.dumps(
        dict.fromkeys(("artifact_path", "flavors", "utc_time_created", "run_id"))
    )
    status, answer = alice.post("runs/log-model", run_id=run.run_id, model_json=model)
    assert (status, answer["code"]) == (400, "model_history_unreadable")
    assert Tag.objects.get(key=tag).value == history[:8000]


@pytest.mark.parametrize("history", ['[{"a": 1}]', "[1e999]"])
def test_model_is_added_to_whatever_list_stands_in_its_tag(alice, run, history):
    tag = "mlflow.log-model.history"
    alice.post("runs/set-tag", run_id=run.run_id, key=tag, value=history)
    model = json.dumps(
        dict.fromkeys(("artifact_path", "flavors", "utc_time_created", "run_id"))
    )
    assert alice.post("runs/log-model", run_id=run.run_id, model_json=model) == (
        200,
        {},
    )
    kept = json.loads(model) | {"flavors": {}}
    assert json.loads(Tag.objects.get(key=tag).value) == [*json.loads(history), kept]


@pytest.mark.parametrize("depth", [400, 900, 980, 990, 1000, 5000, 100_000])
def test_model_nested_too_deep_is_refused_or_kept(alice, run, depth):
    nested = "[" * depth + "]" * depth
    model = f'{{"artifact_path":1,"flavors":{nested},"utc_time_created":1,"run_id":1}}'
    status, answer = alice.post("runs/log-model", run_id=run.run_id, model_json=model)
    assert status == 200 or answer["code"] == "model_json_invalid"
