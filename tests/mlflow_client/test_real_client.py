"""The unmodified MLflow client against a running installation."""

import http.client
import logging
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlflow
import mlflow.onnx
import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
import requests
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException, RestException
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from tests.installation import Installation

# The client warns about itself; what matters here is what it sends and gets.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# The client would find them out in a process of its own, which takes seconds; the test
# of autologging lets it.
REQUIREMENTS = ["scikit-learn"]


def dataset(digest: str) -> Any:
    make: Any = MetaDataset  # abstract only in its type hints
    return make(CodeDatasetSource(tags={}), name="flights", digest=digest)


def test_experiment_is_created_once_and_used_again(experiment):
    first = mlflow.get_experiment_by_name(experiment)
    assert first is not None
    assert mlflow.set_experiment(experiment).experiment_id == first.experiment_id
    assert mlflow.get_experiment(first.experiment_id).name == experiment
    assert mlflow.get_experiment_by_name("never made") is None


def test_everything_that_a_training_logs_can_be_read_back(experiment):
    with mlflow.start_run(run_name="whole") as run:
        mlflow.log_param("alpha", 0.1)
        mlflow.log_params({f"p{number}": number for number in range(150)})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"nan": math.nan, "up": math.inf, "down": -math.inf})
        mlflow.set_tag("team", "flights")
        mlflow.set_tags({"mlflow.source.git.branch": "main", "odd/key.is fine": "yes"})

    stored = mlflow.get_run(run.info.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.info.run_name == "whole"
    assert stored.info.user_id == "developer"
    assert stored.info.end_time >= stored.info.start_time
    assert stored.data.params == {
        "alpha": "0.1",
        **{f"p{number}": str(number) for number in range(150)},
    }
    assert stored.data.metrics["loss"] == 0.2
    assert math.isnan(stored.data.metrics["nan"])
    assert stored.data.metrics["up"] == math.inf
    assert stored.data.metrics["down"] == -math.inf
    assert stored.data.tags["team"] == "flights"
    assert stored.data.tags["odd/key.is fine"] == "yes"


def test_batch_of_the_largest_size_goes_through(experiment):
    client = MlflowClient()
    found = mlflow.get_experiment_by_name(experiment)
    assert found is not None
    run = client.create_run(found.experiment_id)
    client.log_batch(
        run.info.run_id,
        metrics=[Metric("loss", step, 1, step) for step in range(800)],
        params=[Param(f"p{number}", "1") for number in range(100)],
        tags=[RunTag(f"t{number}", "1") for number in range(100)],
    )
    assert client.get_run(run.info.run_id).data.metrics == {"loss": 799}


def test_nested_run_names_its_parent(experiment):
    with (
        mlflow.start_run(run_name="parent") as parent,
        mlflow.start_run(run_name="child", nested=True) as child,
    ):
        mlflow.log_param("depth", 1)
    stored = mlflow.get_run(child.info.run_id)
    assert stored.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert stored.info.experiment_id == parent.info.experiment_id


def test_datasets_are_inputs_of_a_run(experiment):
    with mlflow.start_run() as run:
        mlflow.log_input(dataset("aaa"), context="training")
        MlflowClient().log_inputs(
            run.info.run_id,
            [
                DatasetInput(
                    dataset("bbb")._to_mlflow_entity(),
                    [InputTag("mlflow.data.context", "test")],
                )
            ],
        )
    inputs = mlflow.get_run(run.info.run_id).inputs
    assert inputs is not None
    used = inputs.dataset_inputs
    assert [(u.dataset.name, u.dataset.digest, u.tags[0].value) for u in used] == [
        ("flights", "aaa", "training"),
        ("flights", "bbb", "test"),
    ]


def test_artifacts_come_back_as_they_were_sent(experiment, tmp_path: Path):
    folder = tmp_path / "sent"
    (folder / "deep").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(bytes(range(256)) * 4096)
    (folder / "deep" / "empty.txt").touch()
    (folder / "name with spaces, ü & %.txt").write_text("odd")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), "model")
        mlflow.log_artifact(str(folder / "model.onnx"))
        mlflow.log_dict({"a": 1}, "environment.json")
        mlflow.log_text("hello", "notes/hello.txt")

    client = MlflowClient()
    listed = client.list_artifacts(run.info.run_id)
    assert [(item.path, item.is_dir, item.file_size) for item in listed] == [
        ("environment.json", False, 12),
        ("model", True, None),
        ("model.onnx", False, 1024 * 1024),
        ("notes", True, None),
    ]
    got = Path(client.download_artifacts(run.info.run_id, "model", str(tmp_path)))
    assert {
        path.relative_to(got): path.read_bytes()
        for path in got.rglob("*")
        if path.is_file()
    } == {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/environment.json") == {
        "a": 1
    }


def test_client_that_asks_for_parts_sends_and_gets_a_file_in_parts(
    experiment, tmp_path: Path, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")
    for direction in ("UPLOAD", "DOWNLOAD"):
        monkeypatch.setenv(f"MLFLOW_ENABLE_PROXY_MULTIPART_{direction}", "true")
        monkeypatch.setenv(f"MLFLOW_MULTIPART_{direction}_MINIMUM_FILE_SIZE", "1000")
        monkeypatch.setenv(f"MLFLOW_MULTIPART_{direction}_CHUNK_SIZE", "1000000")
    content = bytes(range(256)) * 50_000
    (tmp_path / "large file.bin").write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "large file.bin"), "model")
    client = MlflowClient()
    got = client.download_artifacts(
        run.info.run_id, "model/large file.bin", str(tmp_path)
    )
    assert Path(got).read_bytes() == content
    [listed] = client.list_artifacts(run.info.run_id, "model")
    assert (listed.path, listed.file_size) == ("model/large file.bin", len(content))

    calls = [record.getMessage() for record in caplog.records]
    assert sum('"PUT ' in call and "/mpu/parts/" in call for call in calls) == 13
    assert sum('"GET ' in call and "/stored/" in call for call in calls) == 13


TRAINING = """
import mlflow

mlflow.genai.enable_git_model_versioning()
with mlflow.start_run() as run:
    mlflow.log_metric("auc", 0.75)
print(run.info.run_id)
"""


def test_client_that_versions_code_tells_of_a_dirty_tree(
    experiment, installation: Installation, tmp_path: Path
):
    def git(*words: str) -> None:
        alice = ("-c", "user.name=Alice", "-c", "user.email=alice@example.org")
        subprocess.run(["git", *alice, *words], cwd=tmp_path, check=True)

    script, token = tmp_path / "train.py", installation.account("developer").token
    script.write_text(TRAINING)
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "Train")
    script.write_text(TRAINING.replace("0.75", "0.8"))
    trained = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": installation.url,
            "MLFLOW_TRACKING_TOKEN": token,
            "MLFLOW_EXPERIMENT_NAME": experiment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert trained.returncode == 0, trained.stderr

    run_id = trained.stdout.split()[-1]
    code = requests.get(
        f"{installation.url}/api/v1/runs/{run_id}/rehydration/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    ).json()["code"]
    assert code["is_dirty"] is True
    assert '+    mlflow.log_metric("auc", 0.8)' in code["diff"]["text"]


def test_finished_run_is_resumed(experiment):
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.5, step=0)
    with mlflow.start_run(run_id=run.info.run_id):
        assert mlflow.get_run(run.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("loss", 0.25, step=1)
    stored = mlflow.get_run(run.info.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.metrics == {"loss": 0.25}


def test_run_that_raises_is_failed(experiment):
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as run:
        raise ZeroDivisionError
    assert mlflow.get_run(run.info.run_id).info.status == "FAILED"


def test_changed_param_raises_with_the_sentence(experiment):
    with mlflow.start_run() as run:
        mlflow.log_param("alpha", 1)
        with pytest.raises(MlflowException) as refusal:
            mlflow.log_param("alpha", 2)
    assert (
        f"The param 'alpha' of run {run.info.run_id} is '1' and cannot become '2'. Log "
        f"a new run for other params."
    ) in str(refusal.value)


def test_wrong_token_raises_after_one_request_and_says_why(monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "atty_wrong")
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")
    with pytest.raises(RestException) as refusal:
        mlflow.get_experiment_by_name("never")
    sent = [record for record in caplog.messages if '"GET ' in record]
    assert len(sent) == 1, sent
    assert refusal.value.error_code == "UNAUTHENTICATED"
    assert refusal.value.json["code"] == "token_unknown"
    assert "This token is not known here." in str(refusal.value)


def test_token_may_be_the_password_of_basic_authentication(
    installation, experiment, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "developer")
    token = installation.account("developer").token
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", token)
    assert mlflow.get_experiment_by_name(experiment) is not None


def test_workspace_stands_in_the_path_of_the_tracking_uri(
    installation, experiment, tmp_path: Path
):
    mlflow.set_tracking_uri(f"{installation.url}/w/default")
    with mlflow.start_run() as run:
        mlflow.log_param("alpha", 1)
        mlflow.log_text("hello", "hello.txt")
    got = MlflowClient().download_artifacts(run.info.run_id, "", str(tmp_path))
    assert (Path(got) / "hello.txt").read_text() == "hello"

    mlflow.set_tracking_uri(f"{installation.url}/w/elsewhere")
    with pytest.raises(MlflowException, match=r"There is no workspace 'elsewhere'"):
        mlflow.get_run(run.info.run_id)


def test_log_of_all_that_is_intact(installation, experiment):
    with mlflow.start_run():
        mlflow.log_param("alpha", 1)
    done = installation.verify_log()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The log is intact: ")


def test_upload_without_a_length_is_stored_whole(installation, experiment):
    with mlflow.start_run() as run:
        answer = requests.put(
            artifact_url(installation, run, "chunked.bin"),
            data=iter([b"a" * 100_000, b"b" * 100_000]),
            headers=bearer(installation),
            timeout=60,
        )
    assert (answer.status_code, answer.json()) == (200, {})
    (listed,) = MlflowClient().list_artifacts(run.info.run_id)
    assert (listed.path, listed.file_size) == ("chunked.bin", 200_000)


def test_upload_that_breaks_off_keeps_nothing(installation, experiment):
    with mlflow.start_run() as run:
        url = urlsplit(artifact_url(installation, run, "half.bin"))
        connection = http.client.HTTPConnection(url.netloc, timeout=60)
        connection.putrequest("PUT", url.path)
        connection.putheader("Authorization", bearer(installation)["Authorization"])
        connection.putheader("Content-Length", "1000000")
        connection.endheaders(b"only the beginning")
        connection.close()
        mlflow.log_text("whole", "whole.txt")
    listed = MlflowClient().list_artifacts(run.info.run_id)
    assert [item.path for item in listed] == ["whole.txt"]


def test_logged_model_is_loaded_as_it_was_logged(experiment):
    features = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    model = LogisticRegression().fit(features, [0, 0, 1, 1])
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.9)
        logged = mlflow.sklearn.log_model(
            model,
            name="scorer",
            input_example=features,
            serialization_format="cloudpickle",
            pip_requirements=REQUIREMENTS,
        )

    loaded = mlflow.sklearn.load_model(logged.model_uri)
    assert (loaded.predict(features) == model.predict(features)).all()
    by_run = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/scorer")
    assert (by_run.predict(features) == model.predict(features)).all()
    stored = mlflow.get_logged_model(logged.model_id)
    assert stored.status == "READY"
    assert stored.source_run_id == run.info.run_id
    assert [(metric.key, metric.value) for metric in stored.metrics or []] == [
        ("auc", 0.9)
    ]
    (found,) = mlflow.search_logged_models(
        experiment_ids=[run.info.experiment_id],
        filter_string="metrics.auc > 0.8 AND name = 'scorer'",
        output_format="list",
    )
    assert found.model_id == logged.model_id
    outputs = mlflow.get_run(run.info.run_id).outputs
    assert outputs is not None
    assert [one.model_id for one in outputs.model_outputs] == [logged.model_id]


def test_onnx_model_is_loaded_as_it_was_logged(experiment):
    features = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]], np.float32)
    model = LogisticRegression().fit(features, [0, 0, 1, 1])
    converted = to_onnx(model, features[:1], options={"zipmap": False})
    with mlflow.start_run():
        logged = mlflow.onnx.log_model(
            converted, name="scorer", pip_requirements=REQUIREMENTS
        )
    loaded = mlflow.onnx.load_model(logged.model_uri)
    assert loaded.SerializeToString() == converted.SerializeToString()


def test_run_that_claims_to_reproduce_another_is_compared_when_it_ends(
    installation, experiment
):
    model = LogisticRegression(random_state=7).fit(np.array([[0.0], [1.0]]), [0, 1])

    def train(**options: Any) -> str:
        with mlflow.start_run(**options) as run:
            mlflow.log_param("random_state", 7)
            mlflow.log_metric("auc", 0.1 + 0.2)
            mlflow.sklearn.log_model(
                model,
                name="model",
                serialization_format="cloudpickle",
                pip_requirements=REQUIREMENTS,
            )
        return str(run.info.run_id)

    def asked(path: str) -> Any:
        token = installation.account("developer").token
        return requests.get(
            f"{installation.url}/api/v1/runs/{path}/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        ).json()

    original = train()
    again = train(tags={"attestry.reproduces": original})

    [found] = asked(f"{again}/reproductions")["results"]
    assert (found["original"], found["level_reached"]) == (original, "bitwise")
    assert found["comparison"]["has_same_inputs"] is True
    bundle = asked(f"{original}/rehydration")
    files = {file["path"] for file in bundle["environment"]["lock_files"]}
    assert files >= {"conda.yaml", "python_env.yaml", "requirements.txt"}
    assert bundle["seeds"] == {"random_state": "7"}
    categories = asked(f"{original}/completeness")["categories"]
    assert [part["score"] for part in categories if part["category"] != "code"] == [
        1
    ] * 4


def test_autolog_logs_params_metrics_dataset_and_model(experiment):
    features = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    mlflow.sklearn.autolog(silent=True, serialization_format="cloudpickle")
    try:
        with mlflow.start_run() as run:
            LogisticRegression(C=0.5).fit(features, [0, 0, 1, 1])
    finally:
        mlflow.sklearn.autolog(disable=True)
    stored = mlflow.get_run(run.info.run_id)
    assert stored.data.params["C"] == "0.5"
    assert "training_score" in stored.data.metrics
    assert stored.inputs is not None
    assert len(stored.inputs.dataset_inputs) == 1
    assert stored.outputs is not None
    assert len(stored.outputs.model_outputs) == 1


def test_asynchronous_logging_arrives_whole(experiment):
    with mlflow.start_run() as run:
        for step in range(300):
            mlflow.log_metric("loss", step, step=step, synchronous=False)
        mlflow.log_params({f"p{n}": n for n in range(20)}, synchronous=False)
        mlflow.flush_async_logging()
    history = MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in history] == list(range(300))
    assert len(mlflow.get_run(run.info.run_id).data.params) == 20


def test_runs_are_searched_as_a_table(experiment):
    with mlflow.start_run(run_name="parent") as parent:
        for number in range(5):
            with mlflow.start_run(run_name=f"child {number}", nested=True):
                mlflow.log_param("depth", number)
                mlflow.log_metric("auc", number / 10)
    found: Any = mlflow.search_runs(
        experiment_names=[experiment],
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}' AND "
        f"metrics.auc >= 0.2",
        order_by=["metrics.auc DESC"],
    )
    assert list(found["params.depth"]) == ["4", "3", "2"]
    walked = MlflowClient().search_runs(
        [parent.info.experiment_id], order_by=["attributes.run_name"], max_results=2
    )
    assert [run.info.run_name for run in walked] == ["child 0", "child 1"]
    assert walked.token


def test_experiments_and_runs_are_archived_and_restored(experiment):
    client = MlflowClient()
    with mlflow.start_run() as run:
        mlflow.set_tag("team", "credit")
    client.delete_tag(run.info.run_id, "team")
    client.delete_run(run.info.run_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(MlflowException, match="is archived"):
        client.log_metric(run.info.run_id, "late", 1)
    client.restore_run(run.info.run_id)
    client.set_experiment_tag(run.info.experiment_id, "team", "credit")
    client.rename_experiment(run.info.experiment_id, f"{experiment} b")
    (found,) = client.search_experiments(
        filter_string=f"tags.team = 'credit' AND name LIKE '{experiment}%'"
    )
    assert found.experiment_id == run.info.experiment_id
    client.delete_experiment(run.info.experiment_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    client.restore_experiment(run.info.experiment_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"


def test_run_without_an_experiment_goes_to_the_default_one(monkeypatch):
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    mlflow.tracking.fluent._active_experiment_id = None
    with mlflow.start_run() as run:
        mlflow.log_param("alpha", 1)
    assert mlflow.get_experiment(run.info.experiment_id).name == "Default"


def test_trace_is_refused_without_harm(experiment, caplog):
    @mlflow.trace
    def double(number: int) -> int:
        return 2 * number

    assert double(2) == 4
    mlflow.flush_trace_async_logging()


def artifact_url(installation: Installation, run: mlflow.ActiveRun, path: str) -> str:
    return (
        f"{installation.url}/api/2.0/mlflow-artifacts/artifacts/"
        f"{run.info.experiment_id}/{run.info.run_id}/artifacts/{path}"
    )


def bearer(installation: Installation) -> dict[str, str]:
    return {"Authorization": f"Bearer {installation.account('developer').token}"}
