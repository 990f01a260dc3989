"""The short way to upload refuses what the long way refuses, and leaves what it leaves."""

import io
import json
from typing import Any

import pytest
from django.db import connection

from audit.errors import InvalidError
from audit.models import Event
from audit.services import system_account
from tests import factories
from tracking import storage
from tracking.models import Run
from tracking.models.run import RunStatus
from tracking.services.artifacts import upload_artifact, upload_at_once
from tracking.services.runs import archive_run, freeze, update_run
from tracking.services.workspaces import create_workspace

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(  # SQLite changes nothing within WITH
        connection.vendor != "postgresql",
        reason="only PostgreSQL changes and records in one statement",
    ),
]


@pytest.fixture
def run(workspace, cast) -> Run:
    return factories.run(workspace, cast.alice)


def uploaded(run: Run, actor, path="model/model.onnx", content=b"weights", **other):
    place: dict[str, Any] = {
        "experiment_id": run.experiment_id,
        "workspace": run.experiment.workspace,
    } | other
    return upload_at_once(run.run_id, path=path, content=content, actor=actor, **place)


def rows_of(run: Run):
    fields = ("path", "sha256", "size_bytes", "uploaded_by__username")
    return list(run.artifacts.order_by("pk").values_list(*fields))


def entries_of(run: Run):
    events = Event.objects.filter(
        subject=run.subject, kind="tracking.artifact.uploaded"
    )
    return [
        (event.actor, json.loads(bytes(event.body))["payload"])
        for event in events.order_by("id")
    ]


def kept_files(settings):
    return [
        path for path in settings.ATTESTRY_ARTIFACT_ROOT.rglob("*") if path.is_file()
    ]


def test_both_ways_leave_the_same_row_file_and_entry(run, workspace, cast):
    other = factories.run(workspace, cast.alice)
    for content in (b"weights", b"", b"weights"):
        assert uploaded(run, cast.alice, content=content)
        upload_artifact(
            other,
            path="model/model.onnx",
            stream=io.BytesIO(content),
            expected_bytes=len(content),
            actor=cast.alice,
        )
    assert rows_of(run) == rows_of(other)
    assert [len(rows_of(run)), len(entries_of(run))] == [3, 3]
    assert entries_of(run) == entries_of(other)
    (newest,) = run.artifacts.current()
    assert storage.read_verified(newest.sha256) == b"weights"
    (newest_there,) = other.artifacts.current()
    assert (newest.uploaded_at - newest_there.uploaded_at).total_seconds() < 60


def test_only_who_may_log_in_the_run_uploads_and_nothing_else_is_kept(
    run, cast, settings
):
    allowed = {
        user.username
        for user in vars(cast).values()
        if uploaded(run, user, content=user.username.encode())
    }
    assert allowed == {"alice", "bot"}
    assert len(rows_of(run)) == len(entries_of(run)) == 2
    assert len(kept_files(settings)) == 2


def test_run_of_another_place_takes_no_file(run, cast, settings):
    other = create_workspace("other", actor=system_account())
    assert not uploaded(run, cast.alice, workspace=other)
    assert not uploaded(run, cast.alice, experiment_id=run.experiment_id + 1)
    assert (rows_of(run), kept_files(settings)) == ([], [])


def test_archived_and_frozen_runs_take_no_file(run, workspace, cast, settings):
    frozen = factories.run(workspace, cast.alice)
    archive_run(run, actor=cast.alice)
    update_run(
        frozen, status=RunStatus.FINISHED, ended_at=None, name=None, actor=cast.alice
    )
    freeze(frozen, actor=cast.alice)
    before = kept_files(settings)
    for closed in (run, frozen):
        assert not uploaded(closed, cast.alice)
        assert (rows_of(closed), entries_of(closed)) == ([], [])
    assert kept_files(settings) == before


def test_pointers_to_data_are_left_to_the_long_way(run, cast, settings):
    assert not uploaded(run, cast.alice, path="data.dvc")
    assert not uploaded(run, cast.alice, path="flights/dvc.lock")
    assert kept_files(settings) == []


def test_path_that_leaves_the_run_is_refused(run, cast, settings):
    with pytest.raises(InvalidError, match="plain relative path"):
        uploaded(run, cast.alice, path="../other/model.onnx")
    assert kept_files(settings) == []


def test_file_that_cannot_be_written_leaves_no_row(run, cast, settings):
    settings.ATTESTRY_ARTIFACT_ROOT.mkdir(parents=True)
    sha256 = storage.store_bytes(b"other").sha256
    # Where the folder of this digest would be, a file is.
    folder = storage.path_of(sha256).parent
    storage.path_of(sha256).unlink()
    folder.rmdir()
    folder.write_bytes(b"")
    with pytest.raises(OSError, match=folder.name):
        uploaded(run, cast.alice, content=b"other")
    assert (rows_of(run), entries_of(run)) == ([], [])
    assert kept_files(settings) == [folder]
