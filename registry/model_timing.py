"""Runs an ONNX model at a fixed rate, one row a request, and times every answer."""

import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from audit.errors import InvalidError
from registry.evidence import ModelInputs

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Feed = dict[str, npt.NDArray[Any]]

# Waking from sleep is late by up to a scheduler tick; the last stretch is spun instead.
SPIN_NANOSECONDS = 1_000_000
SESSION_OPTIONS = {
    "provider": "CPUExecutionProvider",
    "intra_op_num_threads": 1,
    "inter_op_num_threads": 1,
    "execution_mode": "sequential",
    "graph_optimization_level": "all",
    "custom_operators": "none",
}
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


@dataclass(frozen=True, eq=False)
class Timings:
    """Times of the requests of one run, in nanoseconds.

    `response` counts from when a request was due, `service` from when it began.
    """

    response: npt.NDArray[np.int64]
    service: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ModelTiming:
    """The times of a run and the circumstances under which they came about."""

    warm_up: Timings
    measured: Timings
    requests_per_second: float
    hardware: dict[str, Any]
    versions: dict[str, str]

    @property
    def latencies_ms(self) -> npt.NDArray[np.float64]:
        return self.measured.response / 1e6

    def as_json(self) -> dict[str, Any]:
        return {
            "load_plan": {
                "schedule": "open loop, constant rate, timed from the due moment",
                "requests_per_second": self.requests_per_second,
                "rows_per_request": 1,
                "clock": "time.perf_counter_ns",
            },
            "response_ms": _summary(self.measured.response),
            "service_ms": _summary(self.measured.service),
            "warm_up_service_ms": _summary(self.warm_up.service),
            "session_options": SESSION_OPTIONS,
            "hardware": self.hardware,
            "versions": self.versions,
        }


def time_model(
    model: bytes,
    inputs: ModelInputs,
    *,
    requests: int,
    requests_per_second: float,
    warm_up_requests: int,
) -> ModelTiming:
    """Warm the model up back to back, then send `requests` rows at a constant rate.

    Rows are taken in their order and from the start again when they run out.
    """
    session = open_session(model)
    feeds = feeds_for(session, inputs, most=requests)

    def answer(number: int) -> None:
        session.run(None, feeds[number % len(feeds)])

    load_before = os.getloadavg()
    warm_up = send_at_rate(answer, warm_up_requests, interval_nanoseconds=0)
    measured = send_at_rate(
        answer, requests, interval_nanoseconds=round(1e9 / requests_per_second)
    )
    return ModelTiming(
        warm_up=warm_up,
        measured=measured,
        requests_per_second=requests_per_second,
        hardware=_hardware(load_before),
        versions=_versions(),
    )


def send_at_rate(
    answer: Callable[[int], object],
    requests: int,
    *,
    interval_nanoseconds: int,
    clock: Callable[[], int] = time.perf_counter_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> Timings:
    """Call `answer` when each request is due, or as soon after as the last one is done.

    Response times count from the due moment, so one slow answer is charged to all the
    requests that had to wait behind it ("coordinated omission", Tene 2013).
    """
    response = np.empty(requests, np.int64)
    service = np.empty(requests, np.int64)
    start = clock()
    for number in range(requests):
        due = start + number * interval_nanoseconds
        while (ahead := due - clock()) > 0:
            if ahead > SPIN_NANOSECONDS:
                sleep((ahead - SPIN_NANOSECONDS) / 1e9)
        begun = clock()
        answer(number)
        done = clock()
        service[number] = done - begun
        response[number] = done - (due if interval_nanoseconds else begun)
    return Timings(response, service)


def open_session(model: bytes) -> "InferenceSession":
    """Load the model for one thread of the CPU, with no operator beyond ONNX's own.

    The model is a stranger's: it may not name files of this machine as its weights, so
    the folder in which they would have to lie is an empty one.
    """
    import onnxruntime  # noqa: PLC0415 - only workers need it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # what goes wrong is raised below
    with tempfile.TemporaryDirectory() as empty_folder:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", empty_folder
        )
        try:
            return onnxruntime.InferenceSession(
                model, options, providers=[SESSION_OPTIONS["provider"]]
            )
        except Exception as error:  # its errors share no base class but Exception
            raise InvalidError(
                "model_unreadable",
                f"ONNX Runtime cannot load the model: {error}. Export it as one"
                " self-contained ONNX file with standard operators.",
            ) from error


def feeds_for(
    session: "InferenceSession", inputs: ModelInputs, *, most: int
) -> list[Feed]:
    """Make one feed a row: all columns in one tensor, or a tensor for each column."""
    wanted = session.get_inputs()
    for tensor in wanted:
        if tensor.type not in _DTYPES:
            raise _mismatch(f"its input {tensor.name!r} is a {tensor.type}")
    rows = min(inputs.rows, most)
    if len(wanted) == 1 and wanted[0].name not in inputs.columns:
        features = wanted[0].shape[-1]
        if isinstance(features, int) and features != len(inputs.columns):
            raise _mismatch(
                f"it takes {features} features and the file has {len(inputs.columns)}"
            )
        matrix = np.column_stack([values[:rows] for values in inputs.columns.values()])
        tensors = {wanted[0].name: _as_type(matrix, wanted[0].type)}
    else:
        missing = [item.name for item in wanted if item.name not in inputs.columns]
        if missing:
            raise _mismatch(f"the file has no column for {', '.join(missing)}")
        tensors = {
            item.name: _as_type(inputs.columns[item.name][:rows], item.type).reshape(
                (rows, 1) if len(item.shape) > 1 else (rows,)
            )
            for item in wanted
        }
    return [
        {
            name: np.ascontiguousarray(values[row : row + 1])
            for name, values in tensors.items()
        }
        for row in range(rows)
    ]


def _as_type(values: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    try:
        return values.astype(_DTYPES[kind])
    except (TypeError, ValueError) as error:
        raise _mismatch(f"the values do not fit a {kind} ({error})") from error


def _mismatch(why: str) -> InvalidError:
    return InvalidError(
        "model_inputs_mismatch",
        f"The model inputs do not fit the model: {why}. Store one column a feature, in"
        " the model's order.",
    )


def _summary(nanoseconds: npt.NDArray[np.int64]) -> dict[str, float]:
    """Take percentiles as observed values, in milliseconds; never average any."""
    shown = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    values = np.percentile(
        nanoseconds / 1e6, list(shown.values()), method="inverted_cdf"
    )
    return dict(zip(shown, values.tolist(), strict=True)) | {"n": nanoseconds.size}


def _hardware(load_before: tuple[float, float, float]) -> dict[str, Any]:
    return {
        "machine": platform.machine(),
        "processor": _processor_name(),
        "logical_cpus": os.cpu_count(),
        "operating_system": platform.platform(),
        "load_average_before": list(load_before),
        "load_average_after": list(os.getloadavg()),
    }


def _processor_name() -> str:
    """Return the model name as Linux tells it; elsewhere what Python knows."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _versions() -> dict[str, str]:
    import onnxruntime  # noqa: PLC0415 - only workers need it

    return {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
