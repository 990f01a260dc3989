"""Two clients of MLflow's API want the same at the same moment, each on its own connection."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from audit.models import Event
from tests import factories
from tests.tracking.conftest import Mlflow
from tests.tracking.refusals import Answer, invalid
from tracking.models import Experiment, Metric, Param, Run, Workspace
from tracking.services.sealing import verify_run

ROUNDS = 5


@pytest.fixture
def alice(real_commits) -> Mlflow:
    token = factories.token(User.objects.get(username="alice"))
    return Mlflow(Client(headers={"Authorization": f"Bearer {token}"}))


@pytest.fixture
def run(real_commits) -> Run:
    workspace = Workspace.objects.get(name="default")
    return factories.run(workspace, User.objects.get(username="alice"))


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    """Return the answers to calls that all begin together."""
    start = threading.Barrier(len(calls))

    def answer_to(call: Callable[[], Answer]) -> Answer:
        try:
            start.wait(timeout=30)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(answer_to, calls))


def codes(answers: list[Answer]) -> list[Any]:
    return sorted((status, answer.get("code", "")) for status, answer in answers)


def kinds(subject: str) -> list[str]:
    return list(
        Event.objects.filter(subject=subject)
        .order_by("id")
        .values_list("kind", flat=True)
    )


def test_experiment_of_one_name_is_created_once(alice):
    for number in range(ROUNDS):
        name = f"wanted {number}"
        answers = at_once(
            *[lambda name=name: alice.post("experiments/create", name=name)] * 4
        )
        assert codes(answers) == [(200, "")] + [(400, "experiment_exists")] * 3
        refused = [answer for status, answer in answers if status != 200]
        assert {one["error_code"] for one in refused} == {"RESOURCE_ALREADY_EXISTS"}
        (made,) = Experiment.objects.filter(name=name)
        assert kinds(made.subject) == ["tracking.experiment.created"]


def test_experiments_are_not_renamed_to_one_name(alice):
    ids = [alice.post("experiments/create", name=name)[1] for name in ("a", "b")]
    answers = at_once(
        *(
            lambda one=one: alice.post("experiments/update", **one, new_name="wanted")
            for one in ids
        )
    )
    assert codes(answers) == [(200, ""), (400, "experiment_exists")]


def test_param_keeps_the_value_that_came_first(alice, run):
    for number in range(ROUNDS):
        values = [f"{letter}{number}" for letter in "abcd"]
        answers = at_once(
            *(
                lambda value=value, key=f"p{number}": alice.post(
                    "runs/log-parameter", run_id=run.run_id, key=key, value=value
                )
                for value in values
            )
        )
        stored = Param.objects.get(key=f"p{number}").value
        for value, answer in zip(values, answers, strict=True):
            assert answer == (
                (200, {})
                if value == stored
                else invalid(
                    "param_is_immutable",
                    f"The param 'p{number}' of run {run.run_id} is {stored!r} and cannot "
                    f"become {value!r}. Log a new run for other params.",
                )
            )
    assert kinds(run.subject).count("tracking.run.logged") == ROUNDS


def test_run_that_two_end_is_sealed_as_it_is(alice, run):
    answers = at_once(
        *(
            lambda status=status: alice.post(
                "runs/update", run_id=run.run_id, status=status
            )
            for status in ("FINISHED", "KILLED", "FAILED")
        )
    )
    assert codes(answers) == [(200, "")] * 3
    assert kinds(run.subject)[1:] == ["tracking.run.updated", "tracking.run.sealed"] * 3
    run.refresh_from_db()
    assert verify_run(run).is_intact


def test_points_of_several_clients_are_all_kept(alice, run):
    def batch(first: int) -> Answer:
        points = [
            {"key": "loss", "value": step, "timestamp": 1, "step": step}
            for step in range(first, first + 100)
        ]
        answer: Answer = alice.post("runs/log-batch", run_id=run.run_id, metrics=points)
        return answer

    answers = at_once(
        *(lambda first=first: batch(first) for first in (0, 50, 100, 150))
    )
    assert codes(answers) == [(200, "")] * 4
    assert Metric.objects.count() == 250
    (latest,) = alice.run(run.run_id)["data"]["metrics"]
    assert latest["step"] == 249


def test_default_experiment_is_made_once(alice):
    answers = at_once(*[lambda: alice.post("runs/create", experiment_id="0")] * 4)
    assert codes(answers) == [(200, "")] * 4
    assert Experiment.objects.filter(name="Default").count() == 1
