"""What people read back, from much that is stored: rows of `bench-tracking`.

The runs and points are stored in bulk, by SQL that both databases are told alike; the
figures begin when they are asked for.
"""

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from benchmarks.side_by_side import Client, Once, Row, Side

RUNS = 50_000
POINTS = 100_000
BEST = {"order_by": ["metrics.m0 DESC"], "max_results": 100}
SMALL = random.Random(1).randbytes(10_000)  # noqa: S311 - content to measure by
LARGE = random.Random(2).randbytes(50 * 2**20)  # noqa: S311 - content to measure by

# Numbers that look random and are the same on both sides.
_VALUE = "((n::bigint * (k + 7919)) % 10007) / 10007.0"
_PARAM = "((n * 31 + k * 17) % 20)::text"
_TAG = "'team-' || (n * 7 + k) % 50"
_NUMBERS = "generate_series(1, {runs}) n, generate_series(0, {last}) k"
_THEIRS = [
    """INSERT INTO runs (run_uuid, name, user_id, status, start_time, end_time,
           lifecycle_stage, artifact_uri, experiment_id, source_type)
       SELECT md5(n::text), 'run-' || n, 'developer', 'FINISHED', 1700000000000 + n,
           1700000001000 + n, 'active', 'mlflow-artifacts:/x', {experiment}, 'LOCAL'
       FROM generate_series(1, {runs}) n""",
    *(
        f"""INSERT INTO {table} (run_uuid, key, value, timestamp, step, is_nan)
            SELECT md5(n::text), 'm' || k, {_VALUE}, 1, 1, false
            FROM {_NUMBERS.replace("{last}", "9")}"""  # noqa: S608 - words of this module
        for table in ("metrics", "latest_metrics")
    ),
    f"""INSERT INTO params (run_uuid, key, value)
        SELECT md5(n::text), 'p' || k, {_PARAM} FROM {_NUMBERS.replace("{last}", "9")}""",  # noqa: S608 - words of this module
    f"""INSERT INTO tags (run_uuid, key, value)
        SELECT md5(n::text), 't' || k, {_TAG} FROM {_NUMBERS.replace("{last}", "4")}""",  # noqa: S608 - words of this module
]
_OF_RUN = (
    ", tracking_run r WHERE r.run_id = md5(n::text) AND r.experiment_id = {experiment}"
)
_OURS = [
    """INSERT INTO tracking_run (run_id, experiment_id, name, status, lifecycle_stage,
           started_at, ended_at, created_by_id, created_at, has_stale_seal)
       SELECT md5(n::text), {experiment}, 'run-' || n, 'FINISHED', 'active',
           to_timestamp(1700000000 + n / 1000.0), to_timestamp(1700000001 + n / 1000.0),
           e.created_by_id, now(), false
       FROM generate_series(1, {runs}) n, tracking_experiment e
       WHERE e.id = {experiment}""",
    *(
        f"""INSERT INTO {table} (run_id, key, value, timestamp_ms, step, is_nan)
            SELECT r.id, 'm' || k, {_VALUE}, 1, 1, false
            FROM {_NUMBERS.replace("{last}", "9")}{_OF_RUN}"""  # noqa: S608 - words of this module
        for table in ("tracking_metric", "tracking_latestmetric")
    ),
    f"""INSERT INTO tracking_param (run_id, key, value)
        SELECT r.id, 'p' || k, {_PARAM}
        FROM {_NUMBERS.replace("{last}", "9")}{_OF_RUN}""",  # noqa: S608 - words of this module
    f"""INSERT INTO tracking_tag (run_id, key, value)
        SELECT r.id, 't' || k, {_TAG}
        FROM {_NUMBERS.replace("{last}", "4")}{_OF_RUN}""",  # noqa: S608 - words of this module
]
_POINTS_THEIRS = """INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan)
    SELECT '{run}', 'loss', 1.0 / n, 1700000000000 + n, n, false
    FROM generate_series(1, {points}) n"""
_POINTS_OURS = """INSERT INTO tracking_metric
        (run_id, key, value, timestamp_ms, step, is_nan)
    SELECT r.id, 'loss', 1.0 / n, 1700000000000 + n, n, false
    FROM generate_series(1, {points}) n, tracking_run r WHERE r.run_id = '{run}'"""
_TABLES = {
    "MLflow": "runs, metrics, latest_metrics, params, tags",
    "Attestry": "tracking_run, tracking_metric, tracking_latestmetric, tracking_param, "
    "tracking_tag",
}


@cache
def many_runs(side: Side) -> str:
    """Store runs with 10 metrics, 10 params, 5 tags each; return their experiment."""
    made = Client(side).post("experiments/create", name=f"{RUNS} runs")
    experiment: str = made["experiment_id"]
    statements = _THEIRS if side.name == "MLflow" else _OURS
    _store(side, [one.format(experiment=experiment, runs=RUNS) for one in statements])
    return experiment


@cache
def long_history(side: Side, points: int = POINTS) -> str:
    """Store many points of the metric `loss`; return their run."""
    run_id = Client(side).new_run()
    statement = _POINTS_THEIRS if side.name == "MLflow" else _POINTS_OURS
    _store(side, [statement.format(run=run_id, points=points)])
    return run_id


def _store(side: Side, statements: list[str]) -> None:
    import psycopg

    with psycopg.connect(side.database_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        # As autovacuum would, a minute later.
        connection.execute(f"VACUUM ANALYZE {_TABLES[side.name]}".encode())


# Searches


def _metric_and_param(client: Client, experiment: str) -> Once:
    return _best(client, experiment, "metrics.m0 > 0.9 AND params.p0 = '3'")


def _tag_like(client: Client, experiment: str) -> Once:
    return _best(client, experiment, "metrics.m0 > 0.5 AND tags.t0 LIKE 'team-1%'")


def _leaders(client: Client, experiment: str) -> Once:
    return _best(client, experiment, "")


def _best(client: Client, experiment: str, filter_string: str) -> Once:
    def once(_number: int) -> None:
        found = client.post(
            "runs/search", experiment_ids=[experiment], filter=filter_string, **BEST
        )
        if len(found["runs"]) != BEST["max_results"]:
            raise RuntimeError(f"{filter_string}: {len(found['runs'])} runs")

    return once


def _walk(client: Client, experiment: str) -> Once:
    def once(_number: int) -> None:
        found = sum(
            len(page["runs"])
            for page in pages(client, experiment, filter="metrics.m0 > 0.9")
        )
        if not RUNS / 11 < found < RUNS / 9:
            raise RuntimeError(f"{found} runs")

    return once


def pages(client: Client, experiment: str, **asked: Any) -> Iterator[Any]:
    """Walk over all pages of a search, of MLflow's usual size."""
    token = ""
    while token is not None:
        page = client.post(
            "runs/search",
            experiment_ids=[experiment],
            max_results=1000,
            page_token=token,
            **asked,
        )
        yield page
        token = page.get("next_page_token")


# Points


def _history(client: Client, run_id: str) -> Once:
    def once(_number: int) -> None:
        found = client.call(
            "GET", f"metrics/get-history?run_id={run_id}&metric_key=loss"
        )
        if len(found["metrics"]) != POINTS:
            raise RuntimeError(f"{len(found['metrics'])} points")

    return once


# Files


def _small_up(client: Client, _: None) -> Once:
    return _up(client, SMALL)


def _large_up(client: Client, _: None) -> Once:
    return _up(client, LARGE)


def _up(client: Client, content: bytes) -> Once:
    folder = _folder(client, client.new_run())
    return lambda number: client.send("PUT", f"{folder}/{number}.bin", content)


def _small_files(side: Side) -> str:
    return _stored(side, SMALL, 200)


def _large_file(side: Side) -> str:
    return _stored(side, LARGE, 1)


def _stored(side: Side, content: bytes, count: int) -> str:
    client = Client(side)
    folder = _folder(client, client.new_run())
    for number in range(count):
        client.send("PUT", f"{folder}/{number}.bin", content)
    return folder


def _small_down(client: Client, folder: str) -> Once:
    return lambda number: _down(client, f"{folder}/{number % 200}.bin", SMALL)


def _large_down(client: Client, folder: str) -> Once:
    return lambda _: _down(client, f"{folder}/0.bin", LARGE)


def _down(client: Client, path: str, content: bytes) -> None:
    if client.send("GET", path) != content:
        raise RuntimeError(f"{path} came back as something else")


def _folder(client: Client, run_id: str) -> str:
    experiment = client.side.experiment_id
    return f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run_id}/artifacts"


ROWS = (
    Row(
        "search 50,000 runs: metric and param, by metric, first 100",
        _metric_and_param,
        bar=5,
        prepare=many_runs,
    ),
    Row(
        "search 50,000 runs: metric and tag LIKE, by metric, first 100",
        _tag_like,
        bar=3,
        prepare=many_runs,
    ),
    Row(
        "search 50,000 runs: all, by metric, first 100",
        _leaders,
        bar=3,
        prepare=many_runs,
    ),
    Row("search: walk over 5,000 of 50,000 runs", _walk, bar=3, prepare=many_runs),
    Row("history of 100,000 points", _history, bar=3, prepare=long_history),
    Row("artifact of 50 MB up", _large_up, bar=1),
    Row("artifact of 50 MB down", _large_down, bar=1, prepare=_large_file),
    Row("artifact of 10 kB up", _small_up, bar=1),
    Row(
        "artifact of 10 kB down, 200 of them", _small_down, bar=1, prepare=_small_files
    ),
)
