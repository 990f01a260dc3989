"""MLflow's command line and its projects against a running installation."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.cli import cli

pytestmark = [
    pytest.mark.slow,
    pytest.mark.on_postgresql,
    pytest.mark.filterwarnings("ignore"),
]

PROJECT = """
name: credit
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.5}
    command: "python train.py {alpha}"
"""
TRAINING = """
import sys

import mlflow

with mlflow.start_run():
    mlflow.log_metric("loss", float(sys.argv[1]) / 2)
    mlflow.log_text("trained", "note.txt")
"""


@pytest.fixture(autouse=True)
def _from_a_new_shell(experiment, monkeypatch: pytest.MonkeyPatch):
    """Forget what the client itself exports when an experiment is set."""
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")


@pytest.fixture
def told() -> Callable[..., str]:
    """Return a function that calls the command line and returns what it printed."""

    def call(*words: str) -> str:
        # In this process: to import it anew would take longer than all its calls.
        called = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert called.exit_code == 0, called.output
        return called.output

    return call


def test_experiments_are_kept_from_the_command_line(told, experiment, tmp_path: Path):
    first, second = experiment, f"{experiment} b"
    told("experiments", "create", "--experiment-name", second)
    made = mlflow.get_experiment_by_name(second)
    assert made is not None
    key = made.experiment_id

    listed = told("experiments", "search")
    assert first in listed
    assert second in listed
    shown = told("experiments", "get", "-x", key, "--output", "json")
    assert json.loads(shown)["name"] == second
    told("experiments", "rename", "-x", key, "--new-name", f"{experiment} c")
    assert mlflow.get_experiment(key).name == f"{experiment} c"
    told("experiments", "delete", "-x", key)
    assert f"{experiment} c" in told("experiments", "search", "--view", "deleted_only")
    told("experiments", "restore", "-x", key)
    assert mlflow.get_experiment(key).lifecycle_stage == "active"

    with mlflow.start_run(experiment_id=key):
        mlflow.log_metric("loss", 0.5)
    table = tmp_path / "runs.csv"
    told("experiments", "csv", "-x", key, "--filename", str(table))
    heading, row = table.read_text().splitlines()
    assert (
        dict(zip(heading.split(","), row.split(","), strict=True))["metrics.loss"]
        == "0.5"
    )


def test_runs_and_artifacts_are_kept_from_the_command_line(
    told, experiment, tmp_path: Path
):
    sent = tmp_path / "sent"
    (sent / "deep").mkdir(parents=True)
    (sent / "deep" / "plot.txt").write_text("a plot")
    (sent / "note.txt").write_text("a note")
    of_experiment = ("--experiment-name", experiment)
    made = told("runs", "create", *of_experiment, "--run-name", "by hand", "-t", "a=b")
    run_id = json.loads(made[made.index("{") :])["run_id"]
    of_run = ("--run-id", run_id)

    told("artifacts", "log-artifacts", *of_run, "-l", str(sent), "-a", "all")
    told("artifacts", "log-artifact", *of_run, "-l", str(sent / "note.txt"))
    listed = json.loads(told("artifacts", "list", *of_run))
    assert [item["path"] for item in listed] == ["all", "note.txt"]
    got = tmp_path / "got"
    told("artifacts", "download", *of_run, "-d", str(got))
    assert (got / "all" / "deep" / "plot.txt").read_text() == "a plot"

    shown = json.loads(told("runs", "describe", *of_run))
    assert shown["info"]["status"] == "FINISHED"
    assert shown["data"]["tags"]["a"] == "b"
    experiment_id = shown["info"]["experiment_id"]
    assert "by hand" in told("runs", "list", "--experiment-id", experiment_id)
    told("runs", "delete", *of_run)
    assert "by hand" not in told("runs", "list", "--experiment-id", experiment_id)
    told("runs", "restore", *of_run)
    assert mlflow.get_run(run_id).info.lifecycle_stage == "active"


def test_project_runs_here_and_logs_there(
    told, experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "MLproject").write_text(PROJECT)
    (tmp_path / "train.py").write_text(TRAINING)
    # The project starts the `python` that comes first.
    ours = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{ours}:{os.environ['PATH']}")
    told(
        *("run", str(tmp_path), "--env-manager", "local", "-P", "alpha=0.25"),
        *("--experiment-name", experiment, "--run-name", "a project"),
    )
    client = MlflowClient()
    found = mlflow.get_experiment_by_name(experiment)
    assert found is not None
    [run] = client.search_runs([found.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "a project"
    assert run.data.params == {"alpha": "0.25"}
    assert run.data.metrics == {"loss": 0.125}
    assert run.data.tags["mlflow.project.backend"] == "local"
    assert run.data.tags["mlflow.project.entryPoint"] == "main"
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == [
        "note.txt"
    ]
