"""MLflow's API as its clients call it, and what the log says afterwards."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from audit.models import Event
from tests import factories
from tracking.models import Run
from tracking.services.logging import Point, log_batch
from tracking.services.runs import archive_run


@dataclass(frozen=True)
class Mlflow:
    """One account's way to the API; answers are `(status, JSON)`."""

    client: Client
    prefix: str = ""

    def post(self, path: str, **message: Any) -> tuple[int, Any]:
        return self.send(path, json.dumps(message).encode())

    def send(self, path: str, body: bytes) -> tuple[int, Any]:
        response = self.client.post(
            f"{self.prefix}/api/2.0/mlflow/{path}", body, "application/json"
        )
        return response.status_code, response.json()

    def get(self, path: str, **query: Any) -> tuple[int, Any]:
        response = self.client.get(f"{self.prefix}/api/2.0/mlflow/{path}", query)
        return response.status_code, response.json()

    def run(self, run_id: str) -> Any:
        status, answer = self.get("runs/get", run_id=run_id)
        assert status == 200
        return answer["run"]

    def below(self, workspace: str) -> "Mlflow":
        return Mlflow(self.client, f"/w/{workspace}")


@pytest.fixture
def mlflow_as(as_token):
    """Return a function that makes the API of somebody."""
    return lambda user: Mlflow(as_token(user))


@pytest.fixture
def alice(mlflow_as, cast):
    return mlflow_as(cast.alice)


@pytest.fixture
def run(workspace, cast):
    return factories.run(workspace, cast.alice)


@pytest.fixture
def runs(workspace, cast):
    """Five runs `r0` to `r4`, of which r3 has a NaN, r4 is archived, r0 has ended."""
    made = []
    for number in range(5):
        run = factories.run(workspace, cast.alice, f"r{number}")
        Run.objects.filter(pk=run.pk).update(
            started_at=f"2026-01-01T00:00:0{number // 2}Z"
        )
        auc = float("nan") if number == 3 else number / 10
        only = [Point("only", number, 1, 0)] if number % 2 else []
        odd = [("odd.k/ey-1", "x")] if number == 2 else []
        log_batch(
            run,
            metrics=[Point("auc", auc, 5, 1), *only],
            params=[("alpha", str(number)), *odd],
            tags=[("team", f"V{number}_%")],
            actor=cast.alice,
        )
        made.append(run)
    log_batch(made[1], tags=[("team", "credit")], actor=cast.alice)
    factories.use_dataset(made[1], cast.alice)
    factories.end(made[0], cast.alice)
    archive_run(made[4], actor=cast.alice)
    return made


@pytest.fixture
def log(cast):
    """Return a function that tells what was recorded since it last told."""
    seen = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0

    def news() -> list[tuple[str, str, dict[str, Any]]]:
        nonlocal seen
        events = list(Event.objects.filter(id__gt=seen).order_by("id"))
        seen = events[-1].pk if events else seen
        return [
            (e.kind, e.subject, json.loads(bytes(e.body))["payload"]) for e in events
        ]

    return news
