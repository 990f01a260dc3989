import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from audit.errors import InvalidError
from registry.evidence import Evidence, read_model_inputs
from registry.gates.latency import LatencyGate, LatencyParameters
from registry.model_timing import feeds_for, open_session, send_at_rate
from registry.verdict import EvidenceLevel, Outcome
from tests.registry.gates.evidence_files import parquet, version

FAST = {"requests": 1000, "requests_per_second": 2000.0, "warm_up_requests": 20}


@pytest.fixture(scope="module")
def matrix_model():
    """A model of one tensor with three features, and its input file."""
    generator = np.random.default_rng(1)
    inputs = generator.normal(size=(200, 3)).astype(np.float32)
    model = LogisticRegression().fit(inputs, inputs[:, 0] > 0)
    exported = to_onnx(model, inputs[:1], options={"zipmap": False})
    columns = {f"feature_{column}": inputs[:, column] for column in range(3)}
    return exported.SerializeToString(), parquet(columns)


@pytest.fixture(scope="module")
def column_model():
    """A model of one tensor for each column, one of them text."""
    frame = pd.DataFrame(
        {"carrier": ["AA", "UA", "DL", "AA"] * 20, "distance": np.arange(80.0)}
    )
    model = make_pipeline(
        ColumnTransformer(
            [("carrier", OneHotEncoder(), ["carrier"])], remainder="passthrough"
        ),
        LogisticRegression(),
    ).fit(frame, frame["distance"] > 40)
    exported = to_onnx(
        model,
        initial_types=[
            ("carrier", StringTensorType([None, 1])),
            ("distance", FloatTensorType([None, 1])),
        ],
        options={"zipmap": False},
    )
    columns = {
        "distance": frame["distance"].to_numpy(np.float32),
        "carrier": list(frame["carrier"]),
    }
    return exported.SerializeToString(), parquet(columns), model, frame


def measure(model, model_inputs, **changes):
    parameters = LatencyParameters(**({"threshold_ms": 60_000.0} | FAST | changes))
    candidate = version("m v2", model=model, model_inputs=model_inputs)
    return LatencyGate().evaluate(Evidence(candidate), parameters)


def test_model_is_really_run_and_the_circumstances_are_recorded(matrix_model):
    verdict = measure(*matrix_model)

    assert (verdict.outcome, verdict.evidence_level) == (
        Outcome.PASS,
        EvidenceLevel.E3,
    )
    assert verdict.n == 1000
    assert verdict.lower <= verdict.estimate <= verdict.upper
    assert verdict.details["warm_up_service_ms"]["n"] == 20
    assert verdict.details["response_ms"]["p99"] == verdict.estimate
    assert verdict.details["session_options"]["intra_op_num_threads"] == 1
    assert verdict.details["hardware"]["logical_cpus"] >= 1
    assert verdict.details["load_plan"]["requests_per_second"] == 2000.0
    assert verdict.details["inputs"].keys() == {"model", "model_inputs"}


def test_threshold_that_no_model_can_meet_fails(matrix_model):
    assert measure(*matrix_model, threshold_ms=1e-6).outcome is Outcome.FAIL


def test_feeds_hold_the_very_values_of_each_row(column_model):
    exported, file, model, frame = column_model
    session = open_session(exported)
    feeds = feeds_for(session, read_model_inputs(file), most=10)
    answers = [session.run(None, feed)[1][0, 1] for feed in feeds]
    assert answers == pytest.approx(model.predict_proba(frame)[:10, 1], abs=1e-5)


def test_a_tensor_for_each_column_is_served_by_name(column_model):
    assert measure(*column_model[:2]).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"a": [1.0], "b": [2.0]}, "it takes 3 features and the file has 2"),
        ({"a": [1.0], "b": [2.0], "c": ["x"]}, "the values do not fit"),
    ],
)
def test_inputs_that_do_not_fit_the_model_are_refused(matrix_model, columns, complaint):
    with pytest.raises(InvalidError) as refusal:
        measure(matrix_model[0], parquet(columns))
    assert refusal.value.code == "model_inputs_mismatch"
    assert complaint in refusal.value.detail


def test_a_missing_column_is_named(column_model):
    with pytest.raises(InvalidError) as refusal:
        measure(column_model[0], parquet({"distance": [1.0]}))
    assert "no column for carrier" in refusal.value.detail


def one_node_model(operator, domain="", weights=None):
    node = helper.make_node(operator, ["x", "w"], ["y"], domain=domain)
    shape: list[str | int | None] = ["N", 4]
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [weights or helper.make_tensor("w", TensorProto.FLOAT, [4], [0.0] * 4)],
    )
    opsets = [helper.make_opsetid("", 17)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def model_that_reads(path):
    weights = onnx.TensorProto(
        name="w", data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
    )
    weights.dims.append(4)
    weights.external_data.add(key="location", value=str(path))
    return one_node_model("Add", weights=weights)


@pytest.mark.parametrize(
    "content",
    [
        b"not a model",
        one_node_model("Launch", domain="a.stranger").SerializeToString(),
    ],
    ids=["no model at all", "an operator of its own"],
)
def test_what_is_no_plain_onnx_model_is_refused(content):
    with pytest.raises(InvalidError) as refusal:
        open_session(content)
    assert refusal.value.code == "model_unreadable"


@pytest.mark.parametrize("absolute", [True, False])
def test_a_model_may_not_read_files_of_the_machine(tmp_path, monkeypatch, absolute):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    model = model_that_reads(secret if absolute else secret.name)
    with pytest.raises(InvalidError) as refusal:
        open_session(model.SerializeToString())
    assert refusal.value.code == "model_unreadable"


class Clock:
    """A clock that moves only when somebody sleeps, works or looks."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        self.now += 1_000
        return self.now

    def sleep(self, seconds):
        self.now += round(seconds * 1e9)

    def work(self, milliseconds):
        self.now += round(milliseconds * 1e6)


def test_one_stall_is_charged_to_every_request_that_waits_behind_it():
    clock = Clock()
    timings = send_at_rate(
        lambda number: clock.work(100 if number == 10 else 1),
        40,
        interval_nanoseconds=10_000_000,
        clock=clock,
        sleep=clock.sleep,
    )
    response, service = timings.response / 1e6, timings.service / 1e6
    assert np.flatnonzero(service > 5).tolist() == [10]
    assert np.flatnonzero(response > 5).tolist() == list(range(10, 21))
    assert response[11] == pytest.approx(91, abs=0.5)
    assert response[30] == pytest.approx(1, abs=0.1)


def test_warm_up_without_a_schedule_times_the_work_alone():
    clock = Clock()
    timings = send_at_rate(
        lambda _: clock.work(2),
        5,
        interval_nanoseconds=0,
        clock=clock,
        sleep=clock.sleep,
    )
    assert timings.response / 1e6 == pytest.approx([2] * 5, abs=0.01)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"percentile": 99.9, "requests": 1000}, "requests must be at least 2,995"),
        ({"requests": 10_000, "requests_per_second": 1.0}, "must not exceed 600"),
        ({"requests": 999}, "Expected int >= 1000"),
    ],
)
def test_a_load_plan_that_cannot_work_is_refused_with_the_policy(given, complaint):
    with pytest.raises(InvalidError) as refusal:
        LatencyGate().read_parameters({"threshold_ms": 50} | given)
    assert complaint in refusal.value.detail
