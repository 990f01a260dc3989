"""Calls of MLflow's tracking API."""

import io
import json

from tests import factories
from tests.every_route.asking import Ask, Table
from tracking.events import TrackingEvent as E
from tracking.services.experiments import archive_experiment
from tracking.services.multipart_uploads import begin_upload, store_part
from tracking.services.runs import archive_run

TABLE = Table()
MLFLOW = "api/2.0/mlflow/"
FILES = "api/2.0/mlflow-artifacts/artifacts/"
IN_PARTS = "api/2.0/mlflow-artifacts/mpu/"
MODEL = f"{MLFLOW}logged-models/<str:model_id>"
TAG = {"key": "team", "value": "credit"}
DATASET = {"name": "loans", "digest": "abc", "source_type": "local", "source": "a.csv"}


def on_experiment(people, workspace, **body):
    found = factories.experiment(workspace, people.alice)
    return Ask(people.alice, {"experiment_id": str(found.pk)} | body)


def on_run(people, workspace, **body):
    run = factories.run(workspace, people.alice)
    return Ask(people.alice, {"run_id": run.run_id} | body)


def made_by_run(workspace, people):
    run = factories.run(workspace, people.alice)
    return factories.logged_model(run, people.alice, is_ready=False)


def on_model(people, workspace, **body):
    made = made_by_run(workspace, people)
    return Ask(people.alice, body, {"model_id": made.model_id})


@TABLE.call("POST", f"{MLFLOW}experiments/create", E.EXPERIMENT_CREATED)
def create_experiment(workspace, people):
    return Ask(people.alice, {"name": "churn"})


@TABLE.call("POST", f"{MLFLOW}experiments/search")
def search_experiments(workspace, people):
    return Ask(people.alice, {"max_results": 10})


@TABLE.call("POST", f"{MLFLOW}experiments/update", E.EXPERIMENT_RENAMED)
def rename_experiment(workspace, people):
    return on_experiment(people, workspace, new_name="churn")


@TABLE.call("POST", f"{MLFLOW}experiments/delete", E.EXPERIMENT_ARCHIVED)
def delete_experiment(workspace, people):
    return on_experiment(people, workspace)


@TABLE.call("POST", f"{MLFLOW}experiments/restore", E.EXPERIMENT_RESTORED)
def restore_experiment(workspace, people):
    asked = on_experiment(people, workspace)
    found = factories.experiment(workspace, people.alice)
    archive_experiment(found, actor=people.alice)
    return asked


@TABLE.call("POST", f"{MLFLOW}experiments/set-experiment-tag", E.EXPERIMENT_TAG_SET)
def tag_experiment(workspace, people):
    return on_experiment(people, workspace, **TAG)


@TABLE.call(
    "POST", f"{MLFLOW}experiments/delete-experiment-tag", E.EXPERIMENT_TAG_REMOVED
)
def untag_experiment(workspace, people):
    run = factories.run(workspace, people.alice)
    factories.everything_logged(run, people.alice)
    return on_experiment(people, workspace, key="team")


@TABLE.call("POST", f"{MLFLOW}experiments/search-datasets")
def search_datasets(workspace, people):
    found = factories.experiment(workspace, people.alice)
    return Ask(people.alice, {"experiment_ids": [str(found.pk)]})


@TABLE.call("POST", f"{MLFLOW}runs/create", E.RUN_CREATED)
def create_run(workspace, people):
    return on_experiment(people, workspace, run_name="first")


@TABLE.call("POST", f"{MLFLOW}runs/update", E.RUN_UPDATED)
def rename_run(workspace, people):
    return on_run(people, workspace, run_name="better")


@TABLE.call("POST", f"{MLFLOW}runs/search")
def search_runs(workspace, people):
    found = factories.experiment(workspace, people.alice)
    return Ask(people.alice, {"experiment_ids": [str(found.pk)]})


@TABLE.call("POST", f"{MLFLOW}runs/delete", E.RUN_ARCHIVED)
def delete_run(workspace, people):
    return on_run(people, workspace)


@TABLE.call("POST", f"{MLFLOW}runs/restore", E.RUN_RESTORED)
def restore_run(workspace, people):
    run = factories.run(workspace, people.alice)
    archive_run(run, actor=people.alice)
    return Ask(people.alice, {"run_id": run.run_id})


@TABLE.call("POST", f"{MLFLOW}runs/log-metric", E.RUN_LOGGED)
def log_metric(workspace, people):
    return on_run(people, workspace, key="loss", value=0.5, timestamp=1)


@TABLE.call("POST", f"{MLFLOW}runs/log-parameter", E.RUN_LOGGED)
def log_parameter(workspace, people):
    return on_run(people, workspace, key="alpha", value="0.1")


@TABLE.call("POST", f"{MLFLOW}runs/log-batch", E.RUN_LOGGED)
def log_batch(workspace, people):
    metric = {"key": "loss", "value": 0.5, "timestamp": 1, "step": 0}
    param = {"key": "alpha", "value": "0.1"}
    return on_run(people, workspace, metrics=[metric], params=[param], tags=[TAG])


@TABLE.call("POST", f"{MLFLOW}runs/log-inputs", E.RUN_INPUTS_LOGGED)
def log_inputs(workspace, people):
    return on_run(people, workspace, datasets=[{"dataset": DATASET}])


@TABLE.call("POST", f"{MLFLOW}runs/outputs", E.RUN_MODELS_LOGGED)
def log_outputs(workspace, people):
    made = made_by_run(workspace, people)
    return on_run(people, workspace, models=[{"model_id": made.model_id}])


@TABLE.call("POST", f"{MLFLOW}runs/log-model", E.RUN_LOGGED)
def log_model(workspace, people):
    run = factories.run(workspace, people.alice)
    model = {
        "artifact_path": "model",
        "flavors": {},
        "utc_time_created": "2026-01-01",
        "run_id": run.run_id,
    }
    body = {"run_id": run.run_id, "model_json": json.dumps(model)}
    return Ask(people.alice, body)


@TABLE.call("POST", f"{MLFLOW}runs/set-tag", E.RUN_LOGGED)
def tag_run(workspace, people):
    return on_run(people, workspace, **TAG)


@TABLE.call("POST", f"{MLFLOW}runs/delete-tag", E.RUN_TAG_REMOVED)
def untag_run(workspace, people):
    run = factories.run(workspace, people.alice)
    factories.everything_logged(run, people.alice)
    return Ask(people.alice, {"run_id": run.run_id, "key": "team"})


@TABLE.call("POST", f"{MLFLOW}logged-models", E.LOGGED_MODEL_CREATED)
def create_logged_model(workspace, people):
    return on_experiment(people, workspace, name="scorer")


@TABLE.call("POST", f"{MLFLOW}logged-models/search")
def search_logged_models(workspace, people):
    found = factories.experiment(workspace, people.alice)
    return Ask(people.alice, {"experiment_ids": [str(found.pk)]})


@TABLE.call("PATCH", MODEL, E.LOGGED_MODEL_MOVED)
def finish_logged_model(workspace, people):
    return on_model(people, workspace, status="LOGGED_MODEL_READY")


@TABLE.call("DELETE", MODEL, E.LOGGED_MODEL_ARCHIVED)
def delete_logged_model(workspace, people):
    return on_model(people, workspace)


@TABLE.call("POST", f"{MODEL}/params", E.LOGGED_MODEL_PARAMS_LOGGED)
def log_model_params(workspace, people):
    return on_model(people, workspace, params=[{"key": "alpha", "value": "0.1"}])


@TABLE.call("PATCH", f"{MODEL}/tags", E.LOGGED_MODEL_TAGS_SET)
def tag_logged_model(workspace, people):
    return on_model(people, workspace, tags=[TAG | {"value": "risk"}])


@TABLE.call("DELETE", f"{MODEL}/tags/<path:key>", E.LOGGED_MODEL_TAG_REMOVED)
def untag_logged_model(workspace, people):
    made = made_by_run(workspace, people)
    return Ask(people.alice, path={"model_id": made.model_id, "key": "team"})


@TABLE.call("POST", f"{MLFLOW}upload-artifact", E.ARTIFACT_UPLOADED)
def upload_by_page(workspace, people):
    run = factories.run(workspace, people.alice)
    query = {"run_uuid": run.run_id, "path": "notes.txt"}
    return Ask(people.alice, b"notes", query=query)


def file_of(run):
    return {"path": f"{run.experiment_id}/{run.run_id}/artifacts/notes.txt"}


@TABLE.call("PUT", f"{FILES}<path:path>", E.ARTIFACT_UPLOADED)
def upload(workspace, people):
    return Ask(people.alice, b"notes", file_of(factories.run(workspace, people.alice)))


@TABLE.call("DELETE", f"{FILES}<path:path>", E.ARTIFACT_REMOVED)
def remove_file(workspace, people):
    run = factories.run(workspace, people.alice)
    factories.upload(run, "notes.txt", b"notes", people.alice)
    return Ask(people.alice, path=file_of(run))


def in_parts(workspace, people):
    """Return a run, the id of an upload to it, and the SHA-256 of its only part."""
    run = factories.run(workspace, people.alice)
    upload_id = begin_upload(run, path="notes.txt", actor=people.alice)
    sha256 = store_part(
        run,
        upload_id=upload_id,
        number=1,
        stream=io.BytesIO(b"notes"),
        expected_bytes=5,
        actor=people.alice,
    )
    return run, upload_id, sha256


def folder_of(run):
    return {"folder": f"{run.experiment_id}/{run.run_id}/artifacts"}


# A file in parts is none before the last step, which is when it is recorded.
@TABLE.call("POST", f"{IN_PARTS}create/<path:folder>")
def begin_parts(workspace, people):
    run = factories.run(workspace, people.alice)
    return Ask(people.alice, {"path": "notes.txt", "num_parts": 1}, folder_of(run))


@TABLE.call("PUT", f"{IN_PARTS}parts/<str:upload_id>/<int:number>/<path:root>")
def send_part(workspace, people):
    run, upload_id, _ = in_parts(workspace, people)
    root = folder_of(run)["folder"]
    path = {"upload_id": upload_id, "number": 2, "root": root}
    return Ask(people.alice, b"more", path)


@TABLE.call("POST", f"{IN_PARTS}complete/<path:folder>", E.ARTIFACT_UPLOADED)
def complete_parts(workspace, people):
    run, upload_id, sha256 = in_parts(workspace, people)
    parts = [{"part_number": 1, "etag": sha256}]
    body = {"path": "notes.txt", "upload_id": upload_id, "parts": parts}
    return Ask(people.alice, body, folder_of(run))


@TABLE.call("POST", f"{IN_PARTS}abort/<path:folder>")
def abort_parts(workspace, people):
    run, upload_id, _ = in_parts(workspace, people)
    return Ask(people.alice, {"upload_id": upload_id}, folder_of(run))
