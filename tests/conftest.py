"""What every test can use: a started log, and people in roles."""

import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from hypothesis import settings as hypothesis_settings

from audit.sequencer import sequence_pending
from audit.services import init_log, system_account
from tests import factories
from tests.factories import Cast
from tests.installation import installation  # noqa: F401 - a fixture for every test
from tests.throwaway_database import throwaway_database
from tracking.models import Workspace
from tracking.services.workspaces import create_workspace

# How long an example takes depends on who else uses the machine.
hypothesis_settings.register_profile("attestry", deadline=None)
hypothesis_settings.load_profile("attestry")


ROOT = Path(__file__).parent.parent
# As in scripts/run_tests.py.
LIVE = ("tests/browser", "tests/journeys", "tests/mlflow_client")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark tests before `-m` selects, and have those run first that take long.

    Otherwise a worker waits at the end for the other one's test of a minute.
    """
    _mark_by_fixtures(items)
    yield
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _mark_by_fixtures(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "installation" in fixtures:
            item.add_marker("installation")
            if not str(item.path.relative_to(ROOT)).startswith(LIVE):
                raise pytest.UsageError(
                    f"{item.nodeid} needs an installation: put it below one of {LIVE}, "
                    f"where `make test` looks for such tests."
                )
        elif not (
            fixtures & {"db", "real_commits"}
            or item.get_closest_marker("django_db")
            or item.get_closest_marker("on_postgresql")
        ):
            item.add_marker("any_database")
        if item.get_closest_marker("any_database") and item.get_closest_marker(
            "on_postgresql"
        ):
            raise pytest.UsageError(
                f"{item.nodeid} would run nowhere: mark it any_database, which the first "
                f"database runs, or on_postgresql, which the last one runs."
            )


@pytest.fixture(scope="session")
def files_of_the_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, guard and published files, as they are when a test begins."""
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment,
    django_db_modify_db_settings,
    django_db_blocker,
    files_of_the_log: Path,
) -> Iterator[None]:
    """Start the log and hire the cast once; each test rolls back to that.

    pytest-django's own fixture makes no database for a test that has only
    `real_commits`.
    """
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
        with pytest.MonkeyPatch.context() as patch:
            keep_log_in(files_of_the_log, patch)
            init_log()
            factories.cast(create_workspace("default", actor=system_account()))
            sequence_pending()
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


def keep_log_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settings, "ATTESTRY_LOG_KEY", folder / "log-key")
    patch.setattr(settings, "ATTESTRY_LOG_MAC_KEY", folder / "log-mac-key")
    patch.setattr(settings, "ATTESTRY_LOG_GUARD", folder / "log-guard")
    patch.setattr(settings, "ATTESTRY_LOG_PUBLISH_TO", folder / "published-log")


@pytest.fixture
def real_commits(django_db_setup, django_db_blocker, tmp_path: Path):
    """Give the test a database of its own, where commits are commits.

    For what happens outside, after and between transactions; `db` is for the rest.
    """
    with django_db_blocker.unblock(), throwaway_database(tmp_path):
        yield


@pytest.fixture(autouse=True)
def _files_of_this_test(monkeypatch, tmp_path: Path, files_of_the_log: Path):
    """A test rolls the database back, so it gets the files of that moment as well."""
    monkeypatch.setattr(settings, "ATTESTRY_ARTIFACT_ROOT", tmp_path / "artifacts")
    monkeypatch.setattr(settings, "ATTESTRY_WEBHOOK_KEY", tmp_path / "webhook-key")
    keep_log_in(tmp_path / "log", monkeypatch)
    monkeypatch.setattr(settings, "ATTESTRY_SECOND_FACTOR_KEY", tmp_path / "factor-key")
    shutil.copytree(files_of_the_log, tmp_path / "log")


@pytest.fixture
def workspace(db) -> Workspace:
    return Workspace.objects.get(name="default")


@pytest.fixture
def contended(real_commits) -> Workspace:
    """Return a workspace in which several connections write at once."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time")
    return Workspace.objects.get(name="default")


@pytest.fixture
def cast(workspace) -> Cast:
    """Alice asks, Olivia owns, Bob validates, Carol audits, Mallory may not."""
    people = {user.username: user for user in User.objects.all()}
    return Cast(**{field.name: people[field.name] for field in fields(Cast)})


@pytest.fixture
def as_token():
    """Return a function that makes a client which sends somebody's token."""

    def make(user) -> Client:
        return Client(headers={"Authorization": f"Bearer {factories.token(user)}"})

    return make
