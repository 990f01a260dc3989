"""Logged models of MLflow 3, over its API."""

import json
from typing import Any

import pytest
from django.utils import timezone
from guardian.models import GroupObjectPermission
from guardian.shortcuts import assign_perm

from tests import factories
from tests.tracking.refusals import conflict, denied, invalid, unknown
from tracking.models import Experiment, LoggedModel, LoggedModelParam, Run
from tracking.models.logged_model import UseDirection
from tracking.services.experiments import create_experiment
from tracking.services.logged_models import log_model_uses
from tracking.services.logging import Point, log_batch
from tracking.services.runs import create_run, freeze
from tracking.services.sealing import verify_run

FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def model(run, cast):
    return factories.logged_model(run, cast.alice)


@pytest.fixture
def place(model):
    return f"{FILES}/{model.experiment_id}/models/{model.model_id}/artifacts"


@pytest.fixture
def client(as_token, cast):
    return as_token(cast.alice)


def shown(alice, model):
    return alice.get(f"logged-models/{model.model_id}")[1]["model"]


def test_model_is_created_pending_and_found_by_its_id(alice, run, log):
    log()
    status, answer = alice.post(
        "logged-models",
        experiment_id=str(run.experiment_id),
        name="scorer",
        model_type="classifier",
        source_run_id=run.run_id,
        params=[{"key": "depth", "value": "3"}],
        tags=[{"key": "team", "value": "credit"}],
    )
    model = LoggedModel.objects.get()
    created = answer["model"]["info"].pop("creation_timestamp_ms")
    assert answer["model"]["info"].pop("last_updated_timestamp_ms") == created
    assert (status, answer) == (
        200,
        {
            "model": {
                "info": {
                    "model_id": model.model_id,
                    "experiment_id": str(run.experiment_id),
                    "name": "scorer",
                    "artifact_uri": (
                        f"mlflow-artifacts:/{run.experiment_id}/models/"
                        f"{model.model_id}/artifacts"
                    ),
                    "status": "LOGGED_MODEL_PENDING",
                    "model_type": "classifier",
                    "source_run_id": run.run_id,
                    "tags": [{"key": "team", "value": "credit"}],
                },
                "data": {"params": [{"key": "depth", "value": "3"}]},
            }
        },
    )
    ((kind, subject, payload),) = log()
    assert (kind, subject) == ("tracking.logged_model.created", model.subject)
    assert payload["source_run"] == run.subject


def test_model_shows_what_was_logged_of_it(alice, model, run):
    assert shown(alice, model)["info"]["status"] == "LOGGED_MODEL_READY"
    assert shown(alice, model)["data"]["metrics"] == [
        {
            "key": "auc",
            "value": 0.9,
            "timestamp": 1,
            "step": 0,
            "model_id": model.model_id,
            "run_id": run.run_id,
            "dataset_name": "loans",
            "dataset_digest": "abc123",
        }
    ]
    of_run = alice.run(run.run_id)
    assert of_run["outputs"] == {
        "model_outputs": [{"model_id": model.model_id, "step": 0}]
    }
    assert of_run["data"]["metrics"] == [
        {"key": "auc", "value": 0.9, "timestamp": 1, "step": 0}
    ]


def test_run_names_the_models_it_worked_with(alice, model, workspace, cast):
    other = factories.run(workspace, cast.alice)
    used = [{"model_id": model.model_id}]
    assert alice.post("runs/log-inputs", run_id=other.run_id, models=used) == (200, {})
    assert alice.run(other.run_id)["inputs"] == {"model_inputs": used}
    unknown_one = alice.post(
        "runs/outputs", run_id=other.run_id, models=[{"model_id": "m-none"}]
    )
    assert unknown_one == unknown(
        "logged_model_unknown",
        "There is no logged model 'm-none' in default that you may see: check the id.",
    )


def test_metric_of_an_unknown_model_stores_nothing(alice, run):
    metric = {"key": "auc", "value": 1, "timestamp": 1, "model_id": "m-none"}
    answer = alice.post("runs/log-batch", run_id=run.run_id, metrics=[metric])
    assert answer == unknown(
        "logged_model_unknown",
        "There is no logged model 'm-none' in default that you may see: check the id.",
    )
    assert "metrics" not in alice.run(run.run_id)["data"]


@pytest.fixture
def elsewhere(workspace, cast):
    """A ready model of another experiment, in which nobody holds a permission."""
    experiment = create_experiment(workspace, name="elsewhere", actor=cast.alice)
    run = create_run(
        experiment, name="", started_at=timezone.now(), tags={}, actor=cast.alice
    )
    model = factories.logged_model(run, cast.alice)
    GroupObjectPermission.objects.filter(object_pk=str(experiment.pk)).delete()
    return model


def name_it(alice, run, model):
    """Return the answers of every call by which a run writes into a model."""
    point = {"key": "auc", "value": 1, "timestamp": 9, "model_id": model.model_id}
    used = [{"model_id": model.model_id}]
    return [
        alice.post("runs/log-metric", run_id=run.run_id, **point),
        alice.post("runs/log-batch", run_id=run.run_id, metrics=[point]),
        alice.post("runs/outputs", run_id=run.run_id, models=used),
    ]


def test_run_writes_nothing_into_a_model_that_its_author_may_not_see(
    alice, run, elsewhere, log
):
    log()
    hidden = unknown(
        "logged_model_unknown",
        f"There is no logged model {elsewhere.model_id!r} in default that you may see: "
        f"check the id.",
    )
    assert alice.get(f"logged-models/{elsewhere.model_id}") == hidden
    assert name_it(alice, run, elsewhere) == [hidden] * 3
    used = [{"model_id": elsewhere.model_id}]
    assert alice.post("runs/log-inputs", run_id=run.run_id, models=used) == hidden
    assert elsewhere.metrics.count() == 1
    assert run.metrics.count() == 0
    assert log() == []


def test_run_writes_nothing_into_a_model_that_its_author_may_only_see(
    alice, run, elsewhere, cast, log
):
    assign_perm("view_experiment", cast.alice, elsewhere.experiment)
    log()
    refused = denied(
        "may_not_log_run",
        "You may not log runs in elsewhere: ask for the developer role.",
    )
    assert name_it(alice, run, elsewhere) == [refused] * 3
    assert elsewhere.metrics.count() == 1
    assert run.metrics.count() == 0
    assert log() == []
    used = [{"model_id": elsewhere.model_id}]
    assert alice.post("runs/log-inputs", run_id=run.run_id, models=used) == (200, {})


def test_other_run_writes_nothing_into_a_frozen_model(
    alice, model, run, workspace, cast, log
):
    other = factories.run(workspace, cast.alice)
    factories.end(run, cast.alice)
    freeze(run, actor=cast.alice)
    log()
    refused = conflict(
        "run_frozen",
        f"The source run of the logged model {model.model_id} is evidence of a promotion "
        f"request, so the model cannot change any more. Log a new one.",
    )
    assert name_it(alice, other, model) == [refused] * 3
    assert model.metrics.count() == 1
    assert other.metrics.count() == 0
    assert log() == []


def test_batch_of_many_models_is_written_in_as_many_queries(
    alice, run, cast, django_assert_max_num_queries
):
    models = [factories.logged_model(run, cast.alice) for _ in range(30)]
    points = [
        {"key": "f1", "value": 1, "timestamp": 1, "model_id": model.model_id}
        for model in models
    ]
    with django_assert_max_num_queries(25):
        answer = alice.post("runs/log-batch", run_id=run.run_id, metrics=points)
    assert answer == (200, {})
    assert [model.metrics.filter(key="f1").count() for model in models] == [1] * 30


def test_point_that_is_sent_again_is_stored_once(alice, run, model):
    point = {"key": "f1", "value": "NaN", "timestamp": 1, "model_id": model.model_id}
    on_data = {**point, "dataset_name": "loans", "dataset_digest": "abc123"}
    later = {**point, "timestamp": 2}
    for _ in range(2):
        alice.post("runs/log-metric", run_id=run.run_id, **point)
        alice.post(
            "runs/log-batch", run_id=run.run_id, metrics=[point, on_data, point, later]
        )
    stored = model.metrics.filter(key="f1").order_by("pk")
    assert list(stored.values_list("timestamp_ms", "is_nan", "dataset_name")) == [
        (1, True, ""),
        (1, True, "loans"),
        (2, True, ""),
    ]


@pytest.mark.parametrize("value", ["1", "2"])
def test_param_that_is_named_twice_is_refused(alice, run, model, value):
    twice = [{"key": "a", "value": "1"}, {"key": "a", "value": value}]
    refused = invalid(
        "param_named_twice", "The message names a param twice: send each param once."
    )
    path = f"logged-models/{model.model_id}/params"
    assert alice.post(path, params=twice) == refused
    experiment_id = str(run.experiment_id)
    created = alice.post("logged-models", experiment_id=experiment_id, params=twice)
    assert created == refused
    assert not LoggedModelParam.objects.filter(key="a").exists()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("logged-models", {"name": "a/b"}),
        ("logged-models", {"source_run_id": "none"}),
        ("runs/create", {"tags": [{"key": "mlflow.parentRunId", "value": "frozen"}]}),
    ],
)
def test_refused_call_makes_no_default_experiment(alice, run, cast, log, path, message):
    factories.end(run, cast.alice)
    freeze(run, actor=cast.alice)
    sent = json.loads(json.dumps(message).replace("frozen", run.run_id))
    log()
    assert alice.post(path, experiment_id="0", **sent)[0] in {400, 404, 409}
    assert [row.name for row in Experiment.objects.all()] == ["credit"]
    assert log() == []


def test_inputs_are_logged_whole_or_not_at_all(alice, run, model, log):
    log()
    dataset = {"name": "d" * 100, "digest": "1"}
    status, body = alice.post(
        "runs/log-inputs",
        run_id=run.run_id,
        models=[{"model_id": model.model_id}],
        datasets=[{"dataset": dataset}] * 900,
    )
    assert (status, body["code"]) == (400, "entry_too_large")
    assert alice.run(run.run_id)["inputs"] == {}
    assert log() == []


def test_params_are_added_and_never_changed(alice, model):
    path = f"logged-models/{model.model_id}/params"
    assert alice.post(path, params=[{"key": "width", "value": "4"}]) == (200, {})
    assert alice.post(path, params=[{"key": "depth", "value": "4"}]) == invalid(
        "param_is_immutable",
        f"The param 'depth' of logged model {model.model_id} is '3' and cannot become "
        f"'4'. Log a new model for other params.",
    )
    assert dict(LoggedModelParam.objects.values_list("key", "value")) == {
        "depth": "3",
        "width": "4",
    }


def test_tags_are_set_and_removed(alice, model, client):
    path = f"/api/2.0/mlflow/logged-models/{model.model_id}/tags"
    body = '{"tags": [{"key": "a/b", "value": "1"}]}'
    assert client.patch(path, body, "application/json").json() == {}
    assert {"key": "a/b", "value": "1"} in shown(alice, model)["info"]["tags"]
    assert client.delete(f"{path}/a/b", "{}", "application/json").json() == {}
    assert shown(alice, model)["info"]["tags"] == [{"key": "team", "value": "credit"}]
    assert client.delete(f"{path}/a/b").json()["code"] == "tag_unknown"


def test_archived_model_is_found_only_when_asked_for(alice, model, client):
    path = f"logged-models/{model.model_id}"
    assert client.delete(f"/api/2.0/mlflow/{path}").json() == {}
    assert alice.get(path)[0] == 404
    assert alice.get(path, allow_deleted="true")[0] == 200
    assert LoggedModel.objects.count() == 1


def test_files_are_uploaded_listed_downloaded_and_removed(alice, model, place, client):
    assert client.put(f"{place}/data/x.bin", b"123").json() == {}
    root = place.removeprefix(f"{FILES}/")
    listed = client.get(FILES, {"path": root}).json()["files"]
    assert [file["path"] for file in listed] == ["MLmodel", "data", "model.pkl"]
    assert client.get(f"{place}/data/x.bin").getvalue() == b"123"
    answer = alice.get(
        f"logged-models/{model.model_id}/artifacts/directories",
        artifact_directory_path="data",
    )
    assert answer[1]["files"] == [
        {"path": "data/x.bin", "is_dir": False, "file_size": 3}
    ]
    one = client.get(
        f"/ajax-api/2.0/mlflow/logged-models/{model.model_id}/artifacts/files",
        {"artifact_file_path": "data/x.bin"},
    )
    assert one.getvalue() == b"123"
    assert client.delete(f"{place}/data").json() == {}
    assert client.get(f"{place}/data/x.bin").json()["code"] == "artifact_unknown"


def test_model_of_a_frozen_run_is_frozen(alice, model, run, cast, place, client):
    factories.end(run, cast.alice)
    freeze(run, actor=cast.alice)
    refused = conflict(
        "run_frozen",
        f"The source run of the logged model {model.model_id} is evidence of a promotion "
        f"request, so the model cannot change any more. Log a new one.",
    )
    answer = client.put(f"{place}/late.txt", b"1")
    assert (answer.status_code, answer.json()) == refused
    path = f"logged-models/{model.model_id}/params"
    assert alice.post(path, params=[{"key": "late"}]) == refused
    tags = client.patch(
        f"/api/2.0/mlflow/logged-models/{model.model_id}/tags",
        '{"tags": [{"key": "mlflow.modelVersions", "value": "[]"}]}',
        "application/json",
    )
    assert tags.status_code == 200


def test_who_may_not_log_may_not_write_models(mlflow_as, cast, model, run):
    carol = mlflow_as(cast.carol)
    refused = denied(
        "may_not_log_run",
        "You may not log runs in credit: ask for the developer role.",
    )
    assert carol.post(f"logged-models/{model.model_id}/params") == refused
    assert carol.post("logged-models", experiment_id=str(run.experiment_id)) == denied(
        "may_not_log_run", "You may not write in credit: ask for the developer role."
    )
    assert carol.get(f"logged-models/{model.model_id}")[0] == 200


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "100%", 'a"b', "a'b"])
def test_name_that_would_be_ambiguous_is_refused(alice, run, name):
    answer = alice.post(
        "logged-models", experiment_id=str(run.experiment_id), name=name
    )
    assert (answer[0], answer[1]["code"]) == (400, "model_name_invalid")


def test_verification_of_the_run_covers_its_models(run, model, cast):
    run = factories.end(run, cast.alice)
    assert verify_run(run).is_intact
    LoggedModel.objects.update(name="another")
    assert verify_run(run).differences == (f"logged model {model.model_id}",)


@pytest.fixture
def models(workspace, cast):
    """Three models `m0` to `m2`; the last was made first."""
    made = []
    for number in (2, 1, 0):
        run = factories.run(workspace, cast.alice)
        model = factories.logged_model(run, cast.alice)
        LoggedModel.objects.filter(pk=model.pk).update(
            name=f"m{number}", model_type="odd" if number % 2 else "even"
        )
        log_batch(
            run,
            metrics=[
                Point("loss", number, 1, 0, model.model_id),
                Point("loss", -number, 1, 0, model.model_id, "test", "d"),
            ],
            actor=cast.alice,
        )
        made.append(model)
    return made


def found(alice, models, **query: Any):
    ids = [str(models[0].experiment_id)]
    status, answer = alice.post("logged-models/search", experiment_ids=ids, **query)
    if status != 200:
        return answer["code"]
    return [model["info"]["name"] for model in answer.get("models", [])]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["m0", "m1", "m2"]),
        ({"filter": "name = 'm1'"}, ["m1"]),
        ({"filter": "attributes.name IN ('m1', 'm2')"}, ["m1", "m2"]),
        ({"filter": "model_type LIKE 'ev%' AND status = 'READY'"}, ["m0", "m2"]),
        ({"filter": "metrics.loss > 0"}, ["m1", "m2"]),
        ({"filter": f"metrics.loss > {'9' * 400}"}, []),
        ({"filter": f"metrics.loss < {'9' * 400}"}, ["m0", "m1", "m2"]),
        ({"filter": f"creation_time < {'9' * 400}"}, ["m0", "m1", "m2"]),
        (
            {"filter": "metrics.loss > 0", "datasets": [{"dataset_name": "test"}]},
            [],
        ),
        ({"datasets": [{"dataset_name": "none"}]}, []),
        ({"filter": "params.depth = '3' AND tags.team != 'x'"}, ["m0", "m1", "m2"]),
        ({"filter": "params.depth IN ('3', 'x')"}, ["m0", "m1", "m2"]),
        ({"filter": "params.depth NOT IN ('3')"}, []),
        ({"filter": "tags.team IN ('none') AND params.depth LIKE '3'"}, []),
        ({"filter": "tags.team NOT IN ('none')"}, ["m0", "m1", "m2"]),
        ({"filter": "params.none NOT IN ('3')"}, []),
        ({"filter": "source_run_id NOT IN ('x')"}, ["m0", "m1", "m2"]),
        ({"filter": "creation_timestamp > 0 AND last_updated_time < 5"}, []),
        ({"filter": "params.depth IS NULL"}, "filter_invalid"),
        ({"filter": "tag.team = 'x'"}, "filter_invalid"),
        ({"order_by": [{"field_name": "name"}]}, ["m0", "m1", "m2"]),
        (
            {"order_by": [{"field_name": "metrics.loss", "ascending": False}]},
            ["m0", "m1", "m2"],
        ),
        (
            {
                "order_by": [
                    {
                        "field_name": "metrics.loss",
                        "dataset_name": "test",
                        "dataset_digest": "d",
                    }
                ]
            },
            ["m2", "m1", "m0"],
        ),
        (
            {
                "order_by": [
                    {"field_name": "metrics.a, b DESC"},
                    {"field_name": "metrics.loss", "dataset_name": "none"},
                    {"field_name": "metrics.loss", "dataset_name": "test"},
                ]
            },
            ["m2", "m1", "m0"],
        ),
        ({"order_by": [{"field_name": "name DESC"}]}, "filter_invalid"),
        ({"order_by": [{"field_name": "name"}] * 21}, "order_invalid"),
        ({"order_by": [{"field_name": "tags.team"}]}, "order_invalid"),
        ({"max_results": 2}, ["m0", "m1"]),
    ],
)
def test_models_are_found(alice, models, query, names):
    assert found(alice, models, **query) == names


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"filter": "source_run_id = 'RUN'"}, ["m1"]),
        ({"filter": "source_run_id != 'RUN'"}, ["m0", "m2"]),
        ({"filter": "source_run_id IN ('RUN', 'x')"}, ["m1"]),
        ({"filter": "source_run_id NOT IN ('RUN', 'x')"}, ["m0", "m2"]),
        ({"filter": "source_run_id LIKE '%'"}, ["m1", "m2"]),
        ({"filter": "source_run_id LIKE 'RU%'"}, ["m1"]),
        ({"filter": "source_run_id ILIKE 'ru%'"}, ["m1", "m2"]),
        ({"order_by": [{"field_name": "source_run_id"}]}, ["m1", "m2", "m0"]),
        (
            {"order_by": [{"field_name": "source_run_id", "ascending": False}]},
            ["m2", "m1", "m0"],
        ),
    ],
)
def test_models_are_found_by_their_run_which_one_of_them_does_not_have(
    alice, models, query, names
):
    last, middle, first = models
    LoggedModel.objects.filter(pk=first.pk).update(source_run=None)
    Run.objects.filter(pk=middle.source_run_id).update(run_id="RUN")
    Run.objects.filter(pk=last.source_run_id).update(run_id="run-of-m2")
    assert found(alice, models, **query) == names


def test_pages_of_models_are_walked_to_the_end(alice, models):
    ids = [str(models[0].experiment_id)]
    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        _, answer = alice.post(
            "logged-models/search", experiment_ids=ids, max_results=2, page_token=token
        )
        pages.append([model["info"]["name"] for model in answer["models"]])
        token = answer.get("next_page_token", "")
    assert pages == [["m0", "m1"], ["m2"]]


def test_same_output_twice_is_stored_once(alice, model, run, cast):
    log_model_uses(
        run, models=[(model, 0)], direction=UseDirection.OUTPUT, actor=cast.alice
    )
    assert len(alice.run(run.run_id)["outputs"]["model_outputs"]) == 1
