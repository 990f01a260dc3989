"""Params, metrics, tags and datasets over MLflow's API."""

import pytest
from django.db import connection

from audit.tlog.canonical import digest
from tests import factories
from tests.tracking.refusals import invalid, unknown, unreadable
from tracking.models import Dataset, DatasetInput, Metric, Param, Tag


def test_batch_is_stored_whole_with_one_entry_that_commits_to_it(alice, run, log):
    log()
    status, answer = alice.post(
        "runs/log-batch",
        run_id=run.run_id,
        params=[{"key": "alpha", "value": "0.1"}, {"key": "empty"}],
        metrics=[
            {"key": "loss", "value": 0.5, "timestamp": 10, "step": 1},
            {"key": "loss", "value": 0.25, "timestamp": 20, "step": 2},
        ],
        tags=[{"key": "team", "value": "credit"}],
    )

    assert (status, answer) == (200, {})
    assert alice.run(run.run_id)["data"] == {
        "params": [{"key": "alpha", "value": "0.1"}, {"key": "empty", "value": ""}],
        "metrics": [{"key": "loss", "value": 0.25, "timestamp": 20, "step": 2}],
        "tags": [
            {"key": "mlflow.runName", "value": "run"},
            {"key": "team", "value": "credit"},
        ],
    }
    content = {
        "metrics": [["loss", 1, 10, 0.5], ["loss", 2, 20, 0.25]],
        "params": [["alpha", "0.1"], ["empty", ""]],
        "tags": [["team", "credit"]],
    }
    assert log() == [
        (
            "tracking.run.logged",
            f"run/{run.run_id}",
            {"metrics": 2, "params": 2, "tags": 1, "content": digest(content)},
        )
    ]


def test_tag_of_a_use_is_refused_where_it_would_be_cut(alice, run):
    def use(value: str):
        tags = [{"key": "mlflow.data.context", "value": value}]
        inputs = [{"dataset": {"name": "d", "digest": "1"}, "tags": tags}]
        return alice.post("runs/log-inputs", run_id=run.run_id, datasets=inputs)[0]

    assert use("x" * 501) == 400
    assert not DatasetInput.objects.exists()
    assert use("x" * 500) == 200


@pytest.mark.parametrize(
    ("path", "message", "content"),
    [
        (
            "runs/log-metric",
            {"key": "loss", "value": 0.5, "timestamp": 10, "step": 3},
            {"metrics": [["loss", 3, 10, 0.5]], "params": [], "tags": []},
        ),
        (
            "runs/log-parameter",
            {"key": "alpha", "value": "0.1"},
            {"metrics": [], "params": [["alpha", "0.1"]], "tags": []},
        ),
        (
            "runs/set-tag",
            {"key": "team", "value": "credit"},
            {"metrics": [], "params": [], "tags": [["team", "credit"]]},
        ),
    ],
)
def test_single_value_is_one_entry_that_commits_to_it(
    alice, run, log, path, message, content
):
    log()
    assert alice.post(path, run_id=run.run_id, **message) == (200, {})
    ((kind, subject, payload),) = log()
    assert (kind, subject) == ("tracking.run.logged", run.subject)
    assert payload == {
        **{name: len(items) for name, items in content.items()},
        "content": digest(content),
    }


def test_param_keeps_its_first_value(alice, run, log):
    named = {"run_id": run.run_id, "key": "alpha"}
    alice.post("runs/log-parameter", **named, value="0.1")
    assert alice.post("runs/log-parameter", **named, value="0.1") == (200, {})
    log()

    assert alice.post("runs/log-parameter", **named, value="0.2") == invalid(
        "param_is_immutable",
        f"The param 'alpha' of run {run.run_id} is '0.1' and cannot become '0.2'. Log "
        f"a new run for other params.",
    )
    assert Param.objects.get().value == "0.1"
    assert log() == []


def test_tag_is_overwritten_and_each_write_is_an_entry(alice, run, log):
    log()
    for value in ("one", "two"):
        alice.post("runs/set-tag", run_id=run.run_id, key="team", value=value)
    assert Tag.objects.get(key="team").value == "two"
    assert len(log()) == 2


LONG_KEY = "Expected `str` of length <= 250 - at `$.{}[1].key`"
BAD_KEY = (
    "Expected `str` of letters, digits, '_', '-', '.', ' ', ':', and of '/' between "
    "names - at `$.{}[1].key`"
)

NUL = "Expected `str` without NUL characters - at `$.{}[1].value`"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"params": [{"key": "k" * 251}]}, LONG_KEY.format("params")),
        ({"tags": [{"key": "k" * 251}]}, LONG_KEY.format("tags")),
        (
            {"metrics": [{"key": "k" * 251, "value": 1, "timestamp": 1}]},
            LONG_KEY.format("metrics"),
        ),
        (
            {"params": [{"key": ""}]},
            "Expected `str` of length >= 1 - at `$.params[1].key`",
        ),
        ({"params": [{"key": "a\nb"}]}, BAD_KEY.format("params")),
        ({"params": [{"key": "ok\n"}]}, BAD_KEY.format("params")),
        ({"tags": [{"key": "/a"}]}, BAD_KEY.format("tags")),
        ({"tags": [{"key": "a/"}]}, BAD_KEY.format("tags")),
        ({"tags": [{"key": "a/../b"}]}, BAD_KEY.format("tags")),
        ({"tags": [{"key": ".."}]}, BAD_KEY.format("tags")),
        (
            {"params": [{"key": "a", "value": "v\0"}]},
            NUL.format("params"),
        ),
        (
            {"metrics": [{"key": "a", "value": 1, "timestamp": -1}]},
            "Expected `int` >= 0 - at `$.metrics[1].timestamp`",
        ),
        (
            {"metrics": [{"key": "a", "value": 1, "timestamp": 1, "step": 2**63}]},
            "Expected `int` <= 9223372036854775807 - at `$.metrics[1].step`",
        ),
        (
            {"params": [{"key": f"k{n}"} for n in range(101)]},
            "Expected `array` of length <= 100 - at `$.params`",
        ),
        (
            {
                "metrics": [
                    {"key": "a", "value": n, "timestamp": 1} for n in range(1001)
                ]
            },
            "Expected `array` of length <= 1000 - at `$.metrics`",
        ),
    ],
)
def test_one_bad_item_refuses_the_whole_batch(alice, run, log, bad, reason):
    good: dict[str, list[dict[str, object]]] = {
        "params": [{"key": "good", "value": "1"}],
        "metrics": [{"key": "good", "value": 1, "timestamp": 1}],
        "tags": [{"key": "good", "value": "1"}],
    }
    batch = {name: [*items, *bad.get(name, [])] for name, items in good.items()}
    log()

    assert alice.post("runs/log-batch", run_id=run.run_id, **batch) == (
        unreadable(reason)
    )

    assert log() == []
    assert not run.params.exists()
    assert not run.metrics.exists()
    assert not run.tags.filter(key="good").exists()


def test_param_named_twice_refuses_the_whole_batch(alice, run, log):
    log()
    answer = alice.post(
        "runs/log-batch",
        run_id=run.run_id,
        params=[{"key": "a", "value": "1"}, {"key": "a", "value": "1"}],
        tags=[{"key": "good", "value": "1"}],
    )
    assert answer == invalid(
        "param_named_twice", "The batch names a param twice: send each param once."
    )
    assert log() == []
    assert not run.tags.filter(key="good").exists()


def test_changed_param_refuses_the_metrics_beside_it(alice, run, log):
    alice.post("runs/log-parameter", run_id=run.run_id, key="a", value="1")
    log()
    status, answer = alice.post(
        "runs/log-batch",
        run_id=run.run_id,
        params=[{"key": "new", "value": "1"}, {"key": "a", "value": "2"}],
        metrics=[{"key": "loss", "value": 1, "timestamp": 1}],
    )
    assert (status, answer["code"]) == (400, "param_is_immutable")
    assert [param.key for param in run.params.all()] == ["a"]
    assert not run.metrics.exists()
    assert log() == []


def test_batch_of_more_than_a_thousand_items_is_refused(alice, run):
    answer = alice.post(
        "runs/log-batch",
        run_id=run.run_id,
        metrics=[{"key": "m", "value": n, "timestamp": 1} for n in range(1000)],
        tags=[{"key": "one too many"}],
    )
    assert answer == invalid(
        "batch_too_large",
        "A batch holds at most 1000 metrics, params and tags together: send two.",
    )
    assert not run.metrics.exists()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("inf", "Infinity"),
        (0.1, 0.1),
        (-0.0, 0.0),
        (1e308, 1e308),
        (5e-324, 5e-324),
        (7, 7.0),
        ("0.30000000000000004", 0.30000000000000004),
    ],
)
def test_metric_value_comes_back_as_it_was_sent(alice, run, sent, shown):
    metric = {"key": "m", "value": sent, "timestamp": 1}
    assert alice.post("runs/log-metric", run_id=run.run_id, **metric) == (200, {})
    assert alice.run(run.run_id)["data"]["metrics"] == [
        {"key": "m", "value": shown, "timestamp": 1, "step": 0}
    ]


def test_nan_and_zero_at_one_step_are_two_points(alice, run):
    for value in (0, "NaN", 0, "NaN"):
        alice.post(
            "runs/log-metric", run_id=run.run_id, key="m", value=value, timestamp=1
        )
    assert Metric.objects.count() == 2


def test_metric_that_is_no_number_is_refused(alice, run):
    metric = {"key": "m", "value": "much", "timestamp": 1}
    assert alice.post("runs/log-metric", run_id=run.run_id, **metric) == invalid(
        "metric_value_invalid",
        "The value 'much' of metric 'm' is not a number: send a number, \"NaN\", "
        '"Infinity" or "-Infinity".',
    )


@pytest.mark.parametrize(
    "half",
    [
        {"dataset_name": "loans"},
        {"dataset_digest": "abc"},
        {"dataset_name": "loans", "dataset_digest": ""},
    ],
)
def test_metric_on_half_a_dataset_is_refused(alice, run, half):
    metric = {"key": "m", "value": 1, "timestamp": 1, **half}
    refused = invalid(
        "metric_dataset_incomplete",
        "Metric 'm' names half a dataset: send dataset_name and dataset_digest, or "
        "neither of them.",
    )
    assert alice.post("runs/log-metric", run_id=run.run_id, **metric) == refused
    whole = {"key": "n", "value": 1, "timestamp": 1}
    batch = {"run_id": run.run_id, "metrics": [whole, metric]}
    assert alice.post("runs/log-batch", **batch) == refused
    assert not Metric.objects.exists()


@pytest.mark.parametrize(
    ("points", "latest"),
    [
        ([(1, 10, 0.1), (2, 5, 0.2)], 0.2),
        ([(2, 5, 0.2), (1, 10, 0.1)], 0.2),
        ([(1, 10, 0.1), (1, 20, 0.3), (1, 15, 0.9)], 0.3),
        ([(1, 10, 0.1), (1, 10, 0.4)], 0.4),
        ([(-5, 10, 0.1), (-6, 20, 0.2)], 0.1),
    ],
)
def test_latest_metric_is_by_step_then_time_then_value(alice, run, points, latest):
    metrics = [
        {"key": "m", "step": step, "timestamp": time, "value": value}
        for step, time, value in points
    ]
    alice.post("runs/log-batch", run_id=run.run_id, metrics=metrics)
    (shown,) = alice.run(run.run_id)["data"]["metrics"]
    assert shown["value"] == latest


def dataset(**changes):
    described = {
        "name": "loans",
        "digest": "abc123",
        "source_type": "local",
        "source": '{"uri": "loans.csv"}',
        "schema": "[]",
        "profile": '{"num_rows": 10}',
    }
    return {
        "dataset": described | changes,
        "tags": [{"key": "mlflow.data.context", "value": "training"}],
    }


def test_dataset_inputs_are_shown_and_committed_to(alice, run, log):
    log()
    used = dataset()
    answer = alice.post("runs/log-inputs", run_id=run.run_id, datasets=[used])

    assert answer == (200, {})
    assert alice.run(run.run_id)["inputs"] == {"dataset_inputs": [used]}
    content = [used["dataset"] | {"tags": {"mlflow.data.context": "training"}}]
    assert log() == [
        (
            "tracking.run.inputs_logged",
            run.subject,
            {
                "datasets": [{"name": "loans", "digest": "abc123"}],
                "content": digest(content),
            },
        )
    ]
    assert Dataset.objects.get().row_count == 10


def test_same_dataset_is_stored_once_for_all_runs(alice, workspace, cast, run):
    other = factories.run(workspace, cast.alice, "other")
    for used_by in (run, run, other):
        alice.post("runs/log-inputs", run_id=used_by.run_id, datasets=[dataset()])
    assert (Dataset.objects.count(), DatasetInput.objects.count()) == (1, 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"digest": "d" * 37},
            "Expected `str` of length <= 36 - at `$.datasets[1].dataset.digest`",
        ),
        (
            {"name": ""},
            "Expected `str` of length >= 1 - at `$.datasets[1].dataset.name`",
        ),
        (
            {"schema": "s" * 1_048_576},
            "Expected `str` of length <= 1048575 - at `$.datasets[1].dataset.schema`",
        ),
    ],
)
def test_bad_dataset_refuses_all_of_them(alice, run, log, changes, reason):
    log()
    answer = alice.post(
        "runs/log-inputs", run_id=run.run_id, datasets=[dataset(), dataset(**changes)]
    )
    assert answer == unreadable(reason)
    assert not Dataset.objects.exists()
    assert log() == []


def test_batch_of_any_size_asks_the_database_as_often(
    alice, run, django_assert_num_queries
):
    def log_batch(first: int, last: int):
        numbers = range(first, last)
        return alice.post(
            "runs/log-batch",
            run_id=run.run_id,
            params=[{"key": f"p{n}", "value": "1"} for n in numbers],
            metrics=[{"key": f"m{n}", "value": n, "timestamp": 1} for n in numbers],
            tags=[{"key": f"t{n}", "value": "1"} for n in numbers],
        )

    log_batch(0, 1)  # a token notes its use once a minute
    # PostgreSQL writes points and latest points at once.
    number = 10 if connection.vendor == "postgresql" else 11
    with django_assert_num_queries(number):
        log_batch(1, 2)
    with django_assert_num_queries(number):
        log_batch(2, 62)


def test_long_values_are_cut_where_mlflow_cuts_them(alice, run):
    alice.post(
        "runs/log-batch",
        run_id=run.run_id,
        params=[{"key": "long", "value": "v" * 6001}],
        tags=[{"key": "long", "value": "v" * 8001}],
    )
    assert Param.objects.get().value == "v" * 6000
    assert Tag.objects.get(key="long").value == "v" * 8000


def test_null_is_a_field_that_was_left_out(alice, run):
    answer = alice.post(
        "runs/log-batch",
        run_id=run.run_id,
        tags=None,
        params=[{"key": "alpha", "value": None}],
    )
    assert answer == (200, {})
    assert Param.objects.get().value == ""


def test_name_tag_renames_the_run(alice, run):
    alice.post("runs/set-tag", run_id=run.run_id, key="mlflow.runName", value="new")
    assert alice.run(run.run_id)["info"]["run_name"] == "new"


def test_tag_is_removed_and_the_log_says_so(alice, run, log):
    alice.post("runs/set-tag", run_id=run.run_id, key="team", value="credit")
    log()
    removal = {"run_id": run.run_id, "key": "team"}
    assert alice.post("runs/delete-tag", **removal) == (200, {})
    assert log() == [
        (
            "tracking.run.tag_removed",
            run.subject,
            {"content": digest({"key": "team"})},
        )
    ]
    assert not Tag.objects.filter(key="team").exists()
    assert alice.post("runs/delete-tag", **removal) == unknown(
        "tag_unknown",
        f"The run {run.run_id} has no tag 'team': there is nothing to remove.",
    )


POINTS = [(1, 5, 0.5), (3, 1, 0.2), (3, 1, 0.1), (2, 9, 0.9), (-4, 50, 7.0)]


@pytest.mark.parametrize("batches", [[POINTS], [[p] for p in POINTS], [POINTS, POINTS]])
def test_latest_point_is_by_step_then_time_then_value(alice, run, batches):
    for batch in batches:
        points = [
            {"key": "loss", "step": step, "timestamp": time, "value": value}
            for step, time, value in batch
        ]
        alice.post("runs/log-batch", run_id=run.run_id, metrics=points)
    assert alice.run(run.run_id)["data"]["metrics"] == [
        {"key": "loss", "value": 0.2, "timestamp": 1, "step": 3}
    ]
    assert Metric.objects.count() == len(POINTS)
