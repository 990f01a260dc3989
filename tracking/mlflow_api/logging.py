"""What runs log, in MLflow's API: `runs/log-*`, `runs/set-tag`, `runs/delete-tag`."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from audit.errors import InvalidError
from tracking.mlflow_api.endpoint import Caller, endpoint, visible_run
from tracking.mlflow_api.fields import (
    LONGEST_PARAM_VALUE,
    LONGEST_TAG_VALUE,
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
from tracking.services.logging import (
    Point,
    UsedDataset,
    log_batch,
    log_inputs,
    remove_tag,
)

MOST_ITEMS = 1000


class LogMetric(NamedRun, kw_only=True):
    """`runs/log-metric`."""

    key: Key
    value: float | str
    timestamp: Milliseconds
    step: Step = 0


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

    metrics: Annotated[list[Metric], Meta(max_length=1000)] = field(
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


class DatasetInput(Struct):
    """A dataset and the tags of its use."""

    dataset: Dataset
    tags: list[Tag] = field(default_factory=list)


class LogInputs(NamedRun, kw_only=True):
    """`runs/log-inputs`."""

    datasets: list[DatasetInput] = field(default_factory=list)


@endpoint(LogMetric)
def log_metric(caller: Caller, message: LogMetric) -> dict[str, Any]:
    log_batch(
        visible_run(caller, message.wanted),
        metrics=[_point(message)],
        actor=caller.user,
    )
    return {}


@endpoint(LogParam)
def log_parameter(caller: Caller, message: LogParam) -> dict[str, Any]:
    log_batch(
        visible_run(caller, message.wanted),
        params=[(message.key, message.value[:LONGEST_PARAM_VALUE])],
        actor=caller.user,
    )
    return {}


@endpoint(SetTag)
def set_tag(caller: Caller, message: SetTag) -> dict[str, Any]:
    log_batch(
        visible_run(caller, message.wanted),
        tags=[(message.key, message.value[:LONGEST_TAG_VALUE])],
        actor=caller.user,
    )
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
    log_batch(
        visible_run(caller, message.wanted),
        metrics=[_point(metric) for metric in message.metrics],
        params=[
            (param.key, param.value[:LONGEST_PARAM_VALUE]) for param in message.params
        ],
        tags=[(tag.key, tag.value[:LONGEST_TAG_VALUE]) for tag in message.tags],
        actor=caller.user,
    )
    return {}


@endpoint(LogInputs)
def log_datasets(caller: Caller, message: LogInputs) -> dict[str, Any]:
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


def _point(metric: Metric | LogMetric) -> Point:
    try:
        value = float(metric.value)
    except ValueError:
        raise InvalidError(
            "metric_value_invalid",
            f"The value {metric.value!r} of metric {metric.key!r} is not a number: send "
            f'a number, "NaN", "Infinity" or "-Infinity".',
        ) from None
    return Point(metric.key, value, metric.timestamp, metric.step)
