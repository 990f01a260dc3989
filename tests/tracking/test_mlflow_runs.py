"""Experiments and runs over MLflow's API: create, read, end, re-open, freeze."""

import pytest
from mlflow.protos import service_pb2

from audit.tlog.canonical import digest
from tests import factories
from tests.tracking.refusals import (
    conflict,
    invalid,
    unknown,
    unknown_run,
    unreadable,
)
from tracking.models import Experiment, Run, RunSeal
from tracking.models.experiment import Lifecycle
from tracking.services.runs import freeze
from tracking.services.sealing import content_digest, verify_run


def test_experiment_is_created_once_and_found_by_id_and_name(alice, cast, log):
    log()
    status, created = alice.post("experiments/create", name="Fraud 2026")
    experiment = Experiment.objects.get(name="Fraud 2026")

    assert (status, created) == (200, {"experiment_id": str(experiment.pk)})
    expected = {
        "experiment": {
            "experiment_id": str(experiment.pk),
            "name": "Fraud 2026",
            "artifact_location": f"mlflow-artifacts:/{experiment.pk}",
            "lifecycle_stage": "active",
            "creation_time": int(experiment.created_at.timestamp() * 1000),
            "last_update_time": int(experiment.updated_at.timestamp() * 1000),
        }
    }
    assert alice.get("experiments/get", experiment_id=experiment.pk) == (200, expected)
    assert alice.get("experiments/get-by-name", experiment_name="Fraud 2026") == (
        200,
        expected,
    )
    assert log() == [
        (
            "tracking.experiment.created",
            f"experiment/default/{experiment.pk}",
            {"name": "Fraud 2026", "content": digest({"tags": {}})},
        )
    ]


def test_second_experiment_of_a_name_is_refused_in_the_way_that_clients_expect(
    alice, log
):
    alice.post("experiments/create", name="credit")
    log()
    assert alice.post("experiments/create", name="credit") == (
        400,
        {
            "error_code": "RESOURCE_ALREADY_EXISTS",
            "code": "experiment_exists",
            "message": (
                "The experiment 'credit' exists: use it or choose another name."
            ),
        },
    )
    assert log() == []


@pytest.mark.parametrize("experiment_id", ["999999", "-1", "1" * 30, "٣"])
def test_unknown_experiment_is_not_found(alice, experiment_id):
    expected = unknown(
        "experiment_unknown",
        f"There is no experiment {experiment_id!r} in default that you may see: check "
        f"the id.",
    )
    assert alice.get("experiments/get", experiment_id=experiment_id) == expected
    assert alice.post("runs/create", experiment_id=experiment_id) == expected


@pytest.mark.parametrize("experiment_id", ["", "x", "1x", "0.5", "9" * 5000])
def test_id_that_no_experiment_has_is_refused(alice, experiment_id):
    expected = invalid(
        "experiment_id_invalid",
        f"Invalid experiment ID {experiment_id[:100]!r}: send a whole number.",
    )
    one, ids = {"experiment_id": experiment_id}, {"experiment_ids": [experiment_id]}
    assert alice.get("experiments/get", **one) == expected
    assert alice.post("experiments/delete", **one) == expected
    assert alice.post("runs/create", **one) == expected
    assert alice.post("logged-models", **one) == expected
    assert alice.post("runs/search", **ids) == expected
    assert alice.post("logged-models/search", **ids) == expected
    assert alice.post("experiments/search-datasets", **ids) == expected


def test_unknown_experiment_name_is_not_found(alice):
    assert alice.get("experiments/get-by-name", experiment_name="none") == unknown(
        "experiment_unknown",
        "There is no experiment 'none' in default that you may see: create it.",
    )


def test_run_is_created_by_whoever_asks_whatever_the_tags_claim(
    alice, workspace, cast, log
):
    experiment = factories.experiment(workspace, cast.alice)
    log()
    tags = [{"key": "mlflow.user", "value": "ceo"}]
    status, answer = alice.post(
        "runs/create",
        experiment_id=str(experiment.pk),
        run_name="first",
        start_time=1_700_000_000_000,
        tags=tags,
    )
    run = Run.objects.get()

    assert status == 200
    assert answer["run"] == {
        "info": {
            "run_id": run.run_id,
            "run_uuid": run.run_id,
            "run_name": "first",
            "experiment_id": str(experiment.pk),
            "user_id": "alice",
            "status": "RUNNING",
            "start_time": 1_700_000_000_000,
            "artifact_uri": (
                f"mlflow-artifacts:/{experiment.pk}/{run.run_id}/artifacts"
            ),
            "lifecycle_stage": "active",
        },
        "data": {
            "tags": [
                {"key": "mlflow.runName", "value": "first"},
                {"key": "mlflow.user", "value": "ceo"},
            ],
        },
        "inputs": {},
        "outputs": {},
    }
    assert alice.run(run.run_id) == answer["run"]
    assert log() == [
        (
            "tracking.run.created",
            f"run/{run.run_id}",
            {
                "experiment": experiment.subject,
                "content": digest({"name": "first", "tags": {"mlflow.user": "ceo"}}),
            },
        )
    ]


def test_run_without_a_name_gets_one(alice, workspace, cast):
    experiment = factories.experiment(workspace, cast.alice)
    alice.post("runs/create", experiment_id=str(experiment.pk))
    assert Run.objects.get().name.startswith("run-")


def test_run_name_that_comes_as_a_tag_is_the_name_unless_it_is_too_long(
    alice, workspace, cast
):
    experiment = factories.experiment(workspace, cast.alice)

    def create(name):
        tags = [{"key": "mlflow.runName", "value": name}]
        return alice.post("runs/create", experiment_id=str(experiment.pk), tags=tags)

    assert create("n" * 251) == invalid(
        "run_name_too_long", "A run name has at most 250 characters: shorten it."
    )
    assert not Run.objects.exists()
    assert create("n" * 250)[0] == 200
    assert Run.objects.get().name == "n" * 250


def test_run_cannot_start_in_an_archived_experiment(alice, workspace, cast, log):
    experiment = factories.experiment(workspace, cast.alice)
    Experiment.objects.update(lifecycle_stage=Lifecycle.DELETED)
    log()
    assert alice.post("runs/create", experiment_id=str(experiment.pk)) == invalid(
        "experiment_archived",
        "The experiment credit is archived: restore it or use another one.",
    )
    assert log() == []


@pytest.mark.parametrize("named", [{}, {"run_id": ""}, {"run_uuid": ""}])
def test_run_must_be_named(alice, named):
    expected = invalid(
        "run_id_missing",
        "Missing value for required parameter 'run_id': send the id of a run.",
    )
    for path, query in (
        ("runs/get", {}),
        ("artifacts/list", {}),
        ("metrics/get-history", {"metric_key": "a"}),
    ):
        assert alice.get(path, **named, **query) == expected
    for path, message in (
        ("runs/update", {}),
        ("runs/delete", {}),
        ("runs/restore", {}),
        ("runs/log-batch", {}),
        ("runs/log-inputs", {}),
        ("runs/set-tag", {"key": "a"}),
        ("runs/delete-tag", {"key": "a"}),
        ("runs/log-parameter", {"key": "a"}),
        ("runs/log-metric", {"key": "a", "value": 1, "timestamp": 1}),
    ):
        assert alice.post(path, **named, **message) == expected


@pytest.mark.parametrize("run_id", ["nobody", "0" * 32, "' OR 1=1 --"])
def test_unknown_run_is_not_found_wherever_it_is_named(alice, run_id):
    expected = unknown_run(run_id)
    assert alice.get("runs/get", run_id=run_id) == expected
    assert alice.post("runs/update", run_id=run_id) == expected
    assert alice.post("runs/log-batch", run_id=run_id) == expected
    assert alice.post("runs/log-inputs", run_id=run_id) == expected
    assert alice.post("runs/set-tag", run_id=run_id, key="a") == expected
    assert alice.post("runs/log-parameter", run_id=run_id, key="a") == expected
    assert (
        alice.post("runs/log-metric", run_id=run_id, key="a", value=1, timestamp=1)
        == expected
    )


def test_run_is_found_by_its_old_name_too(alice, run):
    assert alice.get("runs/get", run_uuid=run.run_id)[0] == 200


def test_ending_a_run_seals_its_whole_content(alice, cast, run, log):
    factories.everything_logged(run, cast.alice)
    factories.upload(run, "model/model.onnx", b"model", cast.alice)
    log()

    status, answer = alice.post(
        "runs/update", run_id=run.run_id, status="FINISHED", end_time=1_800_000_000_000
    )

    assert status == 200
    assert answer["run_info"]["status"] == "FINISHED"
    assert answer["run_info"]["end_time"] == 1_800_000_000_000
    run = Run.objects.get()
    sealed = content_digest(run)
    assert RunSeal.objects.get().digest == sealed
    assert log() == [
        (
            "tracking.run.updated",
            run.subject,
            {"status": "FINISHED", "content": digest({"name": "run"})},
        ),
        ("tracking.run.sealed", run.subject, {"content": sealed}),
    ]


def test_end_that_is_not_named_stays_and_nothing_is_sealed_twice(alice, run, log):
    message = {"run_id": run.run_id, "status": "FINISHED"}
    alice.post("runs/update", **message, end_time=1_800_000_000_000)
    log()
    for same in (message, {"run_id": run.run_id}, {**message, "end_time": None}):
        _, answer = alice.post("runs/update", **same)
        assert answer["run_info"]["end_time"] == 1_800_000_000_000
    assert log() == []
    _, answer = alice.post("runs/update", run_id=run.run_id, run_name="renamed")
    assert answer["run_info"]["end_time"] == 1_800_000_000_000
    assert [kind for kind, _, _ in log()] == [
        "tracking.run.updated",
        "tracking.run.sealed",
    ]
    later = 1_900_000_000_000
    _, answer = alice.post("runs/update", run_id=run.run_id, end_time=later)
    assert answer["run_info"]["end_time"] == later
    assert [kind for kind, _, _ in log()] == ["tracking.run.updated"]
    assert verify_run(Run.objects.get()).is_intact


def test_two_names_of_a_run_are_refused(alice, run):
    message = {"experiment_id": str(run.experiment_id), "run_name": "a"}
    other = [{"key": "mlflow.runName", "value": "b"}]
    assert alice.post("runs/create", **message, tags=other) == invalid(
        "run_named_twice",
        "run_name is 'a' and the tag mlflow.runName is 'b': send one of them, or the "
        "same twice.",
    )
    same = [{"key": "mlflow.runName", "value": "a"}]
    assert alice.post("runs/create", **message, tags=same)[0] == 200
    assert alice.post("runs/create", **message | {"run_name": ""}, tags=other)[0] == 200


def test_moment_that_no_date_has_is_refused(alice, run):
    last = 253_402_300_799_000
    for end, status in ((last, 200), (last + 1, 400)):
        answer = alice.post(
            "runs/update", run_id=run.run_id, status="FINISHED", end_time=end
        )
        assert answer[0] == status
    assert alice.run(run.run_id)["info"]["end_time"] == last
    created = alice.post(
        "runs/create", experiment_id=str(run.experiment_id), start_time=last + 1
    )
    assert created[0] == 400


def test_end_of_a_run_that_goes_on_is_kept_too(alice, run):
    for status in ("RUNNING", "SCHEDULED"):
        _, answer = alice.post(
            "runs/update", run_id=run.run_id, status=status, end_time=1_800_000_000_000
        )
        assert answer["run_info"]["end_time"] == 1_800_000_000_000
    alice.post("runs/update", run_id=run.run_id, run_name="renamed")
    assert alice.run(run.run_id)["info"]["end_time"] == 1_800_000_000_000


def test_seal_covers_every_kind_of_content(alice, cast, run):
    digests = {content_digest(run)}
    factories.everything_logged(run, cast.alice)
    digests.add(content_digest(run))
    factories.upload(run, "a.txt", b"1", cast.alice)
    digests.add(content_digest(run))
    factories.upload(run, "a.txt", b"2", cast.alice)
    digests.add(content_digest(run))
    alice.post("runs/set-tag", run_id=run.run_id, key="team", value="risk")
    digests.add(content_digest(run))
    alice.post("runs/log-metric", run_id=run.run_id, key="m", value=1, timestamp=1)
    digests.add(content_digest(run))
    assert len(digests) == 6


def test_ended_run_is_opened_again_and_sealed_again(alice, run, log):
    alice.post("runs/update", run_id=run.run_id, status="FINISHED")
    log()

    alice.post("runs/update", run_id=run.run_id, status="RUNNING")
    assert "end_time" not in alice.run(run.run_id)["info"]
    assert alice.post("runs/log-parameter", run_id=run.run_id, key="late") == (200, {})
    alice.post("runs/update", run_id=run.run_id, status="FINISHED")

    assert [kind for kind, _, _ in log()] == [
        "tracking.run.updated",
        "tracking.run.logged",
        "tracking.run.updated",
        "tracking.run.sealed",
    ]
    first, second = RunSeal.objects.order_by("pk")
    assert first.digest != second.digest
    assert second.digest == content_digest(Run.objects.get())


@pytest.mark.parametrize(("word", "number"), service_pb2.RunStatus.items())
def test_status_may_be_its_number_in_the_protocol_of_mlflow(alice, run, word, number):
    for sent in (number, str(number)):
        alice.post("runs/update", run_id=run.run_id, status="SCHEDULED")
        status, answer = alice.post("runs/update", run_id=run.run_id, status=sent)
        assert (status, answer["run_info"]["status"]) == (200, word)


@pytest.mark.parametrize("number", [-1, 0, 6, 2**40])
def test_number_of_no_status_is_refused(alice, run, number):
    status, answer = alice.post("runs/update", run_id=run.run_id, status=number)
    assert (status, answer["code"]) == (400, "message_invalid")
    assert alice.run(run.run_id)["info"]["status"] == "RUNNING"


def test_unknown_status_is_ignored_as_mlflow_does(alice, run):
    status, answer = alice.post("runs/update", run_id=run.run_id, status="DANCING")
    assert (status, answer["run_info"]["status"]) == (200, "RUNNING")


def test_renaming_a_run_changes_the_tag_of_its_name(alice, run):
    alice.post("runs/update", run_id=run.run_id, run_name="better")
    shown = alice.run(run.run_id)
    assert shown["info"]["run_name"] == "better"
    assert shown["data"]["tags"] == [{"key": "mlflow.runName", "value": "better"}]


def test_frozen_run_refuses_every_write_and_can_still_be_read(
    alice, as_token, cast, run, log
):
    freeze(factories.end(run, cast.alice), actor=cast.alice)
    before, client = alice.run(run.run_id), as_token(cast.alice)
    log()

    expected = conflict(
        "run_frozen",
        f"The run {run.run_id} is evidence of a promotion and cannot change "
        f"any more. Log to a new run.",
    )
    named = {"run_id": run.run_id}
    assert alice.post("runs/update", **named, status="RUNNING") == expected
    assert alice.post("runs/log-batch", **named) == expected
    assert alice.post("runs/log-inputs", **named) == expected
    assert alice.post("runs/set-tag", **named, key="a") == expected
    assert alice.post("runs/log-parameter", **named, key="a") == expected
    metric = {"key": "a", "value": 1, "timestamp": 1}
    assert alice.post("runs/log-metric", **named, **metric) == expected
    upload = client.put(
        f"/api/2.0/mlflow-artifacts/artifacts/{run.experiment_id}/{run.run_id}"
        f"/artifacts/late.txt",
        b"late",
    )
    assert (upload.status_code, upload.json()) == expected
    assert log() == []
    assert alice.run(run.run_id) == before


def test_archived_run_refuses_writes(alice, run):
    Run.objects.update(lifecycle_stage=Lifecycle.DELETED)
    assert alice.post("runs/log-batch", run_id=run.run_id) == invalid(
        "run_archived", f"The run {run.run_id} is archived: restore it first."
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `name`"),
        (b'{"name": ""}', "Expected `str` of length >= 1 - at `$.name`"),
        (b'{"name": 5}', "Expected `str`, got `int` - at `$.name`"),
        (
            b'{"name": "\xff"}',
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (
            b'{"name": "a\\u0000"}',
            "Expected `str` without NUL characters - at `$.name`",
        ),
    ],
)
def test_message_that_cannot_be_read_is_named_by_its_field(alice, log, body, reason):
    log()
    assert alice.send("experiments/create", body) == unreadable(reason)
    assert log() == []


def test_runs_get_asks_the_database_as_often_however_much_was_logged(
    alice, cast, run, django_assert_num_queries
):
    alice.run(run.run_id)  # a token notes its use once a minute
    with django_assert_num_queries(5):
        alice.run(run.run_id)
    factories.everything_logged(run, cast.alice)
    with django_assert_num_queries(6):  # one for the dataset
        alice.run(run.run_id)
    alice.post(
        "runs/log-batch",
        run_id=run.run_id,
        params=[{"key": f"p{n}", "value": "1"} for n in range(50)],
        metrics=[{"key": f"m{n}", "value": n, "timestamp": 1} for n in range(50)],
    )
    with django_assert_num_queries(6):
        alice.run(run.run_id)
