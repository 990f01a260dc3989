"""The unmodified MLflow client and the registry of a running installation."""

import json
import uuid
from pathlib import Path
from typing import Any

import mlflow
import mlflow.artifacts
import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException
from sklearn.linear_model import LogisticRegression

from tests.installation import Installation

# The client warns about itself; what matters here is what it sends and gets.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.on_postgresql,
    pytest.mark.filterwarnings("ignore"),
]

FEATURES = np.array([[0.0], [1.0], [2.0], [3.0]])
# A workspace of its own, because its policy governs production for all models in it.
# A worker of the installation may have taken a gate, which is waited for.
GOVERNED = """
import json
import time
from audit.services import system_account
from registry.services.registered_models import register_model
from tests import factories
from tracking.services.workspaces import create_workspace
workspace = create_workspace({name!r}, actor=system_account())
people = factories.cast(workspace)
factories.policy(workspace, people)
first = factories.version(workspace, people, content=b"approved")
second = factories.version(workspace, people, content=b"only registered")
asked, until = factories.evaluated(first, people), time.monotonic() + 60
while factories.fresh(asked).state == "evaluating" and time.monotonic() < until:
    time.sleep(0.1)
factories.approved_as_it_is(asked, people)
print(json.dumps({{"rex": factories.token(people.rex), "alice": factories.token(people.alice)}}))
"""


@pytest.fixture(scope="module")
def ungoverned(installation: Installation) -> tuple[str, str]:
    """Return where a workspace is that has no policy, and a developer's token."""
    workspace = f"plain-{uuid.uuid4().hex[:8]}"
    made = installation.manage(
        *("create_account", f"developer-of-{workspace}", "--workspace", workspace),
        *("--role", "developer", "--full-name", "Pat Plain"),
    )
    return f"{installation.url}/w/{workspace}", json.loads(made.stdout)["token"]


@pytest.fixture(autouse=True)
def _tracking(ungoverned: tuple[str, str], monkeypatch: pytest.MonkeyPatch):
    """Be the developer, as somebody is who sets two variables."""
    address, token = ungoverned
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    monkeypatch.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    mlflow.set_tracking_uri(address)
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.tracking.fluent._active_experiment_id = None
    mlflow.set_tracking_uri("")


@pytest.fixture
def client():
    return MlflowClient()


@pytest.fixture
def name():
    """A name that no other test has."""
    mlflow.set_experiment(f"registry {uuid.uuid4().hex[:8]}")
    return f"scorer {uuid.uuid4().hex[:8]}"


def trained(*labels: int) -> Any:
    return LogisticRegression().fit(FEATURES, labels)


def logged(model: Any, **options: Any) -> Any:
    return mlflow.sklearn.log_model(
        model, name="scorer", serialization_format="cloudpickle", **options
    )


def answers(uri: str) -> list[int]:
    return list(mlflow.pyfunc.load_model(uri).predict(FEATURES))


def test_model_is_registered_while_its_run_goes_on_and_loaded_in_every_way(
    client, name
):
    first, second = trained(0, 0, 1, 1), trained(1, 1, 0, 0)
    with mlflow.start_run() as run:
        logged(first, registered_model_name=name)
        logged(second, registered_model_name=name)
    client.set_registered_model_alias(name, "champion", "1")
    client.transition_model_version_stage(name, "1", "Staging")
    client.transition_model_version_stage(name, "2", "Production")

    ones, others = list(first.predict(FEATURES)), list(second.predict(FEATURES))
    assert ones != others
    assert answers(f"models:/{name}/1") == ones
    assert answers(f"models:/{name}@champion") == ones
    assert answers(f"models:/{name}/Staging") == ones
    assert answers(f"models:/{name}/Production") == others
    assert answers(f"models:/{name}/latest") == others
    loaded = mlflow.sklearn.load_model(f"models:/{name}/2")
    assert list(loaded.predict(FEATURES)) == others
    version = client.get_model_version(name, "2")
    assert (version.run_id, version.status) == (run.info.run_id, "READY")
    assert version.current_stage == "Production"


def test_models_and_versions_are_searched_labelled_and_described(client, name):
    with mlflow.start_run() as run:
        info = logged(trained(0, 0, 1, 1))
    mlflow.register_model(info.model_uri, name, tags={"team": "credit"})
    client.update_registered_model(name, "Tells who pays back.")
    client.set_registered_model_tag(name, "area", "risk")
    client.update_model_version(name, "1", "The first.")
    client.set_model_version_tag(name, "1", "checked", "yes")
    client.set_registered_model_alias(name, "best", "1")

    (model,) = client.search_registered_models(
        f"name = '{name}' AND tags.area = 'risk'"
    )
    assert (model.description, model.tags) == ("Tells who pays back.", {"area": "risk"})
    assert model.aliases == {"best": "1"}
    assert [one.version for one in model.latest_versions] == ["1"]
    (version,) = client.search_model_versions(
        f"run_id = '{run.info.run_id}' AND tags.checked = 'yes'"
    )
    assert version.tags == {"team": "credit", "checked": "yes"}
    assert (version.name, version.description) == (name, "The first.")
    assert client.get_model_version_by_alias(name, "best").version == "1"

    client.delete_registered_model_alias(name, "best")
    client.delete_registered_model_tag(name, "area")
    client.delete_model_version_tag(name, "1", "checked")
    client.rename_registered_model(name, f"{name} anew")
    renamed = client.get_registered_model(f"{name} anew")
    assert (renamed.name, renamed.tags, renamed.aliases) == (f"{name} anew", {}, {})
    with pytest.raises(RestException, match="not found"):
        client.get_model_version_by_alias(renamed.name, "best")


def test_registering_a_model_again_gives_the_version_that_it_is(client, name):
    with mlflow.start_run():
        info = logged(trained(0, 0, 1, 1))
    assert mlflow.register_model(info.model_uri, name).version == "1"
    assert mlflow.register_model(info.model_uri, name).version == "1"
    copy = client.copy_model_version(f"models:/{name}/1", f"{name} copied")
    assert (copy.name, copy.version) == (f"{name} copied", "1")
    assert answers(f"models:/{name} copied/1") == answers(f"models:/{name}/1")


def test_deleted_version_is_gone_and_its_number_is_not_used_again(client, name):
    with mlflow.start_run():
        first, second = logged(trained(0, 0, 1, 1)), logged(trained(1, 1, 0, 0))
    mlflow.register_model(first.model_uri, name)
    client.delete_model_version(name, "1")
    assert mlflow.register_model(second.model_uri, name).version == "2"
    with pytest.raises(RestException, match="not found"):
        client.get_model_version(name, "1")
    client.delete_registered_model(name)
    assert client.search_registered_models(f"name = '{name}'") == []
    with pytest.raises(RestException, match="name of another model"):
        client.create_registered_model(name)


def test_governed_stage_takes_an_approval_and_says_what_is_lacking(
    installation, monkeypatch, tmp_path
):
    workspace = f"governed-{uuid.uuid4().hex[:8]}"
    made = installation.manage("shell", "-c", GOVERNED.format(name=workspace))
    assert made.returncode == 0, made.stderr
    tokens = json.loads(made.stdout.splitlines()[-1])
    mlflow.set_tracking_uri(f"{installation.url}/w/{workspace}")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", tokens["alice"])
    client = MlflowClient()

    lacking = {
        "error_code": "RESOURCE_CONFLICT",
        "code": "not_approved",
        "environment": "production",
        "request": None,
        "state": None,
        "open_gates": ["auc", "regression"],
        "missing_attestations": [],
        "missing_sign_offs": ["validator", "owner"],
        "ask_at": f"{installation.url}/w/{workspace}/api/v1/promotion-requests/",
    }
    for ask in (
        lambda: client.transition_model_version_stage("credit", "2", "Production"),
        lambda: client.set_registered_model_alias("credit", "champion", "2"),
        lambda: client.set_registered_model_alias("credit", "Production", "2"),
    ):
        with pytest.raises(RestException) as refused:
            ask()
        said = dict(refused.value.json)
        assert "may not serve in production" in said.pop("message")
        assert said == lacking

    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", tokens["rex"])
    moved = client.transition_model_version_stage("credit", "1", "Production")
    assert (moved.current_stage, moved.aliases) == (
        "Production",
        ["champion", "production"],
    )
    assert client.get_model_version_by_alias("credit", "champion").version == "1"
    (newest,) = client.get_latest_versions("credit", ["Production"])
    assert newest.version == "1"
    run = f"runs:/{newest.run_id}/model/model.onnx"
    found = mlflow.artifacts.download_artifacts(run, dst_path=str(tmp_path))
    assert Path(found).read_bytes() == b"approved"

    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", tokens["alice"])
    for leave in (
        lambda: client.transition_model_version_stage("credit", "1", "Archived"),
        lambda: client.delete_registered_model_alias("credit", "champion"),
        lambda: client.delete_model_version("credit", "1"),
        lambda: client.delete_registered_model("credit"),
        lambda: client.rename_registered_model("credit", "debit"),
    ):
        with pytest.raises(RestException) as refused:
            leave()
        assert refused.value.error_code == "RESOURCE_CONFLICT"
    copy = client.copy_model_version("models:/credit/1", "copied")
    with pytest.raises(RestException, match="may not serve"):
        client.transition_model_version_stage("copied", copy.version, "Production")
