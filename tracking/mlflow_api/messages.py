"""The messages of MLflow's protocol that come in; unknown fields are ignored.

Lengths and counts are MLflow's limits (its REST documentation, "Request Limits").
"""

from typing import Annotated

from msgspec import Meta, Struct, field

Key = Annotated[str, Meta(min_length=1, max_length=250, pattern=r"^[\w\-. :/]+\Z")]
# PostgreSQL's text holds no NUL.
NO_NUL = r"^[^\x00]*\Z"
Text = Annotated[str, Meta(pattern=NO_NUL)]
ParamValue = Annotated[str, Meta(max_length=6000, pattern=NO_NUL)]
TagValue = Annotated[str, Meta(max_length=8000, pattern=NO_NUL)]
Milliseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Step = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]
RunName = Annotated[str, Meta(max_length=250, pattern=NO_NUL)]


class Tag(Struct):
    """A key and a value."""

    key: Key
    value: TagValue = ""


class Param(Struct):
    """A key and a value; a missing value is the empty text."""

    key: Key
    value: ParamValue = ""


class Metric(Struct):
    """A point; NaN and infinity travel as text."""

    key: Key
    value: float | str
    timestamp: Milliseconds
    step: Step = 0


class CreateExperiment(Struct):
    """`experiments/create`."""

    name: Name


class GetExperiment(Struct):
    """`experiments/get`."""

    experiment_id: str


class GetExperimentByName(Struct):
    """`experiments/get-by-name`."""

    experiment_name: Name


class CreateRun(Struct):
    """`runs/create`."""

    experiment_id: str
    run_name: RunName = ""
    start_time: Milliseconds | None = None
    tags: list[Tag] = field(default_factory=list)


class NamedRun(Struct, kw_only=True):
    """A run by either of the two names that clients send."""

    run_id: Text = ""
    run_uuid: Text = ""

    @property
    def wanted(self) -> str:
        return self.run_id or self.run_uuid


class GetRun(NamedRun, kw_only=True):
    """`runs/get`."""


class UpdateRun(NamedRun, kw_only=True):
    """`runs/update`; an unknown status is ignored, as MLflow does."""

    status: str | None = None
    end_time: Milliseconds | None = None
    run_name: RunName | None = None


class LogMetric(NamedRun, kw_only=True):
    """`runs/log-metric`."""

    key: Key
    value: float | str
    timestamp: Milliseconds
    step: Step = 0


class LogParam(NamedRun, kw_only=True):
    """`runs/log-parameter`."""

    key: Key
    value: ParamValue = ""


class SetTag(NamedRun, kw_only=True):
    """`runs/set-tag`."""

    key: Key
    value: TagValue = ""


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
