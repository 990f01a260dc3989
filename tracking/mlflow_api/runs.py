"""`runs/…` of MLflow's API: create, get, update, log-*, set-tag."""

import math
import secrets
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from audit.errors import InvalidError
from tracking.mlflow_api import messages
from tracking.mlflow_api.endpoint import (
    Caller,
    endpoint,
    visible_experiment,
    visible_run,
)
from tracking.models import Run
from tracking.models.run import RunStatus
from tracking.services.logging import Point, UsedDataset, log_batch, log_inputs
from tracking.services.runs import RUN_NAME_TAG, create_run, update_run

LONGEST_NAME = 250
LATEST_TIME_MS = 253_402_300_799_000  # the end of year 9999, where datetime ends


@endpoint("POST", messages.CreateRun)
def create(caller: Caller, message: messages.CreateRun) -> dict[str, Any]:
    tags = {tag.key: tag.value for tag in message.tags}
    run = create_run(
        visible_experiment(caller, message.experiment_id),
        name=_checked_name(message.run_name or tags.get(RUN_NAME_TAG)),
        started_at=_time(message.start_time) or timezone.now(),
        tags=tags,
        actor=caller.user,
    )
    return {"run": shown(run)}


@endpoint("GET", messages.GetRun)
def get(caller: Caller, message: messages.GetRun) -> dict[str, Any]:
    return {"run": shown(visible_run(caller, message.wanted))}


@endpoint("POST", messages.UpdateRun)
def update(caller: Caller, message: messages.UpdateRun) -> dict[str, Any]:
    run = update_run(
        visible_run(caller, message.wanted),
        status=_status(message.status),
        ended_at=_time(message.end_time),
        name=message.run_name,
        actor=caller.user,
    )
    return {"run_info": _info(run)}


@endpoint("POST", messages.LogMetric)
def log_metric(caller: Caller, message: messages.LogMetric) -> dict[str, Any]:
    log_batch(
        visible_run(caller, message.wanted),
        metrics=[_point(message)],
        actor=caller.user,
    )
    return {}


@endpoint("POST", messages.LogParam)
def log_parameter(caller: Caller, message: messages.LogParam) -> dict[str, Any]:
    log_batch(
        visible_run(caller, message.wanted),
        params=[(message.key, message.value)],
        actor=caller.user,
    )
    return {}


@endpoint("POST", messages.SetTag)
def set_tag(caller: Caller, message: messages.SetTag) -> dict[str, Any]:
    log_batch(
        visible_run(caller, message.wanted),
        tags=[(message.key, message.value)],
        actor=caller.user,
    )
    return {}


@endpoint("POST", messages.LogBatch)
def log_many(caller: Caller, message: messages.LogBatch) -> dict[str, Any]:
    if len(message.metrics) + len(message.params) + len(message.tags) > 1000:
        raise InvalidError(
            "batch_too_large",
            "A batch holds at most 1000 metrics, params and tags together: send two.",
        )
    log_batch(
        visible_run(caller, message.wanted),
        metrics=[_point(metric) for metric in message.metrics],
        params=[(param.key, param.value) for param in message.params],
        tags=[(tag.key, tag.value) for tag in message.tags],
        actor=caller.user,
    )
    return {}


@endpoint("POST", messages.LogInputs)
def log_datasets(caller: Caller, message: messages.LogInputs) -> dict[str, Any]:
    log_inputs(
        visible_run(caller, message.wanted),
        datasets=[
            UsedDataset(
                name=use.dataset.name,
                digest=use.dataset.digest,
                source_type=use.dataset.source_type,
                source=use.dataset.source,
                schema=use.dataset.schema,
                profile=use.dataset.profile,
                tags={tag.key: tag.value for tag in use.tags},
            )
            for use in message.datasets
        ],
        actor=caller.user,
    )
    return {}


def _point(metric: messages.Metric | messages.LogMetric) -> Point:
    try:
        value = float(metric.value)
    except ValueError:
        raise InvalidError(
            "metric_value_invalid",
            f"The value {metric.value!r} of metric {metric.key!r} is not a number: send "
            f'a number, "NaN", "Infinity" or "-Infinity".',
        ) from None
    return Point(metric.key, value, metric.timestamp, metric.step)


def _status(name: str | None) -> RunStatus | None:
    return RunStatus(name) if name and name in RunStatus.values else None


def _time(milliseconds: int | None) -> datetime | None:
    if not milliseconds:
        return None
    return datetime.fromtimestamp(min(milliseconds, LATEST_TIME_MS) / 1000, tz=UTC)


def _milliseconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment else None


def _checked_name(name: str | None) -> str:
    """Return the name, or a random one; as a tag it could be too long for a name."""
    if name and len(name) > LONGEST_NAME:
        raise InvalidError(
            "run_name_too_long",
            f"A run name has at most {LONGEST_NAME} characters: shorten it.",
        )
    return name or f"run-{secrets.token_hex(4)}"


def shown(run: Run) -> dict[str, Any]:
    """Return a run as MLflow prints it: info, data, inputs."""
    uses = run.dataset_inputs.select_related("dataset").order_by("pk")
    return {
        "info": _info(run),
        "data": {
            "metrics": [
                {
                    "key": metric.key,
                    "value": _number(metric.number),
                    "timestamp": metric.timestamp_ms,
                    "step": metric.step,
                }
                for metric in run.metrics.latest_of_each_key()
            ],
            "params": list(run.params.order_by("key").values("key", "value")),
            "tags": list(run.tags.order_by("key").values("key", "value")),
        },
        "inputs": {
            "dataset_inputs": [
                {
                    "dataset": {
                        "name": use.dataset.name,
                        "digest": use.dataset.digest,
                        "source_type": use.dataset.source_type,
                        "source": use.dataset.source,
                        "schema": use.dataset.schema,
                        "profile": use.dataset.profile,
                    },
                    "tags": [
                        {"key": key, "value": value} for key, value in use.tags.items()
                    ],
                }
                for use in uses
            ]
        },
        "outputs": {},
    }


def _info(run: Run) -> dict[str, Any]:
    info = {
        "run_id": run.run_id,
        "run_uuid": run.run_id,
        "run_name": run.name,
        "experiment_id": str(run.experiment_id),
        "user_id": run.created_by.username,
        "status": run.status,
        "start_time": _milliseconds(run.started_at),
        "artifact_uri": run.artifact_uri,
        "lifecycle_stage": run.lifecycle_stage,
    }
    if run.ended_at:
        info["end_time"] = _milliseconds(run.ended_at)
    return info


def _number(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
