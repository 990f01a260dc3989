"""Two clients of MLflow's registry want the same at the same moment."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Event
from registry.models import ModelVersion, RegisteredModel
from tests import factories
from tests.tracking.conftest import Mlflow
from tests.tracking.test_mlflow_at_once import at_once, codes
from tracking.models import Workspace

CREATE = "registered-models/create"


@pytest.fixture
def person(real_commits) -> User:
    return User.objects.get(username="alice")


@pytest.fixture
def alice(person) -> Mlflow:
    token = factories.token(person)
    return Mlflow(Client(headers={"Authorization": f"Bearer {token}"}))


def folders(person: User, count: int) -> list[str]:
    """Return addresses of as many different models."""
    run = factories.run(Workspace.objects.get(name="default"), person)
    for number in range(count):
        factories.upload(run, f"m{number}/MLmodel", f"{number}".encode(), person)
    return [f"runs:/{run.run_id}/m{number}" for number in range(count)]


def test_model_of_one_name_is_registered_once(alice):
    answers = at_once(*[lambda: alice.post(CREATE, name="scorer")] * 4)
    assert codes(answers) == [(200, "")] + [(400, "model_exists")] * 3
    assert RegisteredModel.objects.count() == 1
    assert Event.objects.filter(kind="registry.model.registered").count() == 1


def test_versions_registered_at_once_count_up(alice, person):
    alice.post(CREATE, name="scorer")
    path = "model-versions/create"
    answers = at_once(
        *(
            lambda source=source: alice.post(path, name="scorer", source=source)
            for source in folders(person, 4)
        )
    )
    numbers = sorted(answer["model_version"]["version"] for _, answer in answers)
    assert numbers == ["1", "2", "3", "4"]


def test_one_content_registered_at_once_is_one_version(alice, person):
    alice.post(CREATE, name="scorer")
    (source,) = folders(person, 1)
    path = "model-versions/create"
    answers = at_once(*[lambda: alice.post(path, name="scorer", source=source)] * 4)
    assert {answer["model_version"]["version"] for _, answer in answers} == {"1"}
    assert ModelVersion.objects.count() == 1
    assert Event.objects.filter(kind="registry.version.registered").count() == 1
