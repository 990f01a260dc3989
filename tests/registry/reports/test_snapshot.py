"""What is written while a report is read does not get into its second half."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import InternalError, connection, connections

from registry.reports.snapshot import one_snapshot
from tracking.models import Experiment, Workspace
from tracking.services.experiments import create_experiment


def count() -> int:
    return Experiment.objects.count()


def make(name: str) -> None:
    try:
        workspace = Workspace.objects.get(name="default")
        actor = workspace.role_grants.get(account__username="alice").account
        create_experiment(workspace, name=name, actor=actor)
    finally:
        connections.close_all()


def test_report_is_read_at_one_moment_and_writes_nothing(real_commits):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite would keep its only writer waiting")
    before = count()

    with one_snapshot():
        assert count() == before
        with ThreadPoolExecutor(1) as pool:
            pool.submit(make, "meanwhile").result(timeout=60)
        assert count() == before
    assert count() == before + 1

    with pytest.raises(InternalError, match="read-only"), one_snapshot():
        Experiment.objects.update(name="written")
