"""The first MLflow client of version 2, in a process where it comes before ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installation import ROOT, Installation

pytestmark = [pytest.mark.slow, pytest.mark.on_postgresql]

# `scripts/environment` puts it there.
OLDEST_CLIENT = Path(sys.prefix) / "oldest-client"


def test_training_of_the_oldest_client_is_kept_with_who_holds_the_token(
    installation: Installation, experiment: str, tmp_path: Path
):
    developer = installation.account("developer")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MLFLOW_")
    }
    trained = subprocess.run(
        [sys.executable, ROOT / "tests/mlflow_client/oldest_client.py", experiment],
        cwd=tmp_path,
        env={
            **kept,
            "PYTHONPATH": str(OLDEST_CLIENT),
            "MLFLOW_TRACKING_URI": f"{installation.url}/w/default",
            "MLFLOW_TRACKING_USERNAME": developer.username,
            "MLFLOW_TRACKING_PASSWORD": developer.token,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout) == {
        "release": "2.0.1",
        "experiment": {"tags": {"team": "credit"}, "stage": "active"},
        "run": {
            "status": "FINISHED",
            "name": "whole",
            "user": "developer",
            "params": {
                "alpha": "0.1",
                "layers": "3",
                "kind": "linear",
                "batched": "yes",
            },
            "metrics": {"loss": "0.125", "auc": "0.75", "up": "inf", "batch": "49.5"},
            "tags": {
                "team": "credit",
                "stage": "trial",
                "batched": "yes",
                "mlflow.runName": "whole",
                "mlflow.user": "ceo",
            },
            "models": ["scorer"],
        },
        "parent is named": True,
        "history": [[0, 1.0], [1, 0.5], [2, 1 / 3], [9, 0.125]],
        "artifacts": {
            "setup.json": '{\n  "a": 1\n}',
            "plots/deep/plot.txt": "a plot",
            "notes/hello.txt": "hello",
        },
        "predictions agree": True,
        "found": [["whole"], ["child", "whole"]],
        "refused": "INVALID_PARAMETER_VALUE: The param 'alpha' of run … is '0.1' and "
        "cannot become '0.2'. Log a new run for other params.",
        "lifecycle": ["deleted", "active"],
    }
