"""Searches are answered page by page, and a page token belongs to one question."""

import base64
import json
import tracemalloc
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.tracking.refusals import invalid
from tests.tracking.searching import found
from tracking.mlflow_api.endpoint import answer
from tracking.mlflow_api.printing import runs_shown
from tracking.permissions import Role
from tracking.services.logging import Point, log_batch
from tracking.services.workspaces import create_workspace


@pytest.mark.parametrize("most", [0, -1, 50_001, "x"])
def test_page_size_is_bounded(alice, runs, most):
    assert found(alice, runs, max_results=most) == "message_invalid"


@pytest.mark.parametrize("path", ["runs/search", "logged-models/search"])
def test_all_experiments_that_a_client_found_may_be_named_at_once(
    alice, runs, cast, path
):
    factories.logged_model(runs[1], cast.alice)
    own = str(runs[1].experiment_id)
    others = [str(10**9 + number) for number in range(49_999)]
    status, answer = alice.post(path, experiment_ids=[*others, own])
    found = answer["runs"] if path == "runs/search" else answer["models"]
    assert (status, {one["info"]["experiment_id"] for one in found}) == (200, {own})
    status, answer = alice.post(path, experiment_ids=[*others, own, "1"])
    assert (status, answer["code"]) == (400, "message_invalid")


def test_pages_are_walked_to_the_end(alice, runs):
    pages: list[list[Any]] = []
    token = ""
    while not pages or token:
        _, answer = alice.post(
            "runs/search",
            experiment_ids=[str(runs[0].experiment_id)],
            order_by=["run_name"],
            max_results=3,
            page_token=token,
        )
        pages.append([run["info"]["run_name"] for run in answer["runs"]])
        token = answer.get("next_page_token", "")
    assert pages == [["r0", "r1", "r2"], ["r3"]]


@pytest.mark.parametrize("filter_string", ["", "metrics.auc != 7"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_by_a_metric_have_every_run_once(alice, runs, size, filter_string):
    """Numbers first, then NaN (r3), then those without it; each from another query."""
    bare = factories.run(runs[0].experiment.workspace, runs[0].created_by, "bare")
    names: list[str] = []
    token: str | None = ""
    while token is not None:
        _, answer = alice.post(
            "runs/search",
            experiment_ids=[str(bare.experiment_id)],
            filter=filter_string,
            order_by=["metrics.auc DESC"],
            max_results=size,
            page_token=token,
        )
        names += [run["info"]["run_name"] for run in answer["runs"]]
        token = answer.get("next_page_token")
    with_bare = [] if filter_string else ["bare"]
    assert names == ["r2", "r1", "r0", "r3", *with_bare]


def encoded(content) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "é",
        encoded({}),
        encoded([]),
        encoded(123),
        encoded({"offset": "1", "query": "x"}),
        base64.b64encode(b"\xff").decode(),
    ],
)
def test_page_token_that_nobody_made_is_refused(alice, runs, token):
    assert found(alice, runs, page_token=token) == "page_token_invalid"


def test_page_token_of_another_query_is_refused(alice, runs):
    query = {"experiment_ids": [str(runs[0].experiment_id)], "max_results": 1}
    _, first = alice.post("runs/search", **query, filter="metrics.auc > 0")
    answer = alice.post("runs/search", **query, page_token=first["next_page_token"])
    assert answer == invalid(
        "page_token_invalid",
        "The page token belongs to another query: send the next_page_token of the "
        "answer before, with everything else as it was.",
    )


def test_page_of_any_size_asks_the_database_as_often(alice, runs):
    query = {
        "experiment_ids": [str(runs[0].experiment_id)],
        "filter": "metrics.auc >= 0 AND params.alpha LIKE '_'",
        "order_by": ["metrics.auc DESC"],
    }
    alice.post("runs/search", **query)  # a token notes its use once a minute
    for most, number in ((1, 6), (3, 7)):  # the third names a dataset
        with CaptureQueriesContext(connection) as asked:
            alice.post("runs/search", **query, max_results=most)
        assert sum("tracking_" in query["sql"] for query in asked) == number


@pytest.mark.parametrize(
    "change",
    [
        {"path": "experiments/search"},
        {"path": "logged-models/search"},
        {"order_by": ["run_name"]},
        {"experiment_ids": []},
        {"run_view_type": "ALL"},
    ],
)
def test_page_token_of_another_endpoint_or_question_is_refused(alice, runs, change):
    query = {"experiment_ids": [str(runs[0].experiment_id)], "max_results": 1}
    _, first = alice.post("runs/search", **query)
    asked = {"path": "runs/search", **query, "page_token": first["next_page_token"]}
    status, answer = alice.post(**asked | change)
    assert (status, answer["code"]) == (400, "page_token_invalid")


@pytest.mark.parametrize(
    "offset", [-1, 2**31 + 1, 2**63, 1e999, 0.5, None, [], {}, "1", float("nan")]
)
def test_page_token_with_another_offset_is_refused(alice, runs, offset):
    query = {"experiment_ids": [str(runs[0].experiment_id)], "max_results": 1}
    _, first = alice.post("runs/search", **query)
    content = json.loads(base64.b64decode(first["next_page_token"]))
    token = encoded({**content, "offset": offset})
    status, answer = alice.post("runs/search", **query, page_token=token)
    assert (status, answer["code"]) == (400, "page_token_invalid")


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"offset":' * 100_000])
def test_page_token_that_is_too_deep_to_read_is_refused(alice, runs, deep):
    assert found(alice, runs, page_token=base64.b64encode(deep).decode()) == (
        "page_token_invalid"
    )


def test_page_of_many_points_takes_little_more_memory_than_it_has_bytes(cast, run):
    """Of 20,000 points: as objects they take five times their JSON."""
    others = [factories.run(run.experiment.workspace, cast.alice) for _ in range(19)]
    points = [Point(f"m{n}", n / 7, 0, 0) for n in range(1000)]
    for one in (run, *others):
        log_batch(one, metrics=points, actor=cast.alice)
    tracemalloc.start()
    try:
        page = answer({"runs": runs_shown([run, *others])})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(json.loads(page.content)["runs"][0]["data"]["metrics"]) == 1000
    assert peak < 3.5 * len(page.content)


def test_page_token_belongs_to_the_whole_question(alice, run, cast):
    for _ in range(2):
        factories.logged_model(run, cast.alice)
    clause = {"field_name": "metrics.loss", "dataset_name": "loans"}
    query = {"experiment_ids": [str(run.experiment_id)], "max_results": 1}
    _, first = alice.post("logged-models/search", **query, order_by=[clause])
    token = first["next_page_token"]

    def answer(**clause):
        return alice.post(
            "logged-models/search", **query, order_by=[clause], page_token=token
        )

    assert answer(**clause)[0] == 200
    for other in ({"dataset_name": "others"}, {"dataset_digest": "abc"}):
        status, refusal = answer(**clause | other)
        assert (status, refusal["code"]) == (400, "page_token_invalid")


def test_page_token_belongs_to_a_workspace(alice, cast, run):
    other = create_workspace("other", actor=cast.ada)
    factories.grant(cast.alice, Role.DEVELOPER, other)
    for name in ("a", "b"):
        alice.post("experiments/create", name=name)
    _, first = alice.post("experiments/search", max_results=1)
    status, refusal = alice.below("other").post(
        "experiments/search", max_results=1, page_token=first["next_page_token"]
    )
    assert (status, refusal["code"]) == (400, "page_token_invalid")
