"""What runs log, in MLflow's API: `runs/log-*`, tags, inputs, outputs."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from audit.errors import InvalidError
from tracking.mlflow_api.endpoint import (
    Caller,
    endpoint,
    visible_model,
    visible_run,
)
from tracking.mlflow_api.fields import (
    LONGEST_PARAM_VALUE,
    LONGEST_TAG_VALUE,
    MOST_ITEMS,
    NO_NUL,
    Key,
    Metric,
    Milliseconds,
    Name,
    NamedRun,
    Param,
    Step,
    Tag,
    Text,
)
from tracking.models import LoggedModel
from tracking.models.logged_model import UseDirection
from tracking.services.logged_models import log_model_uses
from tracking.services.logging import (
    Point,
    UsedDataset,
    log_at_once,
    log_batch,
    log_inputs,
    remove_tag,
)
from tracking.services.model_history import add_to_model_history

MOST_MODELS = 100


class LogMetric(NamedRun, kw_only=True):
    """`runs/log-metric`."""

    key: Key
    value: float | str
    timestamp: Milliseconds
    step: Step = 0
    model_id: Text = ""
    dataset_name: Annotated[str, Meta(max_length=500, pattern=NO_NUL)] = ""
    dataset_digest: Annotated[str, Meta(max_length=36, pattern=NO_NUL)] = ""


class LogParam(NamedRun, kw_only=True):
    """`runs/log-parameter`."""

    key: Key
    value: Text = ""


class SetTag(NamedRun, kw_only=True):
    """`runs/set-tag`."""

    key: Key
    value: Text = ""


class DeleteTag(NamedRun, kw_only=True):
    """`runs/delete-tag`."""

    key: Key


class LogBatch(NamedRun, kw_only=True):
    """`runs/log-batch`."""

    metrics: Annotated[list[Metric], Meta(max_length=MOST_ITEMS)] = field(
        default_factory=list
    )
    params: Annotated[list[Param], Meta(max_length=100)] = field(default_factory=list)
    tags: Annotated[list[Tag], Meta(max_length=100)] = field(default_factory=list)


class Dataset(Struct):
    """A dataset as MLflow describes it; the digest has at most 36 characters."""

    name: Name
    digest: Annotated[str, Meta(min_length=1, max_length=36, pattern=NO_NUL)]
    source_type: Annotated[str, Meta(max_length=500, pattern=NO_NUL)] = ""
    source: Text = ""
    schema: Annotated[str, Meta(max_length=1048575, pattern=NO_NUL)] = ""
    profile: Annotated[str, Meta(max_length=16777215, pattern=NO_NUL)] = ""


class UseTag(Struct):
    """A tag of a use, which MLflow refuses where it would cut another one."""

    key: Key
    value: Annotated[str, Meta(max_length=500, pattern=NO_NUL)] = ""


class DatasetInput(Struct):
    """A dataset and the tags of its use."""

    dataset: Dataset
    tags: Annotated[list[UseTag], Meta(max_length=MOST_ITEMS)] = field(
        default_factory=list
    )


class UsedModel(Struct):
    """A logged model, and for one that a run made the step of it."""

    model_id: Text
    step: Step = 0


class LogInputs(NamedRun, kw_only=True):
    """`runs/log-inputs`."""

    datasets: Annotated[list[DatasetInput], Meta(max_length=MOST_ITEMS)] = field(
        default_factory=list
    )
    models: Annotated[list[UsedModel], Meta(max_length=MOST_MODELS)] = field(
        default_factory=list
    )


class LogOutputs(NamedRun, kw_only=True):
    """`runs/outputs`."""

    models: Annotated[list[UsedModel], Meta(max_length=MOST_MODELS)]


class LogModel(NamedRun, kw_only=True):
    """`runs/log-model`, which clients of MLflow 2 send; the model is JSON in a text."""

    model_json: Text


@endpoint(LogMetric)
def log_metric(caller: Caller, message: LogMetric) -> dict[str, Any]:
    _log(caller, message.wanted, metrics=[_point(message)])
    return {}


@endpoint(LogParam)
def log_parameter(caller: Caller, message: LogParam) -> dict[str, Any]:
    params = [(message.key, message.value[:LONGEST_PARAM_VALUE])]
    _log(caller, message.wanted, params=params)
    return {}


@endpoint(SetTag)
def set_tag(caller: Caller, message: SetTag) -> dict[str, Any]:
    tags = [(message.key, message.value[:LONGEST_TAG_VALUE])]
    _log(caller, message.wanted, tags=tags)
    return {}


@endpoint(DeleteTag)
def delete_tag(caller: Caller, message: DeleteTag) -> dict[str, Any]:
    run = visible_run(caller, message.wanted)
    remove_tag(run, key=message.key, actor=caller.user)
    return {}


@endpoint(LogBatch)
def log_many(caller: Caller, message: LogBatch) -> dict[str, Any]:
    items = len(message.metrics) + len(message.params) + len(message.tags)
    if items > MOST_ITEMS:
        raise InvalidError(
            "batch_too_large",
            f"A batch holds at most {MOST_ITEMS} metrics, params and tags together: send "
            f"two.",
        )
    _log(
        caller,
        message.wanted,
        metrics=[_point(metric) for metric in message.metrics],
        params=[
            (param.key, param.value[:LONGEST_PARAM_VALUE]) for param in message.params
        ],
        tags=[(tag.key, tag.value[:LONGEST_TAG_VALUE]) for tag in message.tags],
    )
    return {}


def _log(
    caller: Caller,
    run_id: str,
    *,
    metrics: Sequence[Point] = (),
    params: Sequence[tuple[str, str]] = (),
    tags: Sequence[tuple[str, str]] = (),
) -> None:
    """Log the short way, or else the way that refuses with a reason."""
    workspace, actor = caller.workspace, caller.user
    if params or not log_at_once(
        run_id, workspace=workspace, metrics=metrics, tags=tags, actor=actor
    ):
        run = visible_run(caller, run_id)
        log_batch(run, metrics=metrics, params=params, tags=tags, actor=actor)


@endpoint(LogInputs)
def log_used(caller: Caller, message: LogInputs) -> dict[str, Any]:
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
        models=_models(caller, message.models),
        actor=caller.user,
    )
    return {}


@endpoint(LogOutputs)
def log_outputs(caller: Caller, message: LogOutputs) -> dict[str, Any]:
    run = visible_run(caller, message.wanted)
    log_model_uses(
        run,
        models=_models(caller, message.models),
        direction=UseDirection.OUTPUT,
        actor=caller.user,
    )
    return {}


@endpoint(LogModel)
def log_model(caller: Caller, message: LogModel) -> dict[str, Any]:
    run = visible_run(caller, message.wanted)
    add_to_model_history(run, model_json=message.model_json, actor=caller.user)
    return {}


def _models(caller: Caller, used: list[UsedModel]) -> list[tuple[LoggedModel, int]]:
    return [(visible_model(caller, one.model_id), one.step) for one in used]


def _point(metric: Metric | LogMetric) -> Point:
    if bool(metric.dataset_name) != bool(metric.dataset_digest):
        raise InvalidError(
            "metric_dataset_incomplete",
            f"Metric {metric.key!r} names half a dataset: send dataset_name and "
            f"dataset_digest, or neither of them.",
        )
    try:
        value = float(metric.value)
    except ValueError:
        raise InvalidError(
            "metric_value_invalid",
            f"The value {metric.value!r} of metric {metric.key!r} is not a number: send "
            f'a number, "NaN", "Infinity" or "-Infinity".',
        ) from None
    return Point(
        metric.key,
        value,
        metric.timestamp,
        metric.step,
        metric.model_id,
        metric.dataset_name,
        metric.dataset_digest,
    )
