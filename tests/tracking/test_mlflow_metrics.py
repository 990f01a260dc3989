"""The history of metrics over MLflow's API."""

from typing import Any

import pytest

from tests import factories
from tests.tracking.refusals import invalid
from tracking.services.logging import Point, log_batch


@pytest.fixture
def history(run, cast):
    """Ten points of `loss` whose times run against their steps."""
    points = [Point("loss", step / 10, 100 - step, step) for step in range(10)]
    log_batch(run, metrics=[*points, Point("auc", 1, 1, 1)], actor=cast.alice)
    return run


def steps(answer):
    return [point["step"] for point in answer[1].get("metrics", [])]


def test_history_comes_in_the_order_of_time(alice, history):
    answer = alice.get("metrics/get-history", run_id=history.run_id, metric_key="loss")
    assert steps(answer) == list(range(9, -1, -1))
    assert answer[1]["metrics"][0] == {
        "key": "loss",
        "value": 0.9,
        "timestamp": 91,
        "step": 9,
    }


def test_history_comes_page_by_page(alice, history):
    query = {"run_id": history.run_id, "metric_key": "loss", "max_results": 4}
    pages: list[list[Any]] = []
    token = ""
    while not pages or token:
        answer = alice.get("metrics/get-history", **query, page_token=token)
        pages.append(steps(answer))
        token = answer[1].get("next_page_token", "")
    assert pages == [[9, 8, 7, 6], [5, 4, 3, 2], [1, 0]]


@pytest.mark.parametrize("key", ["loss", "none"])
def test_history_that_is_not_there_is_empty(alice, run, key):
    for run_id in (run.run_id, "0" * 32):
        answer = alice.get("metrics/get-history", run_id=run_id, metric_key=key)
        assert answer == (200, {})


def test_histories_of_several_runs_come_run_by_run(alice, history, workspace, cast):
    other = factories.run(workspace, cast.alice)
    log_batch(other, metrics=[Point("loss", 7, 1, 1)], actor=cast.alice)
    wanted = {"run_id": [history.run_id, other.run_id], "metric_key": "loss"}
    _, answer = alice.get("metrics/get-history-bulk", **wanted)
    found = [(point["run_id"], point["step"]) for point in answer["metrics"]]
    of_first = [(history.run_id, step) for step in range(9, -1, -1)]
    expected = sorted([(history.run_id, of_first), (other.run_id, [(other.run_id, 1)])])
    assert found == [pair for _, pairs in expected for pair in pairs]
    _, some = alice.get("metrics/get-history-bulk", **wanted, max_results=3)
    assert some["metrics"] == answer["metrics"][:3]


@pytest.mark.parametrize(
    ("path", "name", "nothing"),
    [
        ("metrics/get-history-bulk", "run_id", {"metrics": []}),
        ("metrics/get-history-bulk-interval", "run_ids", {}),
    ],
)
def test_histories_pass_over_runs_that_are_not_there(
    alice, history, path, name, nothing
):
    runs = {name: [history.run_id, "0" * 32, "nobody"]}
    status, answer = alice.get(path, **runs, metric_key="loss")
    found = {point["run_id"] for point in answer["metrics"]}
    assert (status, found) == (200, {history.run_id})
    assert alice.get(path, **{name: "nobody"}, metric_key="loss") == (200, nothing)


CURVE = "metrics/get-history-bulk-interval"


@pytest.mark.parametrize(
    ("most", "steps", "taken"),
    [
        (1, None, [34]),
        (2, None, [0, 34]),
        (3, None, [0, 16, 34]),
        (4, None, [0, 29, 17, 34]),
        (7, None, [0, 1, 2, 3, 4, 5, 34]),
        (3, (-4, 0), [0, 14, 35]),
        (3, (2, 2), [2, 16, 37]),
        (7, (0, 3), [0, 28, 15, 2, 23, 3, 38]),
        (3, (50, 60), []),
        (5, (6, 6), [6, 13, 20, 27, 34]),
        (6, (6, 9), [6, 13, 20, 27, 34]),
    ],
)
def test_curve_takes_the_points_that_mlflow_takes(alice, run, cast, most, steps, taken):
    """As `mlflow server` 3.17.2 answered; the times of steps 0 to 6 lie in each other."""
    points = [Point("loss", n, 1000 + n, n % 7) for n in range(40)]
    log_batch(run, metrics=points, actor=cast.alice)
    between = dict(zip(("start_step", "end_step"), steps, strict=True)) if steps else {}
    query = {"run_ids": run.run_id, "metric_key": "loss", "max_results": most}
    status, answer = alice.get(CURVE, **query, **between)
    assert (status, [point["value"] for point in answer.get("metrics", [])]) == (
        200,
        taken,
    )


def test_curve_of_one_step_goes_by_time_and_then_by_value(alice, run, cast):
    points = [Point("loss", 1, 5, 3), Point("loss", 2, 4, 3), Point("loss", -2, 4, 3)]
    log_batch(run, metrics=points, actor=cast.alice)
    for most, taken in ((1, [1]), (2, [-2, 1]), (3, [-2, 2, 1])):
        query = {"run_ids": run.run_id, "metric_key": "loss", "max_results": most}
        _, answer = alice.get(CURVE, **query)
        assert [point["value"] for point in answer["metrics"]] == taken


def test_curves_of_several_runs_are_sampled_one_by_one(alice, history, workspace, cast):
    other = factories.run(workspace, cast.alice)
    points = [Point("loss", step, 1, step) for step in (5, 50, 500)]
    log_batch(other, metrics=points, actor=cast.alice)
    answer = alice.get(
        CURVE,
        run_ids=[other.run_id, history.run_id],
        metric_key="loss",
        max_results=4,
    )
    assert steps(answer) == [5, 50, 500, 0, 3, 6, 9]


@pytest.mark.parametrize(
    ("interval", "code", "message"),
    [
        (
            {"start_step": 1},
            "interval_incomplete",
            "Send start_step and end_step, or neither of them.",
        ),
        (
            {"start_step": 2, "end_step": 1},
            "interval_empty",
            "The interval begins at step 2 and ends at 1: swap them.",
        ),
    ],
)
def test_interval_that_cannot_be_is_refused(alice, history, interval, code, message):
    query = {"run_ids": history.run_id, "metric_key": "loss", **interval}
    answer = alice.get("metrics/get-history-bulk-interval", **query)
    assert answer == invalid(code, message)
