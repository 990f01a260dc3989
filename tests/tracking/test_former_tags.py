"""What tags were before: kept by the database, whichever door they went by."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests import factories
from tests.audit.happenings import execute
from tracking.models import (
    ExperimentTag,
    FormerTag,
    LoggedModel,
    LoggedModelTag,
    Run,
    Tag,
)
from tracking.services.experiments import tag_experiment

pytestmark = pytest.mark.django_db


def former(subject: str) -> list[tuple[str, str]]:
    """What the tags of one thing were, oldest first."""
    found = FormerTag.objects.filter(subject=subject).order_by("pk")
    return list(found.values_list("key", "value"))


@pytest.fixture
def model(run, cast) -> LoggedModel:
    return factories.logged_model(run, cast.alice)


@pytest.fixture
def client(as_token, cast):
    return as_token(cast.alice)


def set_tag(alice, run: Run, value: str, key: str = "team") -> None:
    answer = alice.post("runs/set-tag", run_id=run.run_id, key=key, value=value)
    assert answer == (200, {})


def log_tag(alice, run: Run, value: str) -> None:
    tags = [{"key": "team", "value": value}]
    assert alice.post("runs/log-batch", run_id=run.run_id, tags=tags) == (200, {})


def log_tag_with_a_param(alice, run: Run, value: str) -> None:
    """What takes more than one statement goes the long way."""
    tags, params = [{"key": "team", "value": value}], [{"key": value, "value": "1"}]
    message = {"run_id": run.run_id, "tags": tags, "params": params}
    assert alice.post("runs/log-batch", **message) == (200, {})


@pytest.mark.parametrize("write", [set_tag, log_tag, log_tag_with_a_param])
def test_tag_of_a_run_that_is_overwritten_is_kept(alice, run, write):
    for value in ("credit", "fraud", "risk"):
        write(alice, run, value)

    assert former(run.subject) == [("team", "credit"), ("team", "fraud")]
    assert Tag.objects.get(run=run, key="team").value == "risk"


def test_same_value_again_leaves_nothing(alice, run):
    for _ in range(2):
        set_tag(alice, run, "credit")
        log_tag_with_a_param(alice, run, "credit")

    assert former(run.subject) == []


def test_batch_keeps_each_tag_that_it_changes_and_no_other(alice, run):
    def write(**tags: str) -> None:
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        alice.post("runs/log-batch", run_id=run.run_id, tags=pairs)

    write(a="1", b="1", c="1")
    write(a="2", b="1", c="2", d="1")

    assert sorted(former(run.subject)) == [("a", "1"), ("c", "1")]


def test_tag_of_a_run_that_is_removed_is_kept_with_its_end(alice, run):
    set_tag(alice, run, "crédit 100 %")
    before = timezone.now()
    alice.post("runs/delete-tag", run_id=run.run_id, key="team")

    assert former(run.subject) == [("team", "crédit 100 %")]
    # SQLite's clock counts milliseconds.
    ended_at = FormerTag.objects.get().ended_at
    assert before - timedelta(milliseconds=1) <= ended_at <= timezone.now()


def test_name_and_parent_that_a_run_had_are_kept(alice, run):
    set_tag(alice, run, "second", "mlflow.runName")
    for parent in ("0" * 32, "1" * 32):
        set_tag(alice, run, parent, "mlflow.parentRunId")

    assert former(run.subject) == [
        ("mlflow.runName", "run"),
        ("mlflow.parentRunId", "0" * 32),
    ]


def test_tags_of_an_experiment_are_kept(alice, run):
    experiment = run.experiment
    named = {"experiment_id": str(experiment.pk), "key": "team"}
    for value in ("one", "two", "two"):
        alice.post("experiments/set-experiment-tag", **named, value=value)
    assert alice.post("experiments/delete-experiment-tag", **named) == (200, {})

    assert former(experiment.subject) == [("team", "one"), ("team", "two")]


def test_tags_of_a_logged_model_are_kept(model, client):
    path = f"/api/2.0/mlflow/logged-models/{model.model_id}/tags"
    for value in ("fraud", "fraud", "risk"):
        body = f'{{"tags": [{{"key": "team", "value": "{value}"}}]}}'
        assert client.patch(path, body, "application/json").status_code == 200
    assert client.delete(f"{path}/team", "{}", "application/json").status_code == 200

    assert former(model.subject) == [
        ("team", "credit"),
        ("team", "fraud"),
        ("team", "risk"),
    ]


def test_what_a_shell_does_is_kept_as_well(alice, run, model):
    set_tag(alice, run, "credit")
    tag_experiment(run.experiment, key="team", value="credit", actor=run.created_by)
    tags = Tag.objects.filter(run=run, key="team")

    tags.update(value="fraud")
    tags.update(key="group")
    Tag.objects.filter(run=run, key="group").delete()
    ExperimentTag.objects.all().delete()
    LoggedModelTag.objects.update(value="fraud")

    assert former(run.subject) == [
        ("team", "credit"),
        ("team", "fraud"),
        ("group", "fraud"),
    ]
    assert former(run.experiment.subject) == [("team", "credit")]
    assert former(model.subject) == [("team", "credit")]


def test_tag_that_moves_to_another_run_is_kept_where_it_was(
    alice, run, workspace, cast
):
    set_tag(alice, run, "credit")
    other = factories.run(workspace, cast.alice)
    Tag.objects.filter(run=run, key="team").update(run=other)

    assert former(run.subject) == [("team", "credit")]
    assert former(other.subject) == []


def test_replaced_row_is_kept(alice, run):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no REPLACE")
    set_tag(alice, run, "credit")
    execute(
        "REPLACE INTO tracking_tag (run_id, key, value) "  # noqa: S608 - our own number
        f"VALUES ({run.pk}, 'team', 'fraud')"
    )

    assert former(run.subject) == [("team", "credit")]


def test_refused_write_leaves_nothing(alice, run, cast):
    set_tag(alice, run, "credit")
    Run.objects.filter(pk=run.pk).update(frozen_at=timezone.now())
    message = {"run_id": run.run_id, "key": "team"}
    assert alice.post("runs/set-tag", **message, value="fraud")[0] == 409
    assert alice.post("runs/delete-tag", **message)[0] == 409

    assert former(run.subject) == []


def test_api_tells_of_a_run_what_its_tags_were(alice, run, client, workspace, cast):
    other = factories.run(workspace, cast.alice)
    for value in ("credit", "fraud", "risk"):
        set_tag(alice, run, value)
        set_tag(alice, other, f"other {value}")

    page = client.get(f"/api/v1/runs/{run.run_id}/former-tags/").json()

    kept = FormerTag.objects.of([run.subject])
    assert page == {
        "count": 2,
        "next": None,
        "previous": None,
        "results": [
            {
                "key": "team",
                "value": value,
                "ended_at": tag.ended_at.isoformat().replace("+00:00", "Z"),
            }
            for value, tag in zip(("fraud", "credit"), kept, strict=True)
        ],
    }


def test_api_tells_nobody_else(alice, run, as_token, cast):
    for value in ("credit", "fraud"):
        set_tag(alice, run, value)

    answer = as_token(cast.mallory).get(f"/api/v1/runs/{run.run_id}/former-tags/")

    assert answer.status_code == 404
    assert "credit" not in answer.content.decode()


def row(value: str, subject: str) -> re.Pattern[str]:
    """What a page shows of a former tag `team`."""
    return re.compile(
        f"<td>team</td><td>{value}</td><td>[^<]+ UTC</td><td>{subject}</td>"
    )


@pytest.mark.any_database
def test_pages_show_what_tags_were(alice, run, model, cast):
    page = Client()
    page.force_login(cast.bob)
    for value in ("kept of the run", "now"):
        set_tag(alice, run, value)
        tag_experiment(
            run.experiment, key="team", value=f"as to all: {value}", actor=cast.alice
        )
    LoggedModelTag.objects.filter(logged_model=model).update(value="now")

    shown = page.get(f"/admin/tracking/run/{run.pk}/change/").content.decode()
    assert row("kept of the run", run.subject).search(shown)
    assert "as to all" not in shown

    home = run.experiment
    shown = page.get(f"/admin/tracking/experiment/{home.pk}/change/").content.decode()
    assert row("as to all: kept of the run", home.subject).search(shown)
    assert row("credit", model.subject).search(shown)
    assert "kept of the run</td>" not in shown.replace("as to all: kept of the run", "")
