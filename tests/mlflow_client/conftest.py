"""The client as somebody has it who sets two variables, and names of one's own."""

import uuid

import mlflow
import pytest

from tests.installation import Installation


@pytest.fixture(autouse=True)
def _tracking(installation: Installation, monkeypatch: pytest.MonkeyPatch):
    """Be the developer, as somebody is who sets two variables."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", installation.account("developer").token)
    monkeypatch.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    mlflow.set_tracking_uri(installation.url)
    yield
    while mlflow.active_run():
        mlflow.end_run()
    # The client remembers the experiment and the last run of a process.
    mlflow.tracking.fluent._active_experiment_id = None
    mlflow.set_tracking_uri("")


@pytest.fixture
def experiment():
    """A name that no other test has."""
    name = f"client {uuid.uuid4().hex[:8]}"
    mlflow.set_experiment(name)
    return name
