"""Groups, sweeps, runs and steps: what stands below what, and what it adds up to."""

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from guardian.shortcuts import assign_perm

from audit.services import system_account
from tests import factories
from tracking import hierarchy
from tracking.hierarchy import DEEPEST, Kind, hierarchy_of, kind_of, nested_in
from tracking.models import Run, Tag, Workspace
from tracking.models.run import RunStatus
from tracking.permissions import Role
from tracking.services.experiments import create_experiment
from tracking.services.logging import Point, log_batch, remove_tag
from tracking.services.runs import archive_run, create_run, update_run
from tracking.services.workspaces import create_workspace

START = datetime(2026, 1, 1, tzinfo=UTC)


def problem(response):
    return response.status_code, response.json()["code"]


@dataclass
class Family:
    """Makes runs that say where they stand."""

    workspace: Workspace
    actor: Any
    experiment: str = "credit"
    runs: dict[str, Run] = field(default_factory=dict)

    def run(self, name: str, *, under: str | None = None, **options: Any) -> Run:
        parent = self.runs[under].run_id if under in self.runs else under
        tags = {
            "mlflow.parentRunId": parent,
            "attestry.kind": options.get("kind"),
            "attestry.component": options.get("component"),
        }
        start = START + timedelta(seconds=options.get("starts", len(self.runs)))
        made = create_run(
            factories.experiment(self.workspace, self.actor, self.experiment),
            name=name,
            started_at=start,
            tags={key: value for key, value in tags.items() if value is not None},
            actor=self.actor,
        )
        if "lasts" in options:
            update_run(
                made,
                status=options.get("status", RunStatus.FINISHED),
                ended_at=start + timedelta(seconds=options["lasts"]),
                name=None,
                actor=self.actor,
            )
        self.log(made, options.get("metrics", {}))
        self.runs[name] = made
        return made

    def log(self, run: Run, metrics: dict[str, float]) -> None:
        points = [Point(key, value, 1, 0) for key, value in metrics.items()]
        if points:
            log_batch(run, metrics=points, actor=self.actor)

    def move(self, name: str, *, under: str) -> None:
        tag = ("mlflow.parentRunId", self.runs[under].run_id)
        log_batch(self.runs[name], tags=[tag], actor=self.actor)


@pytest.fixture
def family(workspace, cast):
    return Family(workspace, cast.alice)


@pytest.fixture
def carol(as_token, cast):
    return as_token(cast.carol)


def of_run(client, run: Run, **query):
    response = client.get(f"/api/v1/runs/{run.run_id}/hierarchy/", query)
    assert response.status_code == 200
    return response.json()


def of_experiment(client, run: Run, **query):
    path = f"/api/v1/experiments/{run.experiment_id}/hierarchy/"
    response = client.get(path, query)
    assert response.status_code == 200
    return response.json()


def named(rolled_up):
    return [(each["run"]["name"], each["run"]["kind"]) for each in rolled_up]


# Kinds


@pytest.mark.parametrize(
    ("said", "parent", "has_children", "kind"),
    [
        (None, None, False, Kind.RUN),
        (None, None, True, Kind.GROUP),
        (None, Kind.GROUP, False, Kind.RUN),
        (None, Kind.GROUP, True, Kind.RUN),
        (None, Kind.SWEEP, True, Kind.RUN),
        (None, Kind.RUN, False, Kind.STEP),
        (None, Kind.RUN, True, Kind.STEP),
        (None, Kind.STEP, False, Kind.STEP),
        ("run", None, True, Kind.RUN),
        ("sweep", None, False, Kind.SWEEP),
        ("sweep", Kind.RUN, False, Kind.SWEEP),
        ("step", None, False, Kind.STEP),
        ("group", Kind.STEP, False, Kind.GROUP),
        ("Sweep", None, True, Kind.GROUP),
        ("", Kind.RUN, False, Kind.STEP),
        ("boss", Kind.GROUP, False, Kind.RUN),
    ],
)
def test_kind_is_what_the_tag_says_else_what_the_place_says(
    said, parent, has_children, kind
):
    assert kind_of(said, parent, has_children=has_children) == kind


# One run


def test_hierarchy_of_a_run_in_the_middle(family, carol):
    family.run("sweep", kind="sweep", starts=0)
    middle = family.run("try", under="sweep", starts=10)
    family.run("prepare", under="try", component="processing", starts=20, lasts=5)
    family.run("train", under="try", component="training", starts=25, lasts=60)
    family.run("sibling", under="sweep")

    told = of_run(carol, middle)

    assert [(a["name"], a["kind"]) for a in told["ancestors"]] == [("sweep", "sweep")]
    assert told["node"] == {
        "run": {
            "run_id": middle.run_id,
            "name": "try",
            "status": "RUNNING",
            "kind": "run",
            "component": None,
            "experiment_id": middle.experiment_id,
            "started_at": "2026-01-01T00:00:10Z",
            "ended_at": None,
        },
        "descendants": 2,
        "by_status": {"FINISHED": 2},
        "by_kind": {"step": 2},
        "first_start": "2026-01-01T00:00:10Z",
        "last_end": "2026-01-01T00:01:25Z",
        "leaf_seconds": 65.0,
        "metrics": [],
    }
    children = told["children"]
    assert [
        (c["run"]["name"], c["run"]["kind"], c["run"]["component"], c["leaf_seconds"])
        for c in children["results"]
    ] == [("prepare", "step", "processing", 5.0), ("train", "step", "training", 60.0)]
    assert (children["count"], children["next"]) == (2, None)
    assert (told["depth_limit"], told["is_cut"], told["is_circular"]) == (
        DEEPEST,
        False,
        False,
    )


def test_whole_tree_is_counted_by_status_and_kind(family, carol):
    top = family.run("group", starts=0)
    for number, status in enumerate(
        (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)
    ):
        family.run(f"run {number}", under="group", starts=5, lasts=10, status=status)
    family.run("step", under="run 0", starts=7, lasts=100)
    family.run("still running", under="group")

    node = of_run(carol, top)["node"]

    assert node["run"]["kind"] == "group"
    assert (node["descendants"], node["by_status"], node["by_kind"]) == (
        5,
        {"FINISHED": 2, "FAILED": 1, "KILLED": 1, "RUNNING": 1},
        {"run": 4, "step": 1},
    )
    # The first run is no leaf: its step is.
    assert (node["leaf_seconds"], node["last_end"]) == (120.0, "2026-01-01T00:01:47Z")


def test_run_that_ends_before_it_starts_took_no_time(family, carol):
    run = family.run("odd", lasts=-50)

    assert of_run(carol, run)["node"]["leaf_seconds"] == 0.0


def test_metrics_of_direct_children_are_rolled_up(family, carol):
    top = family.run("sweep", kind="sweep", metrics={"auc": 99.0})
    low = family.run("low", under="sweep", metrics={"auc": 0.5, "loss": 2.0})
    family.run("nan", under="sweep", metrics={"auc": float("nan")})
    high = family.run("high", under="sweep", metrics={"auc": 0.75})
    family.run("grandchild", under="high", metrics={"auc": 1000.0})

    metrics = of_run(carol, top)["node"]["metrics"]

    assert metrics == [
        {
            "key": "auc",
            "count": 2,
            "min": 0.5,
            "max": 0.75,
            "mean": 0.625,
            "min_run_id": low.run_id,
            "max_run_id": high.run_id,
        },
        {
            "key": "loss",
            "count": 1,
            "min": 2.0,
            "max": 2.0,
            "mean": 2.0,
            "min_run_id": low.run_id,
            "max_run_id": low.run_id,
        },
    ]


def test_latest_value_of_a_metric_counts(family, carol):
    top = family.run("group")
    child = family.run("child", under="group")
    log_batch(
        child,
        metrics=[Point("auc", 0.9, 1, step=1), Point("auc", 0.8, 2, step=2)],
        actor=family.actor,
    )

    (metric,) = of_run(carol, top)["node"]["metrics"]

    assert (metric["count"], metric["max"]) == (1, 0.8)


def test_first_of_equals_is_the_best(family, carol):
    top = family.run("group")
    first = family.run("first", under="group", metrics={"auc": 0.5})
    family.run("second", under="group", metrics={"auc": 0.5})

    (metric,) = of_run(carol, top)["node"]["metrics"]

    assert metric["min_run_id"] == metric["max_run_id"] == first.run_id


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((1.7e308, 1.7e308), (1.7e308, 1.7e308, 1.7e308)),
        ((1e200, -1e200), (-1e200, 1e200, 0.0)),
        ((float("inf"), 1.0), (1.0, "Infinity", "Infinity")),
        ((float("-inf"), float("inf")), ("-Infinity", "Infinity", "NaN")),
        ((0.1, 0.2, 0.3), (0.1, 0.3, 0.2)),
    ],
)
def test_metrics_beyond_all_bounds_are_printed(family, carol, values, told):
    top = family.run("group")
    for number, value in enumerate(values):
        family.run(str(number), under="group", metrics={"auc": value})

    (metric,) = of_run(carol, top)["node"]["metrics"]

    assert (metric["min"], metric["max"]) == told[:2]
    assert metric["mean"] == (
        told[2] if isinstance(told[2], str) else pytest.approx(told[2])
    )


def test_children_come_by_pages_and_the_node_counts_all(family, carol):
    top = family.run("group")
    for number in range(5):
        family.run(str(number), under="group", metrics={"auc": number})

    told = of_run(carol, top, limit=2, offset=2)

    assert [each["run"]["name"] for each in told["children"]["results"]] == ["2", "3"]
    assert told["children"]["count"] == told["node"]["descendants"] == 5
    assert told["node"]["metrics"][0]["count"] == 5
    assert "offset=4" in told["children"]["next"]


def test_run_in_itself_ends(family, carol):
    run = family.run("alone")
    family.move("alone", under="alone")

    told = of_run(carol, run)

    assert (told["ancestors"], told["children"]["results"]) == ([], [])
    assert told["is_circular"]


def test_runs_in_a_circle_end(family, carol):
    for name in ("one", "two", "three"):
        family.run(name)
    for child, parent in (("one", "two"), ("two", "three"), ("three", "one")):
        family.move(child, under=parent)

    told = of_run(carol, family.runs["one"])

    assert [a["name"] for a in told["ancestors"]] == ["three", "two"]
    assert told["node"]["descendants"] == 2
    assert [name for name, _ in named(told["children"]["results"])] == ["three"]
    assert (told["is_circular"], told["is_cut"]) == (True, False)
    assert of_experiment(carol, family.runs["one"])["results"] == []


def test_run_above_a_circle_never_is_but_one_below_says_so(family, carol):
    for name in ("one", "two"):
        family.run(name)
    family.move("one", under="two")
    family.move("two", under="one")
    below = family.run("below", under="one")

    told = of_run(carol, below)

    assert [a["name"] for a in told["ancestors"]] == ["two", "one"]
    assert told["is_circular"]


def test_depth_ends_where_it_says(family, carol):
    family.run("0")
    for level in range(1, DEEPEST + 2):
        family.run(str(level), under=str(level - 1))

    from_top = of_run(carol, family.runs["0"])
    from_second = of_run(carol, family.runs["1"])
    from_bottom = of_run(carol, family.runs[str(DEEPEST + 1)])

    assert (from_top["node"]["descendants"], from_top["is_cut"]) == (DEEPEST, True)
    assert (from_second["node"]["descendants"], from_second["is_cut"]) == (
        DEEPEST,
        False,
    )
    assert (len(from_bottom["ancestors"]), from_bottom["is_cut"]) == (DEEPEST, True)


def test_too_many_runs_are_cut(family, carol, monkeypatch):
    monkeypatch.setattr(hierarchy, "MOST_RUNS", 3)
    top = family.run("group")
    for number in range(3):
        family.run(str(number), under="group")

    told = of_run(carol, top)

    assert (told["node"]["descendants"], told["is_cut"]) == (2, True)


@pytest.mark.parametrize(
    "claim", ["", "nobody", "x" * 8000, "日本", "' OR 1=1 --", "0" * 32]
)
def test_parent_that_is_no_run_is_none(family, carol, claim):
    run = family.run("orphan", under=claim)

    told = of_run(carol, run)

    assert (told["ancestors"], told["node"]["run"]["kind"]) == ([], "run")
    assert named(of_experiment(carol, run)["results"]) == [("orphan", "run")]


def test_claim_that_only_starts_like_a_run_id_does_not_count(family, carol):
    top = family.run("top")
    family.run("orphan", under=top.run_id + "0" * 8)

    assert of_run(carol, top)["children"]["results"] == []


def test_archived_child_is_left_out_with_what_is_below(family, carol, cast):
    top = family.run("group")
    gone = family.run("gone", under="group")
    family.run("below", under="gone")
    archive_run(gone, actor=cast.alice)

    assert of_run(carol, top)["node"]["descendants"] == 0


def test_child_that_is_taken_out_leaves(family, carol, cast):
    top = family.run("group")
    child = family.run("child", under="group")
    remove_tag(child, key="mlflow.parentRunId", actor=cast.alice)

    assert of_run(carol, top)["node"]["descendants"] == 0


def test_run_of_another_workspace_claims_in_vain(family, carol):
    top = family.run("group")
    other = create_workspace("other", actor=system_account())
    nina = factories.person("nina", other, Role.DEVELOPER)
    Family(other, nina, runs={"group": top}).run("intruder", under="group")

    assert of_run(carol, top)["node"]["descendants"] == 0


def test_run_that_one_may_not_see_is_not_counted(family, cast, as_token, workspace):
    top = family.run("group", metrics={"auc": 1.0})
    hidden = Family(workspace, cast.alice, "hidden", {"group": top})
    secret = hidden.run("secret", under="group", metrics={"auc": 2.0})
    below_secret = family.run("below", under=secret.run_id)
    outsider = factories.person("nina", workspace, None)
    grant(outsider, top)

    told = of_run(as_token(outsider), top)
    seen = of_run(as_token(cast.carol), top)

    assert (told["node"]["descendants"], told["node"]["metrics"]) == (0, [])
    assert seen["node"]["descendants"] == 2
    assert of_run(as_token(outsider), below_secret)["ancestors"] == []


def grant(user, run):
    """Let somebody see one experiment and no other, as an administrator may."""
    assign_perm("tracking.view_experiment", user, run.experiment)
    assign_perm("tracking.view_workspace", user, run.experiment.workspace)


def test_unknown_run_is_not_found(carol, family, as_token, cast):
    run = family.run("alone")

    assert problem(carol.get(f"/api/v1/runs/{'0' * 32}/hierarchy/")) == (
        404,
        "run_unknown",
    )
    create_workspace("other", actor=system_account())
    for path in (
        f"/w/other/api/v1/runs/{run.run_id}/hierarchy/",
        f"/w/other/api/v1/experiments/{run.experiment_id}/hierarchy/",
    ):
        assert problem(carol.get(path)) == (404, "workspace_unknown")
    mallory = as_token(cast.mallory)
    path = f"/api/v1/runs/{run.run_id}/hierarchy/"
    assert problem(mallory.get(path)) == (404, "workspace_unknown")
    for pk in ("4711", "9" * 30):
        path = f"/api/v1/experiments/{pk}/hierarchy/"
        assert problem(carol.get(path)) == (404, "experiment_unknown")


# An experiment


def test_experiment_lists_its_roots_newest_first_with_what_is_below(family, carol):
    family.run("old sweep", kind="sweep")
    family.run("first", under="old sweep", metrics={"auc": 0.5})
    family.run("single", lasts=4)
    family.run("new group")
    family.run("second", under="new group")
    family.run("step", under="second")

    told = of_experiment(carol, family.runs["single"])

    assert named(told["results"]) == [
        ("new group", "group"),
        ("single", "run"),
        ("old sweep", "sweep"),
    ]
    assert [each["descendants"] for each in told["results"]] == [2, 0, 1]
    assert [len(each["metrics"]) for each in told["results"]] == [0, 0, 1]
    assert (told["count"], told["next"], told["is_cut"]) == (3, None, False)
    assert told["depth_limit"] == DEEPEST


def test_run_under_one_of_another_experiment_is_a_root_of_its_own(
    family, carol, workspace, cast
):
    family.run("group", kind="run")
    other = Family(workspace, cast.alice, "other", dict(family.runs))
    child = other.run("child", under="group")

    assert named(of_experiment(carol, child)["results"]) == [("child", "step")]
    assert of_run(carol, family.runs["group"])["node"]["descendants"] == 1


def test_empty_experiment_has_no_roots(workspace, cast, carol):
    empty = create_experiment(workspace, name="empty", actor=cast.alice)

    response = carol.get(f"/api/v1/experiments/{empty.pk}/hierarchy/")

    assert (response.status_code, response.json()["results"]) == (200, [])
    assert response.json()["total"] == {
        "runs": 0,
        "by_status": {},
        "first_start": None,
        "last_end": None,
        "metrics": [],
    }


def test_experiment_adds_up_its_active_runs(family, carol, cast):
    family.run("sweep", lasts=50, metrics={"auc": 0.75, "loss": math.nan})
    family.run("trial", under="sweep", lasts=10, metrics={"auc": 0.99})
    family.run("failed", status=RunStatus.FAILED, lasts=5, metrics={"auc": math.inf})
    running = family.run("running")
    gone = family.run("gone", lasts=900, metrics={"auc": -1.0})
    archive_run(gone, actor=cast.alice)

    assert of_experiment(carol, running)["total"] == {
        "runs": 4,
        "by_status": {"FAILED": 1, "FINISHED": 2, "RUNNING": 1},
        "first_start": f"{START:%Y-%m-%dT%H:%M:%SZ}",
        "last_end": f"{START + timedelta(seconds=50):%Y-%m-%dT%H:%M:%SZ}",
        "metrics": [{"key": "auc", "count": 2, "min": 0.75, "max": "Infinity"}],
    }


# What it costs


def test_number_of_queries_depends_on_the_levels_only(
    family, cast, carol, django_assert_num_queries
):
    top = family.run("group")
    for number in range(3):
        family.run(f"run {number}", under="group", metrics={"auc": 1.0})
        for step in range(2):
            family.run(f"step {number} {step}", under=f"run {number}")
    hierarchy_of(top, user=cast.carol)
    of_run(carol, top)

    # The run itself, two levels below it, and that there is no third.
    with django_assert_num_queries(4):
        assert hierarchy_of(top, user=cast.carol).node.children
    with django_assert_num_queries(10):
        of_run(carol, top)
    with django_assert_num_queries(16):
        of_experiment(carol, top)


def test_children_are_found_by_an_index(family):
    labels = [(f"label {number}", "x") for number in range(3000)]
    Tag.objects.put(family.run("the group"), labels)
    if connection.vendor == "postgresql":  # it plans by what it knows of the table
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE tracking_tag")
            cursor.execute("SET LOCAL enable_seqscan = off")
    plan = nested_in(["0" * 32, "1" * 32]).explain()

    # PostgreSQL may as well take the index of all values by key.
    assert re.search("tracking_children_of_a_run|tracking_tags_by_value", plan)


# The admin


def test_page_of_a_run_leads_to_its_parent_and_its_children(family, cast):
    top = family.run("the group")
    child = family.run("the child", under="the group")
    browser = Client()
    browser.force_login(cast.bob)

    of_top, of_child = (
        browser.get(f"/admin/tracking/run/{run.pk}/change/").content.decode()
        for run in (top, child)
    )

    assert f'/admin/tracking/run/{child.pk}/change/">the child' in of_top
    assert f'/admin/tracking/run/{top.pk}/change/">the group' in of_child


def test_page_of_a_run_names_no_run_of_another_experiment(family, cast, workspace):
    hidden = Family(workspace, cast.alice, "hidden")
    top = hidden.run("the secret")
    family.runs["the secret"] = top
    child = family.run("<script>alert(1)</script>", under="the secret")
    browser = Client()
    browser.force_login(cast.bob)

    shown = browser.get(f"/admin/tracking/run/{child.pk}/change/").content.decode()

    assert f"<code>{top.run_id}</code>" in shown
    assert "the secret" not in shown
    assert "<script>alert" not in shown
