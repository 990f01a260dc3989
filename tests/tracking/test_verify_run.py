"""A run is held against its seal, and what differs is named."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit.errors import ConflictError
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tracking import storage
from tracking.models import LatestMetric, Run
from tracking.services.logging import log_batch
from tracking.services.runs import freeze
from tracking.services.sealing import verify_run

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
