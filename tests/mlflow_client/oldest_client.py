"""A training as MLflow's first client of version 2 runs it; prints what it read back.

A script: `test_oldest_client.py` runs it with that release first on the path.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

# It was written for other releases of NumPy, pandas and scikit-learn than ours.
warnings.simplefilter("ignore")

import mlflow  # noqa: E402
import mlflow.pyfunc  # noqa: E402
import mlflow.sklearn  # noqa: E402
import numpy as np  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

FEATURES = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])


def main(experiment: str) -> dict[str, Any]:
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name="whole") as run:
        log_values()
        log_files()
        model = LogisticRegression().fit(FEATURES, [0, 0, 1, 1])
        mlflow.sklearn.log_model(
            model, "scorer", pip_requirements=["scikit-learn"], input_example=FEATURES
        )
        with mlflow.start_run(run_name="child", nested=True) as child:
            mlflow.log_metric("loss", 0.5)
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_metric("loss", 0.125, step=9)
    run_id = run.info.run_id
    return {
        "release": mlflow.__version__,
        "experiment": experiment_of(run.info.experiment_id),
        "run": values_of(run_id),
        "parent is named": parent_of(child.info.run_id) == run_id,
        "history": [
            (point.step, point.value)
            for point in MlflowClient().get_metric_history(run_id, "loss")
        ],
        "artifacts": artifacts_of(run_id),
        "predictions agree": predictions_agree(model, f"runs:/{run_id}/scorer"),
        "found": found(experiment),
        "refused": refused(run_id),
        "lifecycle": lifecycle(run_id),
    }


def log_values() -> None:
    mlflow.log_param("alpha", 0.1)
    mlflow.log_params({"layers": 3, "kind": "linear"})
    mlflow.set_tag("team", "credit")
    mlflow.set_tags({"stage": "trial", "mlflow.user": "ceo"})
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"auc": 0.75, "up": float("inf")})
    active = mlflow.active_run()
    assert active is not None
    MlflowClient().log_batch(
        active.info.run_id,
        metrics=[Metric("batch", step / 2, 1, step) for step in range(100)],
        params=[Param("batched", "yes")],
        tags=[RunTag("batched", "yes")],
    )


def log_files() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "deep").mkdir()
        (Path(folder) / "deep" / "plot.txt").write_text("a plot")
        mlflow.log_artifacts(folder, "plots")
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_dict({"a": 1}, "setup.json")


def experiment_of(experiment_id: str) -> dict[str, Any]:
    client = MlflowClient()
    client.set_experiment_tag(experiment_id, "team", "credit")
    stored = client.get_experiment(experiment_id)
    return {"tags": dict(stored.tags), "stage": stored.lifecycle_stage}


def values_of(run_id: str) -> dict[str, Any]:
    stored = mlflow.get_run(run_id)
    return {
        "status": stored.info.status,
        "name": stored.info.run_name,
        "user": stored.info.user_id,
        "params": stored.data.params,
        "metrics": {name: str(value) for name, value in stored.data.metrics.items()},
        "tags": {
            name: value
            for name, value in stored.data.tags.items()
            if not name.startswith(("mlflow.source.", "mlflow.log-model."))
        },
        "models": [
            model["artifact_path"]
            for model in json.loads(stored.data.tags["mlflow.log-model.history"])
        ],
    }


def parent_of(run_id: str) -> str:
    return str(mlflow.get_run(run_id).data.tags["mlflow.parentRunId"])


def artifacts_of(run_id: str) -> dict[str, str]:
    folder = Path(MlflowClient().download_artifacts(run_id, ""))
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*.*")
        if path.is_file() and "scorer" not in path.parts
    }


def predictions_agree(model: LogisticRegression, uri: str) -> bool:
    expected = list(model.predict(FEATURES))
    loaded: Any = mlflow.sklearn.load_model(uri)
    by_function: Any = mlflow.pyfunc.load_model(uri)
    return [list(loaded.predict(FEATURES)), list(by_function.predict(FEATURES))] == [
        expected
    ] * 2


def found(experiment: str) -> list[list[str]]:
    """Return names and losses, as a table and page by page."""
    table: Any = mlflow.search_runs(
        experiment_names=[experiment],
        filter_string="metrics.loss < 0.2 AND tags.team = 'credit'",
    )
    client = MlflowClient()
    (listed,) = client.search_experiments(filter_string=f"name = '{experiment}'")
    pages = []
    token = None
    while token is None or token:
        page = client.search_runs(
            [listed.experiment_id],
            order_by=["metrics.loss DESC"],
            max_results=1,
            page_token=token,
        )
        pages += [run.info.run_name for run in page]
        token = page.token or ""
    return [list(table["tags.mlflow.runName"]), pages]


def refused(run_id: str) -> str:
    with mlflow.start_run(run_id=run_id):
        try:
            mlflow.log_param("alpha", 0.2)
        except MlflowException as refusal:
            # After the sentence the client adds a lecture of its own.
            return str(refusal).partition("\n")[0].replace(run_id, "…")
    return "nothing"


def lifecycle(run_id: str) -> list[str]:
    client = MlflowClient()
    stages = []
    for change in (client.delete_run, client.restore_run):
        change(run_id)
        stages.append(client.get_run(run_id).info.lifecycle_stage)
    return stages


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))
