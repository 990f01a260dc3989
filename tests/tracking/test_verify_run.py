"""A run is held against its seal, and what differs is named."""

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from audit.errors import ConflictError
from audit.models import Event
from audit.services import pseudonym, system_account
from audit.tlog.canonical import canonical_bytes
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking import storage, tasks
from tracking.models import LatestMetric, Run, Workspace
from tracking.models.run import RunStatus
from tracking.services.artifacts import remove_artifacts
from tracking.services.logged_models import log_model_params
from tracking.services.logging import Point, log_batch, remove_tag
from tracking.services.runs import freeze, update_run
from tracking.services.sealing import (
    manifest_of,
    outputs_of,
    seal_what_was_written_to,
    verify_run,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended(workspace, cast) -> Run:
    run = factories.run(workspace, cast.alice)
    factories.everything_logged(run, cast.alice)
    factories.upload(run, "model.bin", b"weights", cast.alice)
    return factories.end(run, cast.alice)


def alter(table: str, statement: str) -> None:
    with triggers_switched_off(table), connection.cursor() as cursor:
        cursor.execute(statement)


def test_run_that_nobody_altered_is_as_it_was_sealed(ended):
    assert verify_run(ended).differences == ()


def test_points_are_sealed_as_lines_of_canonical_json(run, cast):
    logged = [
        *[(-1, 1, 0.1), (0, 2, 1e22), (0, 3, -0.5), (0, 4, math.inf), (5, 5, math.nan)],
        *[(2**53, 6, 1.0), (2**53 + 1, 2**62, -1e-7)],
    ]
    points = [
        Point("loss", value, timestamp_ms=time, step=step)
        for step, time, value in logged
    ]
    log_batch(run, metrics=points, actor=cast.alice)

    lines = [canonical_bytes([step, time, str(value)]) for step, time, value in logged]
    whole = hashlib.sha256(b"".join(line + b"\n" for line in lines))
    assert manifest_of(run)["metrics"] == {
        "loss": {"points": len(logged), "digest": f"sha256:{whole.hexdigest()}"}
    }


@pytest.mark.parametrize(
    ("table", "statement", "difference"),
    [
        ("tracking_param", "UPDATE tracking_param SET value = '9'", "param alpha"),
        ("tracking_param", "DELETE FROM tracking_param", "param alpha"),
        (
            "tracking_tag",
            "UPDATE tracking_tag SET value = 'x' WHERE key = 'team'",
            "tag team",
        ),
        (
            "tracking_datasetinput",
            "DELETE FROM tracking_datasetinput",
            "dataset loans@abc123",
        ),
        (
            "tracking_artifact",
            "UPDATE tracking_artifact SET size_bytes = 1",
            "artifact model.bin",
        ),
    ],
)
def test_altered_row_is_named(ended, table, statement, difference):
    alter(table, statement)

    assert verify_run(ended).differences == (difference,)


def test_altered_metric_is_named_with_its_latest_point(ended):
    alter("tracking_metric", "UPDATE tracking_metric SET value = 0.9")

    assert verify_run(ended).differences == (
        "metric loss",
        "metric loss (its latest point)",
    )


def test_altered_latest_point_is_named(ended):
    LatestMetric.objects.update(value=0.9)

    assert verify_run(ended).differences == ("metric loss (its latest point)",)


def test_altered_status_is_named(ended):
    Run.objects.update(status="FAILED")

    ended.refresh_from_db()
    assert verify_run(ended).differences == ("status",)


def test_altered_or_missing_file_is_named(ended):
    path = storage.path_of(ended.artifacts.get().sha256)
    path.chmod(0o644)
    path.write_bytes(b"other")
    changed = verify_run(ended).differences
    path.unlink()

    assert changed == ("artifact model.bin (its file has another digest)",)
    assert verify_run(ended).differences == (
        "artifact model.bin (its file is missing)",
    )


def test_run_that_was_written_to_again_is_sealed_when_it_ends_again(ended, cast):
    log_batch(ended, params=[("beta", "1")], metrics=[], tags=[], actor=cast.alice)
    with pytest.raises(ConflictError) as refusal:
        verify_run(ended)
    factories.end(ended, cast.alice)

    assert refusal.value.code == "run_not_sealed"
    assert verify_run(ended).is_intact


WRITES = {
    "tag": lambda run, alice: log_batch(run, tags=[("team", "risk")], actor=alice),
    "metric": lambda run, alice: log_batch(
        run, metrics=[Point("loss", 0.1, timestamp_ms=2, step=1)], actor=alice
    ),
    "no tag": lambda run, alice: remove_tag(run, key="team", actor=alice),
    "dataset": lambda run, alice: factories.use_dataset(run, alice, "more"),
    "file": lambda run, alice: factories.upload(run, "late.txt", b"1", alice),
    "no file": lambda run, alice: remove_artifacts(run, path="model.bin", actor=alice),
    "logged model": factories.logged_model,
    "file of its model": lambda run, alice: factories.upload(
        outputs_of(run).get(), "late.txt", b"1", alice
    ),
    "param of its model": lambda run, alice: log_model_params(
        outputs_of(run).get(), params={"late": "1"}, actor=alice
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_run_that_was_written_to_is_sealed_again_without_being_ended(
    workspace, cast, write
):
    run = factories.run(workspace, cast.alice)
    factories.everything_logged(run, cast.alice)
    factories.upload(run, "model.bin", b"weights", cast.alice)
    factories.logged_model(run, cast.alice)
    run = factories.end(run, cast.alice)
    assert seal_what_was_written_to() == 0
    write(run, cast.alice)

    with pytest.raises(ConflictError) as refusal:
        verify_run(run)
    assert refusal.value.code == "run_not_sealed"
    assert refusal.value.detail.endswith(
        "as its entries say: the worker seals it again within a minute, so verify it "
        "then."
    )
    assert seal_what_was_written_to() == 1
    assert verify_run(run).is_intact
    newest = Event.objects.latest("pk")
    assert (newest.kind, newest.subject) == ("tracking.run.sealed", run.subject)
    assert newest.actor == pseudonym(system_account())
    assert seal_what_was_written_to() == 0


def test_client_that_goes_on_after_the_end_has_its_run_sealed_again(
    ended, alice, as_token, cast
):
    place = f"/api/2.0/mlflow-artifacts/artifacts/{ended.experiment_id}"
    for write in (
        lambda: alice.post("runs/set-tag", run_id=ended.run_id, key="a", value="1"),
        lambda: alice.post(
            "runs/log-metric", run_id=ended.run_id, key="a", value=1, timestamp=1
        ),
        lambda: as_token(cast.alice).put(
            f"{place}/{ended.run_id}/artifacts/late.txt", b"1"
        ),
    ):
        write()
        with pytest.raises(ConflictError, match="within a minute"):
            verify_run(ended)
        assert seal_what_was_written_to() == 1
        assert verify_run(ended).is_intact


def test_write_that_changes_nothing_needs_no_other_seal(ended, cast):
    log_batch(ended, tags=[("team", "credit")], actor=cast.alice)
    assert verify_run(ended).is_intact
    assert seal_what_was_written_to() == 1
    assert ended.seals.count() == 1
    assert seal_what_was_written_to() == 0


def test_run_that_goes_on_or_is_frozen_is_not_sealed_by_the_clock(ended, cast):
    log_batch(ended, tags=[("team", "risk")], actor=cast.alice)
    opened = update_run(
        ended, status=RunStatus.RUNNING, ended_at=None, name=None, actor=cast.alice
    )
    assert seal_what_was_written_to() == 0
    with pytest.raises(ConflictError, match="end it again"):
        verify_run(opened)
    factories.end(opened, cast.alice)
    log_batch(ended, tags=[("team", "other")], actor=cast.alice)
    freeze(ended, actor=cast.olivia)
    assert seal_what_was_written_to() == 0


def test_refused_upload_leaves_the_seal_as_it_is(ended, cast):
    with pytest.raises(ConflictError):
        factories.upload(ended, "model.bin/below", b"1", cast.alice)
    assert seal_what_was_written_to() == 0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no rows")
def test_second_worker_leaves_a_run_to_the_first(real_commits):
    alice = User.objects.get(username="alice")
    run = factories.run(Workspace.objects.get(name="default"), alice)
    factories.end(run, alice)
    log_batch(run, tags=[("team", "risk")], actor=alice)

    def second() -> int:
        try:
            return seal_what_was_written_to()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Run.objects.select_for_update().get(pk=run.pk)
        assert pool.submit(second).result(30) == 0
    assert seal_what_was_written_to() == 1
    assert run.seals.count() == 2


def test_the_clock_seals_what_was_written_to():
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.seal_what_was_written_to.name in scheduled


def test_frozen_run_is_verified_against_what_was_frozen(ended, cast):
    log_batch(ended, params=[("beta", "1")], metrics=[], tags=[], actor=cast.alice)
    freeze(ended, actor=cast.olivia)

    assert verify_run(ended).is_intact


def test_manifest_that_was_altered_is_refused(ended):
    path = storage.path_of(ended.seals.get().digest.removeprefix("sha256:"))
    path.chmod(0o644)
    path.write_bytes(b"{}")

    with pytest.raises(ConflictError) as refusal:
        verify_run(ended)

    assert refusal.value.code == "seal_manifest_altered"


def test_command_exits_with_seven_and_names_what_differs(ended, capsys):
    call_command("verify_run", ended.run_id)
    intact = capsys.readouterr().out
    alter("tracking_param", "UPDATE tracking_param SET value = '9'")
    with pytest.raises(SystemExit) as exit_:
        call_command("verify_run", ended.run_id)

    said = capsys.readouterr()
    assert intact.startswith("The run is as it was sealed (")
    assert exit_.value.code == 7
    assert said.out.startswith("The run is NOT as it was sealed (")
    assert said.err == "  param alpha\n"


def test_command_says_what_it_cannot_verify(workspace, cast):
    run = factories.run(workspace, cast.alice)

    with pytest.raises(CommandError, match="run_not_sealed"):
        call_command("verify_run", run.run_id)
    with pytest.raises(CommandError, match="There is no run nothing"):
        call_command("verify_run", "nothing")
