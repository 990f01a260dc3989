"""What governance looks like to somebody who only knows MLflow's client."""

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException
from requests import HTTPError

from tests.installation import Installation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.on_postgresql,
    pytest.mark.filterwarnings("ignore"),
]


SHELL = ("shell", "--verbosity", "0", "--command")
FREEZE = """
from django.db import transaction
from tracking.models import Run
from tracking.services.runs import freeze

run = Run.objects.get(run_id={!r})
with transaction.atomic():
    freeze(run, actor=run.created_by)
"""


def ask(installation: Installation, *command: str) -> str:
    done = installation.manage(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_author_is_who_holds_the_token_and_evidence_cannot_be_written_again(
    installation, experiment
):
    client = MlflowClient()
    with mlflow.start_run(tags={"mlflow.user": "ceo"}) as run:
        mlflow.log_metric("auc", 0.75)
    run_id = run.info.run_id
    assert client.get_run(run_id).info.user_id == "developer"
    found = "attributes.user_id = 'developer'"
    [listed] = client.search_runs([run.info.experiment_id], found)
    assert listed.info.run_id == run_id

    # Ending sealed it. Opened again it has another content, which is sealed again.
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metric("auc", 0.8, step=1)
    assert "is as it was sealed" in ask(installation, "verify_run", run_id)

    ask(installation, *SHELL, FREEZE.format(run_id))
    for write in (
        lambda: client.log_metric(run_id, "auc", 1),
        lambda: client.log_param(run_id, "alpha", 1),
        lambda: client.set_tag(run_id, "a", "b"),
        lambda: client.update_run(run_id, status="RUNNING"),
        lambda: client.delete_run(run_id),
        lambda: mlflow.start_run(run_id=run_id),
    ):
        with pytest.raises(RestException) as refusal:
            write()
        assert str(refusal.value) == (
            f"RESOURCE_CONFLICT: The run {run_id} is evidence of a promotion "
            f"and cannot change any more. Log to a new run."
        )
        assert refusal.value.json["code"] == "run_frozen"
    with pytest.raises(HTTPError, match="Log to a new run"):
        client.log_text(run_id, "late", "late.txt")
    assert client.get_run(run_id).data.metrics == {"auc": 0.8}
