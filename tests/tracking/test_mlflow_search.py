"""Searching runs with MLflow's filter strings, orders and page tokens."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import InvalidError
from tests.tracking.refusals import invalid, unreadable
from tests.tracking.searching import found
from tracking.models import Run
from tracking.search.parsing import parse_filter, parse_order
from tracking.search.runs import GRAMMAR
from tracking.services.logging import log_batch
from tracking.services.runs import update_run

ALL = ["r0", "r1", "r2", "r3"]
START = 1767225600000
HUGE = "9" * 400  # more than any float


# What MLflow's own server finds for the same filters over the same runs.
@pytest.mark.parametrize(
    ("filter_string", "names"),
    [
        ("", ALL),
        ("metrics.auc > 0.1", ["r2"]),
        ("metric.auc>=.1 and metrics.auc < 1e3", ["r1", "r2"]),
        ("metrics.`auc` = 0", ["r0"]),
        ('metrics."auc" > -1', ["r0", "r1", "r2"]),
        ("metrics.auc != 0.1", ["r0", "r2", "r3"]),
        ("metrics.only > 0", ["r1", "r3"]),
        ("params.alpha = '1'", ["r1"]),
        ('param.alpha = "1"', ["r1"]),
        ("params.'alpha' != '1'", ["r0", "r2", "r3"]),
        ("parameters.alpha LIKE '_'", ALL),
        ("parameter.alpha IS NULL", []),
        ("params.`odd.k/ey-1` is null", ["r0", "r1", "r3"]),
        ('params."odd.k/ey-1" IS NOT NULL', ["r2"]),
        ("tags.team LIKE 'V%'", ["r0", "r2", "r3"]),
        ("tags.team LIKE 'v%'", []),
        ("tags.team ILIKE 'v%'", ["r0", "r2", "r3"]),
        ("tag.team LIKE 'V0\\_\\%'", []),
        ("tags.team LIKE 'V[0]%'", []),
        ("tags.team LIKE '*'", []),
        ("tags.team != 'credit'", ["r0", "r2", "r3"]),
        ("tags.none != 'x'", []),
        ("tags.mlflow.runName = 'r1'", ["r1"]),
        ("status = 'RUNNING'", ["r1", "r2", "r3"]),
        ("attributes.status != 'RUNNING'", ["r0"]),
        ("attr.run_name = 'r1'", ["r1"]),
        ("`run name` = 'r1'", ["r1"]),
        ("run.run_name ILIKE 'R_'", ALL),
        (f"start_time > {START}", ["r2", "r3"]),
        (f"created <= {START}.0", ["r0", "r1"]),
        ("end_time > 1", ["r0"]),
        ("end_time < 99999999999999999999", ["r0"]),
        ("end_time != 5", ["r0"]),
        ("start_time != 5", ALL),
        ("run_id IN ('RUN0', \"RUN1\")", ["r0", "r1"]),
        ("run_id NOT IN ('RUN0')", ["r1", "r2", "r3"]),
        ("run_id = 'RUN2'", ["r2"]),
        ("user_id = 'alice'", ALL),
        ("artifact_uri LIKE '%RUN1/artifacts'", ["r1"]),
        ("dataset.name = 'loans'", ["r1"]),
        ("datasets.digest LIKE 'abc%'", ["r1"]),
        ("dataset.context IN ('training', 'x')", ["r1"]),
        ("dataset.context != 'training'", []),
        ("dataset.context NOT IN ('training')", []),
        ("dataset.name NOT IN ('x')", ["r1"]),
        ("params.alpha = 'it''s'", []),
        ("metrics.auc > 0 AND tags.team = 'V2_%' AND params.alpha = '2'", ["r2"]),
        ("metrics.auc > 1e999", []),
        (f"metrics.auc > {HUGE}", []),
        (f"metrics.auc = {HUGE}", []),
        (f"metrics.auc > -{HUGE}", ["r0", "r1", "r2"]),
        (f"metrics.auc < {HUGE}.5", ["r0", "r1", "r2"]),
        (f"metrics.auc != {'9' * 5000}", ALL),
        (f"start_time < {HUGE} AND start_time > -{HUGE}", ALL),
    ],
)
def test_filter_finds_what_mlflow_finds(alice, runs, filter_string, names):
    assert found(alice, runs, filter_string) == names


@pytest.mark.parametrize(
    "filter_string",
    [
        " ",
        "metrics.auc > 0 OR metrics.auc < 1",
        "(metrics.auc > 0)",
        "metrics.auc > 'a'",
        "metrics.auc LIKE 'a'",
        "metrics.auc IS NULL",
        "metrics.auc",
        "metrics.auc >",
        "metrics.auc == 1",
        "metrics.auc <> 1",
        "= 1",
        "metrics.auc = 1 AND",
        "AND metrics.auc = 1",
        "params.alpha = 1",
        "params.alpha = x",
        "params.alpha > '1'",
        "params.odd-key = 'x'",
        "params.alpha = 'a",
        "params.alpha IN ('a')",
        "status IN ('RUNNING')",
        "run_id IN ()",
        "run_id IN ('a'",
        "run_id IN 'a'",
        "start_time = '1'",
        "foo.bar = 'x'",
        "bar = 'x'",
        "dataset.foo = 'x'",
        "METRICS.auc > 0",
        "metrics.auc > 1; DROP TABLE x",
        "params.alpha = '1' -- x",
        "lifecycle_stage = 'active'",
        "metrics.auc > 0 AND " * 101 + "metrics.auc > 0",
        "params.alpha = '" + "a" * 10_000 + "'",
        " AND ".join(["params.alpha LIKE '" + "a" * 1_001 + "'"] * 2),
    ],
)
def test_filter_that_mlflow_refuses_is_refused(alice, runs, filter_string):
    assert found(alice, runs, filter_string) == "filter_invalid"


def test_refusal_says_what_to_write(alice, runs):
    status, answer = alice.post("runs/search", experiment_ids=[], filter="a OR b")
    assert (status, answer) == invalid(
        "filter_invalid",
        "The filter string is not valid: the attribute 'a' is none of artifact_uri, "
        "end_time, run_id, run_name, start_time, status, user_id. Write comparisons such "
        "as metrics.auc > 0.9 AND tags.team = 'credit'.",
    )


@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        ([], ["r2", "r3", "r0", "r1"]),
        (["metrics.auc"], ["r0", "r1", "r2", "r3"]),
        (["metrics.`auc` DESC"], ["r2", "r1", "r0", "r3"]),
        (["metrics.'auc'\tDESC"], ["r2", "r1", "r0", "r3"]),
        (["params.`a b`", "metrics.a/b-c DESC", "run_name"], ALL),
        (["metrics.only desc"], ["r3", "r1", "r2", "r0"]),
        (["params.alpha DESC"], ["r3", "r2", "r1", "r0"]),
        (["tags.team"], ["r0", "r2", "r3", "r1"]),
        (["start_time ASC", "run_name DESC"], ["r1", "r0", "r3", "r2"]),
        (["attributes.Created DESC", "run_name"], ["r2", "r3", "r0", "r1"]),
        (["end_time", "run_name"], ["r0", "r1", "r2", "r3"]),
        (["artifact_uri", "run_name"], None),
        (["user_id", "status", "run_name"], ["r0", "r1", "r2", "r3"]),
    ],
)
def test_runs_come_in_the_wanted_order(alice, runs, order_by, names):
    # Runs that started together come by their random ids, unless ordered.
    for number, run in enumerate(runs):
        Run.objects.filter(pk=run.pk).update(run_id=f"{number:032}")
    assert found(alice, runs, order_by=order_by) == (names or ALL)


@pytest.mark.parametrize(
    "order_by",
    [
        ["run_name up"],
        ["metrics.auc DSC"],
        ["metrics.auc DESC ASC"],
        ["metrics.auc, metrics.n"],
        ["metrics.auc; DESC"],
        ["metrics. auc"],
        ["metrics.`auc` `n`"],
        ["metrics.`auc DSC"],
        ["Run name DESC"],
        ["nope"],
        [""],
        ["metrics.auc", "metric.auc DESC"],
        ["dataset.name"],
        ["`metrics"],
        ["run_name"] * 21,
    ],
)
def test_order_that_cannot_be_is_refused(alice, runs, order_by):
    assert found(alice, runs, order_by=order_by) in {"order_invalid", "filter_invalid"}


@pytest.mark.parametrize(
    ("view", "names"),
    [("ACTIVE_ONLY", ALL), ("DELETED_ONLY", ["r4"]), ("ALL", [*ALL, "r4"])],
)
def test_view_says_which_stage_is_found(alice, runs, view, names):
    assert found(alice, runs, run_view_type=view) == names


def test_long_value_is_compared_whole(alice, runs, cast):
    """An index holds the first 64 characters only."""
    start = "x" * 64
    log_batch(runs[0], params=[("long", f"{start}a")], actor=cast.alice)
    log_batch(runs[1], params=[("long", start)], actor=cast.alice)
    log_batch(runs[2], params=[("long", "x" * 63)], actor=cast.alice)
    for filter_string, names in (
        (f"= '{start}'", ["r1"]),
        (f"= '{start}a'", ["r0"]),
        (f"= '{'x' * 63}'", ["r2"]),
        (f"LIKE '{'x' * 62}%'", ["r0", "r1", "r2"]),
        (f"LIKE '{start}%'", ["r0", "r1"]),
        (f"LIKE '{start}a%'", ["r0"]),
        (f"LIKE '{'x' * 62}_'", ["r2"]),
        ("LIKE 'x%a'", ["r0"]),
    ):
        assert found(alice, runs, f"params.long {filter_string}") == names


def test_runs_of_others_are_not_found(alice, mlflow_as, cast, runs):
    query = {"experiment_ids": [str(runs[0].experiment_id), "999999", "-1"]}
    assert len(alice.post("runs/search", **query)[1]["runs"]) == 4
    assert mlflow_as(cast.mallory).post("runs/search", **query)[0] == 404
    assert alice.post("runs/search", experiment_ids=[]) == (200, {})


def test_unknown_view_is_named(alice):
    assert alice.post("runs/search", run_view_type="x") == unreadable(
        "Invalid enum value 'x' - at `$.run_view_type`"
    )


PIECES = st.sampled_from(
    [
        "metrics.auc", "params.`a b`", "tags.x", "run_id", "status", "dataset.name",
        "start_time", "=", "!=", "<", ">=", "LIKE", "ILIKE", "IN", "NOT", "IS", "NULL",
        "AND", "OR", "(", ")", ",", "'a'", '"b"', "`c`", "1", "-2.5e3", ".", "'", '"',
        "`", "\\", "%", ";", "--", "\x00", "é", " ", "\n", "attributes.", "metrics",
    ]
)  # fmt: skip


@given(text=st.one_of(st.text(max_size=60), st.lists(PIECES).map(" ".join)))
def test_any_filter_is_understood_or_refused_with_a_sentence(text):
    # Anything but InvalidError fails the test.
    with suppress(InvalidError):
        parse_filter(text, GRAMMAR)
    with suppress(InvalidError):
        parse_order([text], GRAMMAR)


def test_ended_run_keeps_its_place(alice, runs, cast):
    update_run(runs[1], status=None, ended_at=None, name="zz", actor=cast.alice)
    assert found(alice, runs)[-1] == "zz"


def test_comparisons_of_one_key_must_all_hold(alice, runs):
    assert found(alice, runs, "metrics.auc > 0 AND metrics.auc < 0.2") == ["r1"]
    assert found(alice, runs, "tags.team LIKE 'V%' AND tags.team LIKE '%2%'") == ["r2"]
    assert found(alice, runs, "params.alpha = '1' AND params.alpha = '2'") == []
    assert found(alice, runs, "tags.team IS NULL AND tags.team = 'credit'") == []
