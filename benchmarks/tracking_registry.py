"""The registry as MLflow's clients use it, and `log_model`: rows of `bench-tracking`."""

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from benchmarks.side_by_side import Client, Once, Row, Side
from benchmarks.two_servers import MLFLOW

MODELS = 100
MODEL = "benchmark-0"
RUNS_A_TURN = 500
# Runs in MLflow's own environment and does it once for each line that it is sent.
REAL_CLIENT = """
import sys
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

model = LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))
mlflow.set_experiment("real client")
print("ready", flush=True)
for line in sys.stdin:
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            model,
            name="model",
            registered_model_name="real-client",
            pip_requirements=["scikit-learn"],
        )
    print("done", flush=True)
"""


@cache
def _models(side: Side) -> Side:
    """Make models with a version each."""
    client = Client(side)
    for number in range(MODELS):
        client.post("registered-models/create", name=f"benchmark-{number}")
        _new_version(client, f"benchmark-{number}", _run_with_a_file(client))
    return side


def _run_with_a_file(client: Client) -> str:
    """Make what is registered; equal content would be the same version here."""
    run_id = client.new_run()
    inner = f"{client.side.experiment_id}/{run_id}/artifacts/model.bin"
    path = f"/api/2.0/mlflow-artifacts/artifacts/{inner}"
    client.send("PUT", path, run_id.encode())
    return run_id


def _new_version(client: Client, name: str, run_id: str) -> Any:
    source = f"runs:/{run_id}/model.bin"
    return client.post("model-versions/create", name=name, source=source, run_id=run_id)


@dataclass(frozen=True)
class Registry:
    """A side with its models, and numbers for names that are taken once."""

    side: Side
    numbers: "Numbers"


@cache
def _registry(side: Side) -> Registry:
    return Registry(_models(side), Numbers())


def _create_model(client: Client, registry: Registry) -> Once:
    def once(_: int) -> None:
        client.post("registered-models/create", name=f"new-{registry.numbers.next()}")

    return once


def _create_version(client: Client, _: Registry) -> Once:
    """Register runs that were made before the turn begins, and new ones after those."""
    runs = [_run_with_a_file(client) for _ in range(RUNS_A_TURN)]

    def once(_: int) -> None:
        run_id = runs.pop() if runs else _run_with_a_file(client)
        _new_version(client, MODEL, run_id)

    return once


def _get(client: Client, _: Registry) -> Once:
    def once(number: int) -> None:
        name = f"benchmark-{number % MODELS}"
        client.call("GET", f"registered-models/get?name={name}")
        client.call("GET", f"model-versions/get?name={name}&version=1")

    return once


def _search(client: Client, _: Registry) -> Once:
    def once(number: int) -> None:
        name = f"benchmark-{number % MODELS}"
        asked = {"filter": f"name = '{name}'", "max_results": 100}
        client.call("GET", f"model-versions/search?{urlencode(asked)}")
        asked = {"filter": "name LIKE 'benchmark-%'", "max_results": 100}
        client.call("GET", f"registered-models/search?{urlencode(asked)}")

    return once


def _alias(client: Client, _: Registry) -> Once:
    def once(number: int) -> None:
        name = f"benchmark-{number % MODELS}"
        client.post("registered-models/alias", name=name, alias="best", version="1")
        client.call("GET", f"registered-models/alias?name={name}&alias=best")

    return once


def _all_of_it(client: Client, registry: Registry) -> Once:
    """Create a model and a version, get, search and alias: each of the parts once."""
    parts = [
        part(client, registry)
        for part in (_create_model, _create_version, _get, _search, _alias)
    ]

    def once(number: int) -> None:
        for part in parts:
            part(number)

    return once


def _log_model(_: Client, process: "subprocess.Popen[str]") -> Once:
    return lambda _: _ask(process, "again\n", "done")


@cache
def _real_client(side: Side) -> "subprocess.Popen[str]":
    """Start a program that ends with us, because its input then does."""
    process = subprocess.Popen(
        [str(MLFLOW / "python"), "-c", REAL_CLIENT],
        env={**os.environ, **side.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _ask(process, "", "ready")
    return process


def _ask(process: "subprocess.Popen[str]", line: str, expected: str) -> None:
    """Send a line, and read what the client prints until it says what is expected."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the client has no pipes")
    process.stdin.write(line)
    process.stdin.flush()
    while (said := process.stdout.readline()).strip() != expected:
        if not said:
            raise RuntimeError("the real client has ended, see above")


class Numbers:
    """Counts on through all turns, for names that are taken once."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last += 1
        return self._last


ROWS = (
    Row(
        "model and version: create, get, search, alias",
        _all_of_it,
        bar=3,
        prepare=_registry,
    ),
    Row("registered model, create", _create_model, bar=3, prepare=_registry),
    Row("model version, create", _create_version, bar=3, prepare=_registry),
    Row("registered model and version, get", _get, bar=3, prepare=_registry),
    Row("registered models and versions, search", _search, bar=3, prepare=_registry),
    Row("alias, set and get", _alias, bar=3, prepare=_registry),
    Row(
        "log_model and register, real client, scikit-learn",
        _log_model,
        bar=2,
        prepare=_real_client,
    ),
)
