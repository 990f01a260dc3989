"""Experiments, runs and points as MLflow prints them.

A page of runs costs three queries more, however many runs it has, and two if they name
datasets and logged models.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from tracking.mlflow_api.endpoint import DEFAULT_EXPERIMENT_ID
from tracking.models import (
    DatasetInput,
    Experiment,
    LoggedModel,
    ModelUse,
    Run,
)
from tracking.models.contents import (
    have_links,
    latest_points,
    params_and_tags,
    params_and_tags_of_models,
    points_of_models,
)
from tracking.models.experiment import DEFAULT_EXPERIMENT, Lifecycle
from tracking.models.logged_model import LoggedModelStatus, UseDirection

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
encode = msgspec.json.Encoder().encode


def milliseconds(moment: datetime | None) -> int | None:
    return (moment - EPOCH) // MILLISECOND if moment else None


def number(value: float) -> float | str:
    """Return a JSON number, or the text by which MLflow names what JSON lacks."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def point(
    key: str,
    value: float,
    is_nan: bool,  # noqa: FBT001 - a column of the row
    timestamp_ms: int,
    step: int,
) -> dict[str, Any]:
    return {
        "key": key,
        "value": "NaN" if is_nan else number(value),
        "timestamp": timestamp_ms,
        "step": step,
    }


def default_experiment_shown() -> dict[str, Any]:
    """Return the experiment of runs that name none, before the first of them makes it."""
    return {
        "experiment_id": DEFAULT_EXPERIMENT_ID,
        "name": DEFAULT_EXPERIMENT,
        "artifact_location": f"mlflow-artifacts:/{DEFAULT_EXPERIMENT_ID}",
        "lifecycle_stage": Lifecycle.ACTIVE,
    }


def experiment_shown(experiment: Experiment) -> dict[str, Any]:
    return {
        "experiment_id": str(experiment.pk),
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": experiment.lifecycle_stage,
        "creation_time": milliseconds(experiment.created_at),
        "last_update_time": milliseconds(experiment.updated_at),
        **_unless_empty(
            tags=[
                {"key": tag.key, "value": tag.value}
                for tag in sorted(experiment.tags.all(), key=lambda tag: tag.key)
            ]
        ),
    }


def run_shown(run: Run) -> dict[str, Any]:
    return runs_shown([run])[0]


def runs_shown(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return runs as MLflow prints them: info, data, inputs and outputs."""
    wanted = [run.pk for run in runs]
    metrics, texts = _metrics(wanted), _texts(wanted)
    with_datasets, with_models = have_links(wanted)
    datasets = _datasets(wanted) if with_datasets else {}
    models = _models(wanted) if with_models else {}
    return [
        {
            "info": run_info(run),
            "data": _unless_empty(
                metrics=metrics.get(run.pk),
                params=texts[run.pk, "param"],
                tags=texts[run.pk, "tag"],
            ),
            "inputs": _unless_empty(
                dataset_inputs=datasets.get(run.pk, []),
                model_inputs=models.get((run.pk, UseDirection.INPUT), []),
            ),
            "outputs": _unless_empty(
                model_outputs=models.get((run.pk, UseDirection.OUTPUT), [])
            ),
        }
        for run in runs
    ]


def run_info(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "run_uuid": run.run_id,
        "run_name": run.name,
        "experiment_id": str(run.experiment_id),
        "user_id": run.created_by.username,
        "status": run.status,
        "start_time": milliseconds(run.started_at),
        "artifact_uri": run.artifact_uri,
        "lifecycle_stage": run.lifecycle_stage,
        **({"end_time": milliseconds(run.ended_at)} if run.ended_at else {}),
    }


def dataset_shown(use: DatasetInput) -> dict[str, Any]:
    return {
        "dataset": {
            "name": use.dataset.name,
            "digest": use.dataset.digest,
            "source_type": use.dataset.source_type,
            "source": use.dataset.source,
            "schema": use.dataset.schema,
            "profile": use.dataset.profile,
        },
        "tags": [{"key": key, "value": value} for key, value in use.tags.items()],
    }


def _metrics(runs: list[int]) -> dict[int, msgspec.Raw]:
    """Return the points of each run as JSON, in which they take a fraction of the memory."""
    return {
        run: msgspec.Raw(encode([point(*columns) for _, *columns in rows]))
        for run, rows in groupby(latest_points(runs), key=itemgetter(0))
    }


def _texts(runs: list[int]) -> dict[tuple[int, str], list[dict[str, str]]]:
    found: dict[tuple[int, str], list[dict[str, str]]] = defaultdict(list)
    for kind, run, key, value in params_and_tags(runs):
        found[run, kind].append({"key": key, "value": value})
    return found


def _datasets(runs: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    uses = DatasetInput.objects.filter(run__in=runs).select_related("dataset")
    for use in uses.order_by("pk"):
        found[use.run_id].append(dataset_shown(use))
    return found


def _models(runs: list[int]) -> dict[tuple[int, str], list[dict[str, Any]]]:
    found: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    uses = ModelUse.objects.filter(run__in=runs).order_by("pk")
    for run, direction, model_id, step in uses.values_list(
        "run_id", "direction", "logged_model__model_id", "step"
    ):
        step_of_output = {"step": step} if direction == UseDirection.OUTPUT else {}
        found[run, direction].append({"model_id": model_id, **step_of_output})
    return found


def models_shown(models: Sequence[LoggedModel]) -> list[dict[str, Any]]:
    """Return logged models as MLflow prints them; a page costs two queries."""
    wanted = [model.pk for model in models]
    texts: dict[tuple[int, str], list[dict[str, str]]] = defaultdict(list)
    for kind, pk, key, value in params_and_tags_of_models(wanted):
        texts[pk, kind].append({"key": key, "value": value})
    metrics = _model_metrics(models)
    return [
        {
            "info": {
                "model_id": model.model_id,
                "experiment_id": str(model.experiment_id),
                "name": model.name,
                "creation_timestamp_ms": milliseconds(model.created_at),
                "last_updated_timestamp_ms": milliseconds(model.updated_at),
                "artifact_uri": model.artifact_uri,
                "status": STATUS_SHOWN[LoggedModelStatus(model.status)],
                "model_type": model.model_type,
                "source_run_id": model.source_run.run_id if model.source_run else "",
                **_unless_empty(tags=texts[model.pk, "tag"]),
            },
            "data": _unless_empty(
                params=texts[model.pk, "param"], metrics=metrics[model.pk]
            ),
        }
        for model in models
    ]


STATUS_SHOWN = {
    LoggedModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    LoggedModelStatus.READY: "LOGGED_MODEL_READY",
    LoggedModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}


def _model_metrics(models: Sequence[LoggedModel]) -> dict[int, list[dict[str, Any]]]:
    names = {model.pk: model.model_id for model in models}
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for pk, run_id, dataset, digest, *columns in points_of_models(list(names)):
        on_dataset = {"dataset_name": dataset, "dataset_digest": digest}
        found[pk].append(
            {
                **point(*columns),
                "model_id": names[pk],
                "run_id": run_id,
                **(on_dataset if dataset else {}),
            }
        )
    return found


def _unless_empty(**lists: Sequence[Any] | msgspec.Raw | None) -> dict[str, Any]:
    """Leave empty lists out, as MLflow does."""
    return {name: items for name, items in lists.items() if items}
