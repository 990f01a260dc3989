"""MLflow's registry API as its clients call it, and three versions of one model."""

import json
from typing import Any

import pytest

from audit.models import Event
from registry.models import ModelVersion, PromotionRequest, RegisteredModel
from tests import factories
from tests.registry.mlflow_versions import CREATE
from tests.tracking.conftest import Mlflow


class Registry(Mlflow):
    """Adds the methods that only the registry's endpoints take."""

    def patch(self, path: str, **message: Any) -> tuple[int, Any]:
        return self._with_body("PATCH", path, message)

    def delete(self, path: str, **message: Any) -> tuple[int, Any]:
        return self._with_body("DELETE", path, message)

    def _with_body(self, method: str, path: str, message: Any) -> tuple[int, Any]:
        response = self.client.generic(
            method,
            f"{self.prefix}/api/2.0/mlflow/{path}",
            json.dumps(message),
            "application/json",
        )
        return response.status_code, response.json()


@pytest.fixture
def registry_as(as_token):
    """Return a function that makes the API of somebody."""
    return lambda user: Registry(as_token(user))


@pytest.fixture
def alice(registry_as, cast):
    return registry_as(cast.alice)


@pytest.fixture
def run(workspace, cast):
    """A run that goes on and holds a model's folder."""
    run = factories.run(workspace, cast.alice)
    for path in ("model/MLmodel", "model/model.onnx", "model/requirements.txt"):
        factories.upload(run, path, f"{path} of {run.run_id}".encode(), cast.alice)
    return run


@pytest.fixture
def news(cast):
    """Return a function that tells what was recorded since it last told."""
    seen = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0

    def since() -> list[tuple[str, str]]:
        nonlocal seen
        events = list(Event.objects.filter(id__gt=seen).order_by("id"))
        seen = events[-1].pk if events else seen
        return [(event.kind, event.subject) for event in events]

    return since


@pytest.fixture
def champion(workspace, cast) -> ModelVersion:
    factories.policy(workspace, cast)
    return factories.champion(workspace, cast)


@pytest.fixture
def first(champion: ModelVersion) -> ModelVersion:
    """The champion, where others follow it."""
    return champion


@pytest.fixture
def second(workspace, cast, first) -> ModelVersion:
    """The champion that took the slot of `first`."""
    return factories.champion(
        workspace, cast, content=b"2", scores=factories.predictions(strength=2.5)
    )


@pytest.fixture
def third(workspace, cast) -> ModelVersion:
    return factories.version(workspace, cast, content=b"3")


@pytest.fixture
def in_review(workspace, cast) -> PromotionRequest:
    factories.policy(workspace, cast)
    return factories.evaluated(factories.version(workspace, cast), cast)


@pytest.fixture
def source(run):
    return f"runs:/{run.run_id}/model"


@pytest.fixture
def model(alice):
    assert alice.post("registered-models/create", name="scorer")[0] == 200
    return RegisteredModel.objects.get(name="scorer")


@pytest.fixture
def version(alice, model, source):
    assert alice.post(CREATE, name="scorer", source=source)[0] == 200
    return ModelVersion.objects.get()
