"""What every test can use: a started log, and people in roles."""

from pathlib import Path

import pytest
from django.test import Client

from audit.sequencer import sequence_pending
from audit.services import init_log, system_account
from tests import factories
from tests.factories import Cast
from tracking.models import Workspace
from tracking.services.workspaces import create_workspace


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Start the log once; each test rolls back to that."""
    with django_db_blocker.unblock():
        init_log()
        create_workspace("default", actor=system_account())
        sequence_pending()


@pytest.fixture(autouse=True)
def _artifacts_of_this_test(settings, tmp_path: Path):
    settings.ATTESTRY_ARTIFACT_ROOT = tmp_path / "artifacts"


@pytest.fixture
def workspace(db) -> Workspace:
    return Workspace.objects.get(name="default")


@pytest.fixture
def cast(workspace) -> Cast:
    """Alice asks, Olivia owns, Bob validates, Carol audits, Mallory may not."""
    return factories.cast(workspace)


@pytest.fixture
def as_token(client: Client):
    """Return a function that makes a client which sends somebody's token."""

    def make(user) -> Client:
        return Client(headers={"Authorization": f"Bearer {factories.token(user)}"})

    return make
