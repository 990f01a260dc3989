"""The short way to log refuses what the long way refuses, and leaves what it leaves."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, connections, transaction
from django.utils import timezone
from guardian.shortcuts import assign_perm

from audit.models import Event
from audit.services import system_account
from tests import factories
from tracking.models import LatestMetric, Metric, Run, Tag, Workspace
from tracking.models.run import RunStatus
from tracking.permissions import may_log_in
from tracking.services.logging import Point, log_at_once, log_batch
from tracking.services.runs import archive_run, freeze, update_run
from tracking.services.workspaces import create_workspace

pytestmark = pytest.mark.skipif(  # SQLite changes nothing within WITH
    connection.vendor != "postgresql",
    reason="only PostgreSQL changes and records in one statement",
)
POINTS = [
    Point("loss", 0.25, timestamp_ms=5, step=1),
    Point("loss", float("nan"), timestamp_ms=6, step=2),
    Point("gain", float("-inf"), timestamp_ms=1, step=-3),
    Point("loss", 0.25, timestamp_ms=5, step=1),
]
TAGS = [("team", "credit"), ("team", "fraud"), ("stage", "é")]


def logged(run: Run, actor: User, **content) -> bool:
    content = content or {"metrics": POINTS, "tags": TAGS}
    workspace = run.experiment.workspace
    return log_at_once(run.run_id, workspace=workspace, actor=actor, **content)


def content_of(run: Run):
    points = [
        sorted(
            model.objects.filter(run=run).values_list(
                "key", "value", "is_nan", "timestamp_ms", "step"
            )
        )
        for model in (Metric, LatestMetric)
    ]
    tags = Tag.objects.filter(run=run).exclude(key="mlflow.runName")
    return [*points, sorted(tags.values_list("key", "value"))]


def entries_of(run: Run):
    events = Event.objects.filter(subject=run.subject, kind="tracking.run.logged")
    return [
        (event.actor, json.loads(bytes(event.body))["payload"])
        for event in events.order_by("id")
    ]


@pytest.mark.django_db
def test_statement_is_short_enough_for_psycopg_to_remember(workspace, cast):
    run, lengths = factories.run(workspace, cast.alice), []

    def measure(execute, sql, *others):
        lengths.append(len(sql))
        return execute(sql, *others)

    with connection.execute_wrapper(measure):
        assert logged(run, cast.alice)
    assert len(lengths) == 1
    assert lengths[0] <= 4096


@pytest.mark.django_db
def test_both_ways_leave_the_same_rows_and_the_same_entry(workspace, cast):
    short, long = (factories.run(workspace, cast.alice) for _ in range(2))
    for number in range(2):
        points = [*POINTS, Point("more", number, timestamp_ms=number, step=number)]
        assert logged(short, cast.alice, metrics=points, tags=TAGS)
        log_batch(long, metrics=points, tags=TAGS, actor=cast.alice)
    assert content_of(short) == content_of(long)
    assert len(content_of(short)[0]) == 5
    assert entries_of(short) == entries_of(long)
    assert len(entries_of(short)) == 2


@pytest.mark.django_db
def test_points_or_tags_alone_are_logged_alone(workspace, cast):
    run = factories.run(workspace, cast.alice)
    assert logged(run, cast.alice, metrics=POINTS[:1])
    assert content_of(run)[2] == []
    assert logged(run, cast.alice, tags=TAGS)
    assert content_of(run)[2] == [("stage", "é"), ("team", "fraud")]
    counted = [(said["metrics"], said["tags"]) for _, said in entries_of(run)]
    assert counted == [(1, 0), (0, 3)]


@pytest.mark.django_db
def test_the_event_waits_for_its_place_in_the_log(workspace, cast):
    run = factories.run(workspace, cast.alice)
    assert logged(run, cast.alice)
    event = Event.objects.get(subject=run.subject, kind="tracking.run.logged")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM audit_pending WHERE event_id = %s", [event.pk])
        assert cursor.fetchall() == [(1,)]


@pytest.mark.django_db
def test_whoever_may_log_the_long_way_may_log_the_short_way_and_nobody_else(
    workspace, cast
):
    run = factories.run(workspace, cast.alice)
    seen = Permission.objects.filter(codename__in=["view_workspace", "view_experiment"])
    people = {
        name: factories.person(name, workspace, None)
        for name in ("sees all", "grouped", "writes unseen", "guest", "nobody")
    }
    people["root"] = factories.person("root", workspace, None, is_superuser=True)
    people["gone"] = factories.person("gone", workspace, None)
    people["sees all"].user_permissions.set(seen)
    people["grouped"].groups.add(group := Group.objects.create(name="readers"))
    group.permissions.set(seen)
    assign_perm("log_run", group, run.experiment)
    for name in ("guest", "writes unseen"):
        assign_perm("log_run", people[name], run.experiment)
    assign_perm("view_experiment", people["guest"], run.experiment)
    people["gone"].groups.set(cast.alice.groups.all())
    people["gone"].is_active = False
    people["gone"].save()
    allowed = set()
    for user in [*vars(cast).values(), *people.values()]:
        fresh = User.objects.get(pk=user.pk)
        may = (
            fresh.is_active
            and may_log_in(fresh, run.experiment)
            and Run.objects.visible_to(fresh).filter(pk=run.pk).exists()
        )
        before = len(entries_of(run))
        assert logged(run, fresh) == may, fresh
        assert len(entries_of(run)) == before + may
        allowed |= {fresh.username} if may else set()
    assert {"alice", "grouped", "guest"} <= allowed
    assert not allowed & {"root", "gone", "sees all", "writes unseen", "nobody"}


@pytest.mark.django_db
def test_a_run_of_another_workspace_is_not_there(workspace, cast):
    other = create_workspace("other", actor=system_account())
    run = factories.run(workspace, cast.alice)
    assert not log_at_once(
        run.run_id, workspace=other, metrics=POINTS, actor=cast.alice
    )
    assert not log_at_once(
        "0" * 32, workspace=workspace, metrics=POINTS, actor=cast.alice
    )
    assert content_of(run) == [[], [], []]
    assert not Event.objects.filter(kind="tracking.run.logged").exists()


@pytest.mark.django_db
def test_archived_and_frozen_runs_stay_as_they_are(workspace, cast):
    archived, frozen = (factories.run(workspace, cast.alice) for _ in range(2))
    archive_run(archived, actor=cast.alice)
    update_run(
        frozen, status=RunStatus.FINISHED, ended_at=None, name=None, actor=cast.alice
    )
    freeze(frozen, actor=cast.alice)
    for run in (archived, frozen):
        assert not logged(run, cast.alice)
        assert content_of(run) == [[], [], []]
        assert entries_of(run) == []


@pytest.mark.django_db
def test_what_takes_more_than_one_statement_is_left_to_the_long_way(workspace, cast):
    run = factories.run(workspace, cast.alice)
    of_a_model = Point("loss", 1.0, timestamp_ms=1, step=1, model_id="m-1")
    beyond: list[dict[str, Any]] = [
        {"metrics": [of_a_model]},
        {"tags": [("mlflow.runName", "new")]},
        {"metrics": [], "tags": []},
    ]
    for content in beyond:
        assert not logged(run, cast.alice, **content)
    assert entries_of(run) == []


def test_a_run_frozen_while_a_client_waits_takes_nothing_more(real_commits):
    alice = User.objects.get(username="alice")
    run = factories.run(Workspace.objects.get(name="default"), alice)
    update_run(run, status=RunStatus.FINISHED, ended_at=None, name=None, actor=alice)
    is_asked = threading.Event()

    def log_meanwhile() -> bool:
        try:
            is_asked.set()
            return logged(run, alice)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            freeze(run, actor=alice)
            answer = pool.submit(log_meanwhile)
            is_asked.wait(30)
            _wait_until_somebody_waits_for_a_lock()
        assert answer.result(30) is False
    assert content_of(run) == [[], [], []]
    assert entries_of(run) == []


def _wait_until_somebody_waits_for_a_lock() -> None:
    end = timezone.now() + timedelta(seconds=30)
    with connection.cursor() as cursor:
        while timezone.now() < end:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waited for the lock of the run")


def test_a_run_that_ends_while_a_client_waits_is_to_be_sealed_again(real_commits):
    alice = User.objects.get(username="alice")
    run = factories.run(Workspace.objects.get(name="default"), alice)
    is_asked = threading.Event()

    def log_meanwhile() -> bool:
        try:
            is_asked.set()
            return logged(run, alice)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            factories.end(run, alice)
            answer = pool.submit(log_meanwhile)
            is_asked.wait(30)
            _wait_until_somebody_waits_for_a_lock()
        assert answer.result(30) is True
    assert list(Run.objects.to_be_sealed_again()) == [run]
