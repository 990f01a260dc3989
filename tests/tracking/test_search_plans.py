"""PostgreSQL finds by index whatever a leaderboard asks about one of many experiments."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from tests import factories
from tracking.models import LoggedModel, Run
from tracking.models.experiment import Lifecycle
from tracking.search.datasets import MOST_DATASETS, uses_of
from tracking.search.logged_models import ModelOrder, OnDataset, search_logged_models
from tracking.search.points import points_in_time_order
from tracking.search.runs import search_runs

pytestmark = pytest.mark.skipif(  # SQLite's plans name no costs and no rows
    connection.vendor != "postgresql",
    reason="only PostgreSQL tells its plans like this",
)
EXPERIMENTS, RUNS_OF_EACH = 40, 150
# In SQL, because a quarter of a million rows take the ORM a minute.
POINTS = """INSERT INTO tracking_metric (run_id, key, value, is_nan, timestamp_ms, step)
    SELECT id, 'm' || n, id * 7919 % 1009, false, 1, 0
    FROM tracking_run, generate_series(0, 9) n"""
LATEST = POINTS.replace("tracking_metric", "tracking_latestmetric")
PARAMS = """INSERT INTO tracking_param (run_id, key, value)
    SELECT id, 'k' || n, 'value-' || id * 31 % 101
    FROM tracking_run, generate_series(0, 9) n"""
TAGS = PARAMS.replace("tracking_param", "tracking_tag").replace("9)", "4)")
# A quarter of the data have one name; all runs use theirs at once, which scatters the
# rows of a run.
DATASETS = """INSERT INTO tracking_dataset (workspace_id, name, digest, source_type,
        source, schema, profile, created_at)
    SELECT workspace_id, CASE WHEN n % 4 = 0 THEN 'dataset' ELSE 'data-' || n % 5000 END,
        left(md5(n::text), 8), 'local', '{}', '', repeat('x', 100), now()
    FROM (SELECT DISTINCT workspace_id FROM tracking_experiment) e,
        generate_series(1, 20000) n"""
INPUTS = """INSERT INTO tracking_datasetinput (run_id, dataset_id, tags)
    SELECT r.id, d.id, json_build_object('mlflow.data.context',
        CASE WHEN n % 5 = 0 THEN 'test' ELSE 'training' END)
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM tracking_run) r
    CROSS JOIN generate_series(0, 9) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM tracking_dataset) d
        ON d.place = (r.place * 10 + n) % 20000 + 1
    ORDER BY n, r.place"""
MODELS = """INSERT INTO tracking_loggedmodel (model_id, experiment_id, source_run_id, name,
        model_type, status, lifecycle_stage, created_by_id, created_at, updated_at)
    SELECT 'm-' || run_id, experiment_id, id, 'model-' || id, 'linear', 'READY',
        'active', created_by_id, started_at, started_at
    FROM tracking_run"""
MODEL_POINTS = """INSERT INTO tracking_loggedmodelmetric (logged_model_id, run_id, key,
        value, is_nan, timestamp_ms, step, dataset_name, dataset_digest)
    SELECT id, source_run_id, 'm' || n, id * 7919 % 1009, false, 1, 0,
        'data-' || n, left(md5(n::text), 8)
    FROM tracking_loggedmodel, generate_series(0, 9) n"""
MODEL_PARAMS = """INSERT INTO tracking_loggedmodelparam (logged_model_id, key, value)
    SELECT id, 'k' || n, 'value-' || id * 31 % 101
    FROM tracking_loggedmodel, generate_series(0, 9) n"""
MODEL_TAGS = MODEL_PARAMS.replace("modelparam", "modeltag").replace("9)", "4)")
TABLES = (
    "run",
    "metric",
    "latestmetric",
    "param",
    "tag",
    "dataset",
    "datasetinput",
    "loggedmodel",
    "loggedmodelmetric",
    "loggedmodelparam",
    "loggedmodeltag",
)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def experiment(workspace, cast):
    """One of many experiments, each with runs of ten metrics, ten params, five tags."""
    experiments = [
        factories.experiment(workspace, cast.alice, f"experiment {number}")
        for number in range(EXPERIMENTS)
    ]
    Run.objects.bulk_create(
        Run(
            experiment=experiments[number % EXPERIMENTS],
            name=f"run-{number}",
            started_at=START + timedelta(seconds=number),
            created_by=cast.alice,
        )
        for number in range(EXPERIMENTS * RUNS_OF_EACH)
    )
    with connection.cursor() as cursor:
        for statement in (POINTS, LATEST, PARAMS, TAGS, DATASETS, INPUTS):
            cursor.execute(statement)
        for statement in (MODELS, MODEL_POINTS, MODEL_PARAMS, MODEL_TAGS):
            cursor.execute(statement)
        for name in TABLES:
            cursor.execute(f"ANALYZE tracking_{name}")
    return experiments[0]


ASKED = [
    ("", []),
    ("", ["start_time ASC"]),
    ("", ["start_time DESC"]),
    ("", ["end_time DESC"]),
    ("", ["run_name"]),
    ("", ["run_name DESC"]),
    ("", ["status", "user_id"]),
    ("", ["metrics.m0"]),
    ("", ["metrics.m0 DESC", "metrics.m1"]),
    ("", ["params.k0"]),
    ("", ["tags.k0 DESC"]),
    ("metrics.m0 > 900", []),
    ("metrics.m0 = 5", []),
    ("metrics.m0 > 900", ["metrics.m0 DESC"]),
    ("metrics.m0 > 900 AND metrics.m0 != 950", ["metrics.m0 DESC"]),
    ("metrics.m0 > 900 AND params.k0 = 'value-5'", ["metrics.m0 DESC"]),
    ("metrics.m0 > 900 AND tags.k0 LIKE 'value-1%'", ["metrics.m0 DESC"]),
    ("params.k0 = 'value-5'", []),
    ("params.k0 != 'value-5'", []),
    ("params.k0 LIKE '%-5'", []),
    ("params.k0 IS NULL", []),
    ("tags.k0 = 'value-5'", []),
    ("tags.k0 LIKE 'value-1%'", []),
    ("tags.k0 ILIKE 'VALUE-1%'", []),
    ("run_name = 'run-100'", []),
    ("run_name LIKE 'run-1%'", []),
    ("run_name ILIKE '%1%'", ["run_name"]),
    ("run_id = 'x'", []),
    ("run_id IN ('x', 'y')", []),
    ("status = 'FAILED'", []),
    ("status != 'FAILED'", ["start_time"]),
    ("user_id = 'alice'", []),
    ("start_time > 1767225700000", []),
    ("end_time > 1767225700000", []),
    ("dataset.name = 'loans'", []),
    ("dataset.name = 'dataset'", []),
    ("dataset.name = 'data-7'", ["metrics.m0 DESC"]),
    ("dataset.name != 'data-7'", []),
    ("dataset.name IN ('data-7', 'dataset')", []),
    ("dataset.name NOT IN ('data-7', 'dataset')", []),
    ("dataset.name LIKE 'data-7%'", []),
    ("dataset.name LIKE '%7%'", ["start_time"]),
    ("dataset.name ILIKE 'DATA-7%'", []),
    ("dataset.digest = 'c4ca4238'", []),
    ("dataset.digest != 'c4ca4238'", []),
    ("dataset.digest IN ('c4ca4238', 'x')", []),
    ("dataset.digest NOT IN ('c4ca4238', 'x')", []),
    ("dataset.digest LIKE 'c4%'", []),
    ("dataset.digest ILIKE 'C4%'", []),
    ("dataset.context = 'training'", []),
    ("dataset.context = 'eval'", []),
    ("dataset.context != 'training'", []),
    ("dataset.context IN ('test', 'eval')", []),
    ("dataset.context NOT IN ('test', 'eval')", []),
    ("dataset.context LIKE 't%'", []),
    ("dataset.context ILIKE 'T%'", []),
    ("dataset.name = 'dataset' AND dataset.context = 'test'", []),
    (" AND ".join(f"dataset.name = 'data-{n}'" for n in range(12)), []),
    (" AND ".join(f"params.k{n} = 'value-5'" for n in range(12)), []),
]


def test_whatever_a_leaderboard_asks_is_found_by_an_index(experiment):
    runs = Run.objects.filter(
        experiment__in=[experiment.pk], lifecycle_stage=Lifecycle.ACTIVE
    )
    plans = {}
    for filter_string, order_by in ASKED:
        found = search_runs(
            runs.select_related("created_by"),
            filter_string=filter_string,
            order_by=order_by,
        )
        plans[filter_string, *order_by] = plan_of(found.rows[:101])
        if found.first is not None:
            plans[filter_string, *order_by, "first"] = plan_of(found.first[:101])
    assert {asked: plan for asked, plan in plans.items() if reads_all(plan)} == {}


OF_DATA = OnDataset("data-1", "c4ca4238")
ASKED_OF_MODELS = [
    ("", [], []),
    ("", [OF_DATA], []),
    ("name = 'model-7'", [], []),
    ("name != 'model-7'", [], []),
    ("name LIKE 'model-1%'", [], []),
    ("name ILIKE 'MODEL-1%'", [], []),
    ("model_id IN ('x', 'y')", [], []),
    ("model_type = 'linear'", [], []),
    ("status = 'READY'", [], []),
    ("source_run_id = 'x'", [], []),
    ("source_run_id != 'x'", [], []),
    ("source_run_id IN ('x', 'y')", [], []),
    ("source_run_id LIKE 'a%'", [], []),
    ("creation_timestamp > 1767225700000", [], []),
    ("last_updated_timestamp > 1767225700000", [], []),
    ("metrics.m0 > 900", [], []),
    ("metrics.m0 != 5", [OF_DATA], []),
    ("metrics.m0 > 900 AND metrics.m1 < 100", [OF_DATA], []),
    ("params.k0 = 'value-5'", [], []),
    ("params.k0 != 'value-5'", [], []),
    ("params.k0 IN ('value-5', 'value-6')", [], []),
    ("params.k0 LIKE 'value-1%'", [], []),
    ("tags.k0 = 'value-5'", [], []),
    ("tags.k0 NOT IN ('value-5', 'value-6')", [], []),
    ("tags.k0 ILIKE 'VALUE-1%'", [], []),
    (" AND ".join(f"params.k{n} = 'value-5'" for n in range(12)), [], []),
    ("", [], [ModelOrder("name")]),
    ("", [], [ModelOrder("creation_timestamp", descending=True)]),
    ("", [], [ModelOrder("source_run_id", descending=True)]),
    ("", [], [ModelOrder("metrics.m0")]),
    ("", [], [ModelOrder("metrics.m1", descending=True, dataset=OF_DATA)]),
    ("metrics.m0 > 900", [], [ModelOrder("metrics.m0"), ModelOrder("metrics.m1")]),
]


def test_whatever_is_asked_of_logged_models_is_found_by_an_index(experiment):
    models = LoggedModel.objects.filter(experiment__in=[experiment.pk]).active()
    plans = {}
    for number, (filter_string, datasets, order_by) in enumerate(ASKED_OF_MODELS):
        found = search_logged_models(
            models,
            filter_string=filter_string,
            datasets=datasets,
            order_by=order_by,
        )
        plans[number, filter_string] = plan_of(found[:101])
    assert {asked: plan for asked, plan in plans.items() if reads_all(plan)} == {}


def test_datasets_of_an_experiment_are_found_by_an_index(experiment):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # All that its runs used is told, so it must lie together to be worth an index; so
        # it does, because a run names its data at one time.
        cursor.execute(
            "CLUSTER tracking_datasetinput USING tracking_a_run_names_a_dataset_once"
        )
        cursor.execute("ANALYZE tracking_datasetinput")
    plan = plan_of(uses_of([experiment.pk]).distinct()[:MOST_DATASETS])
    assert not reads_all(plan), plan


def test_best_run_is_found_without_a_look_at_the_others(experiment):
    runs = Run.objects.filter(experiment__in=[experiment.pk])
    for filter_string in ("", "metrics.m0 > 1"):
        found = search_runs(
            runs, filter_string=filter_string, order_by=["metrics.m0 DESC"]
        )
        first = found.first if found.first is not None else found.rows
        assert "tracking_latest_by_value" in plan_of(first[:1])


def test_start_of_a_value_is_found_by_the_index_of_values(experiment):
    runs = Run.objects.filter(experiment__in=[experiment.pk])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
    for filter_string, index in (
        ("params.k0 = 'value-5'", "tracking_params_by_value"),
        ("params.k0 LIKE 'value-1%'", "tracking_params_by_value"),
        ("tags.k0 LIKE 'value-1%'", "tracking_tags_by_value"),
    ):
        found = search_runs(runs, filter_string=filter_string, order_by=[])
        plan = plan_of(found.rows[:101])
        assert re.search(rf"{index}.*\n.*Index Cond: .*key.*left", plan), plan


def test_points_of_a_metric_are_found_by_an_index_and_in_its_order(experiment):
    run = experiment.runs.first()
    plan = plan_of(points_in_time_order(run, "m0")[:100])
    assert not reads_all(plan)
    assert "Sort" not in plan


def plan_of(rows: QuerySet[Any]) -> str:
    return rows.explain()


def reads_all(plan: str) -> bool:
    return bool(re.search(rf"Seq Scan on tracking_({'|'.join(TABLES)})\b", plan))
