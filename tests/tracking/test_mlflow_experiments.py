"""Experiments over MLflow's API: labels, archive, search."""

from typing import Any

import pytest
from guardian.models import GroupObjectPermission

from audit.tlog.canonical import digest
from tests import factories
from tests.tracking.refusals import conflict, denied, invalid, unknown
from tracking.models import Experiment, ExperimentTag, Run


@pytest.fixture
def experiment(workspace, cast):
    return factories.experiment(workspace, cast.alice)


def shown(alice, experiment):
    return alice.get("experiments/get", experiment_id=experiment.pk)[1]["experiment"]


def test_experiment_is_created_with_its_tags(alice, log):
    log()
    tags = [{"key": "team", "value": "credit"}]
    alice.post("experiments/create", name="tagged", tags=tags)
    experiment = Experiment.objects.get(name="tagged")
    assert shown(alice, experiment)["tags"] == tags
    assert log()[0][2] == {
        "name": "tagged",
        "content": digest({"tags": {"team": "credit"}}),
    }


def test_artifacts_are_kept_here_wherever_the_client_wants_them(alice):
    wanted = "s3://bucket/credit"
    alice.post("experiments/create", name="x", artifact_location=wanted)
    experiment = Experiment.objects.get(name="x")
    answered = shown(alice, experiment)
    assert answered["artifact_location"] == f"mlflow-artifacts:/{experiment.pk}"
    assert answered["tags"] == [
        {"key": "attestry.wanted_artifact_location", "value": wanted}
    ]
    longer = alice.post("experiments/create", name="y", artifact_location="s" * 2049)
    assert longer[0] == 400


def test_tag_is_set_again_and_removed_with_an_entry_each(alice, experiment, log):
    log()
    named = {"experiment_id": str(experiment.pk), "key": "team"}
    for value in ("one", "two"):
        alice.post("experiments/set-experiment-tag", **named, value=value)
    assert ExperimentTag.objects.get().value == "two"
    assert alice.post("experiments/delete-experiment-tag", **named) == (200, {})
    assert "tags" not in shown(alice, experiment)
    assert [kind for kind, _, _ in log()] == [
        "tracking.experiment.tag_set",
        "tracking.experiment.tag_set",
        "tracking.experiment.tag_removed",
    ]
    assert alice.post("experiments/delete-experiment-tag", **named) == unknown(
        "tag_unknown",
        "The experiment credit has no tag 'team': there is nothing to remove.",
    )


def test_experiment_is_renamed_to_a_free_name(alice, experiment, log):
    alice.post("experiments/create", name="taken")
    log()
    named = {"experiment_id": str(experiment.pk)}
    assert alice.post("experiments/update", **named, new_name="fraud") == (200, {})
    assert log() == [
        ("tracking.experiment.renamed", experiment.subject, {"name": "fraud"})
    ]
    assert alice.post("experiments/update", **named, new_name="taken")[0] == 400
    assert shown(alice, experiment)["name"] == "fraud"


def test_archived_experiment_takes_its_runs_along_and_back(alice, experiment, run, log):
    log()
    named = {"experiment_id": str(experiment.pk)}
    assert alice.post("experiments/delete", **named) == (200, {})
    assert alice.run(run.run_id)["info"]["lifecycle_stage"] == "deleted"
    assert alice.post("experiments/update", **named, new_name="x") == invalid(
        "experiment_archived",
        "The experiment credit is archived: restore it or use another one.",
    )
    assert alice.post("experiments/delete", **named) == unknown(
        "experiment_archived_before", "The experiment credit is archived already."
    )
    assert alice.post("experiments/create", name="credit")[1]["message"] == (
        "The experiment 'credit' exists: it is archived: restore it or choose another "
        "name."
    )

    assert alice.post("experiments/restore", **named) == (200, {})
    assert alice.run(run.run_id)["info"]["lifecycle_stage"] == "active"
    assert alice.post("experiments/restore", **named) == unknown(
        "experiment_not_archived",
        "The experiment credit is active: there is nothing to restore.",
    )
    assert [kind for kind, _, _ in log()] == [
        "tracking.experiment.archived",
        "tracking.experiment.restored",
    ]


def test_evidence_is_not_archived(alice, workspace, cast, log):
    version = factories.version(workspace, cast)
    factories.policy(workspace, cast)
    factories.request(version, cast)
    run = version.linked_run
    log()
    experiment_id = str(run.experiment_id)
    assert alice.post("experiments/delete", experiment_id=experiment_id) == conflict(
        "experiment_holds_evidence",
        "The experiment credit holds runs that are evidence of promotion requests: "
        "archive the other runs one by one.",
    )
    assert alice.post("runs/delete", run_id=run.run_id) == conflict(
        "run_frozen",
        f"The run {run.run_id} is evidence of a promotion and cannot change any "
        f"more. Log to a new run.",
    )
    assert log() == []


def test_who_may_not_log_may_not_write_experiments(mlflow_as, cast, experiment, run):
    carol = mlflow_as(cast.carol)
    refused = denied(
        "may_not_log_run",
        "You may not write in credit: ask for the developer role.",
    )
    named = {"experiment_id": str(experiment.pk)}
    assert carol.post("experiments/delete", **named) == refused
    assert carol.post("experiments/restore", **named) == refused
    assert carol.post("experiments/update", **named, new_name="x") == refused
    assert carol.post("experiments/set-experiment-tag", **named, key="a") == refused
    assert carol.post("runs/delete", run_id=run.run_id)[0] == 403
    assert carol.post("runs/restore", run_id=run.run_id)[0] == 403


def test_run_is_archived_and_restored_once(alice, run, log):
    log()
    for path in ("runs/delete", "runs/delete", "runs/restore", "runs/restore"):
        assert alice.post(path, run_id=run.run_id) == (200, {})
    assert log() == [
        ("tracking.run.archived", run.subject, {}),
        ("tracking.run.restored", run.subject, {}),
    ]


def test_run_that_names_no_experiment_goes_to_the_default_one(alice, mlflow_as, cast):
    first = alice.post("runs/create", experiment_id="0")[1]["run"]["info"]
    alice.post("runs/create", experiment_id="0")
    default = Experiment.objects.get(name="Default")
    assert first["experiment_id"] == str(default.pk)
    assert default.runs.count() == 2
    found = alice.get("experiments/get", experiment_id="0")[1]["experiment"]
    assert found["name"] == "Default"
    runs = alice.post("runs/search", experiment_ids=["0"])[1]["runs"]
    assert len(runs) == 2
    assert mlflow_as(cast.mallory).post("runs/create", experiment_id="0")[0] == 404
    assert Run.objects.count() == 2


def test_default_experiment_is_there_before_any_run(alice, mlflow_as, cast, log):
    mallory = mlflow_as(cast.mallory)
    log()
    shown = {
        "experiment_id": "0",
        "name": "Default",
        "artifact_location": "mlflow-artifacts:/0",
        "lifecycle_stage": "active",
    }
    by_id, by_name = (
        lambda api: api.get("experiments/get", experiment_id="0"),
        lambda api: api.get("experiments/get-by-name", experiment_name="Default"),
    )
    for ask in (by_id, by_name):
        assert ask(alice) == (200, {"experiment": shown})
        assert ask(mallory)[0] == 404
    assert log() == []
    made = alice.post("runs/create", experiment_id="0")[1]["run"]["info"]
    for ask in (by_id, by_name):
        answer = ask(alice)[1]["experiment"]
        assert answer["experiment_id"] == made["experiment_id"] != "0"


def test_default_experiment_that_is_hidden_stays_so(alice, workspace, cast):
    default = factories.experiment(workspace, cast.alice, "Default")
    GroupObjectPermission.objects.filter(
        content_type__model="experiment", object_pk=default.pk
    ).delete()
    for path, query in (
        ("experiments/get", {"experiment_id": "0"}),
        ("experiments/get-by-name", {"experiment_name": "Default"}),
    ):
        assert alice.get(path, **query)[0] == 404


@pytest.mark.parametrize(
    ("filter_string", "names"),
    [
        ("", ["a", "b", "c d"]),
        ("name = 'a'", ["a"]),
        ("attribute.name LIKE 'c%'", ["c d"]),
        ("name ILIKE 'C%'", ["c d"]),
        ("name != 'a'", ["b", "c d"]),
        ("tags.team = 'credit'", ["a"]),
        ("tag.team IS NULL", ["b", "c d"]),
        ("tags.team IS NOT NULL AND creation_time > 0", ["a"]),
        ("last_update_time < 5", []),
        ("experiment_id = '0'", []),
        ("experiment_id NOT IN ('0', 'x')", ["a", "b", "c d"]),
    ],
)
def test_experiments_are_found(alice, filter_string, names):
    tags = [{"key": "team", "value": "credit"}]
    alice.post("experiments/create", name="a", tags=tags)
    alice.post("experiments/create", name="b")
    alice.post("experiments/create", name="c d")
    status, answer = alice.post(
        "experiments/search", filter=filter_string, max_results=10, order_by=["name"]
    )
    found = [row["name"] for row in answer.get("experiments", [])]
    assert (status, found) == (200, names)


def test_experiments_come_newest_first_page_by_page(alice):
    for name in ("first", "second", "third"):
        alice.post("experiments/create", name=name)
    pages: list[list[Any]] = []
    token = ""
    while not pages or token:
        _, answer = alice.post("experiments/search", max_results=2, page_token=token)
        pages.append([row["name"] for row in answer["experiments"]])
        token = answer.get("next_page_token", "")
    assert pages == [["third", "second"], ["first"]]


def test_others_experiments_are_not_found(alice, mlflow_as, cast, experiment):
    assert mlflow_as(cast.mallory).post("experiments/search", max_results=5)[0] == 404
    assert len(alice.post("experiments/search", max_results=5)[1]["experiments"]) == 1


def test_datasets_of_experiments_are_listed(alice, run, cast):
    factories.everything_logged(run, cast.alice)
    answer = alice.post(
        "experiments/search-datasets", experiment_ids=[str(run.experiment_id)]
    )
    assert answer == (
        200,
        {
            "dataset_summaries": [
                {
                    "experiment_id": str(run.experiment_id),
                    "name": "loans",
                    "digest": "abc123",
                    "context": "training",
                }
            ]
        },
    )


def test_dataset_is_listed_once_however_often_it_is_used(
    alice, run, workspace, cast, monkeypatch
):
    """As many summaries are listed as fit, and not what as many uses mean."""
    monkeypatch.setattr("tracking.search.datasets.MOST_DATASETS", 3)
    old = {"name": "old", "digest": "1"}
    sources = {"source_type": "local", "source": "{}"}
    often = {"name": "often", "digest": "2"}
    contexts = [[{"key": "mlflow.data.context", "value": "training"}], []]
    for dataset, tags in [(old, []), *[(often, tags) for tags in contexts] * 3]:
        used = factories.run(workspace, cast.alice)
        status, answer = alice.post(
            "runs/log-inputs",
            run_id=used.run_id,
            datasets=[{"dataset": {**dataset, **sources}, "tags": tags}],
        )
        assert (status, answer) == (200, {})
    here = {"experiment_id": str(run.experiment_id)}
    status, answer = alice.post(
        "experiments/search-datasets",
        experiment_ids=[here["experiment_id"], "999999"],
    )
    summaries = sorted(answer["dataset_summaries"], key=str)
    assert summaries == sorted(
        [
            {**here, **old},
            {**here, **often},
            {**here, **often, "context": "training"},
        ],
        key=str,
    )
    for nobody in ("999999", "0"):
        path = "experiments/search-datasets"
        assert alice.post(path, experiment_ids=[nobody]) == (200, {})


@pytest.mark.parametrize("names", [{}, {"new_name": ""}, {"new_name": None}])
def test_experiment_is_renamed_to_a_name(alice, experiment, names):
    status, answer = alice.post(
        "experiments/update", experiment_id=str(experiment.pk), **names
    )
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("view", "names"),
    [
        *((view, ["kept"]) for view in (1, "1", "active_only")),
        *((view, ["gone"]) for view in (2, "2", "Deleted_Only")),
        *((view, ["gone", "kept"]) for view in (3, "3", "all")),
    ],
)
def test_view_is_named_by_its_number_or_in_any_letter_case(alice, view, names):
    alice.post("experiments/create", name="kept")
    _, gone = alice.post("experiments/create", name="gone")
    alice.post("experiments/delete", **gone)
    query = {"max_results": 5, "view_type": view, "order_by": ["name"]}
    for search in (alice.post, alice.get):
        _, answer = search("experiments/search", **query)
        assert [one["name"] for one in answer["experiments"]] == names


@pytest.mark.parametrize("view", [0, 4, "4", "", "some", True, 1.5], ids=repr)
def test_view_that_is_none_is_refused(alice, view):
    for path, field in (
        ("experiments/search", {"view_type": view, "max_results": 5}),
        ("runs/search", {"run_view_type": view}),
    ):
        status, answer = alice.post(path, **field)
        assert (status, answer["code"]) == (400, "message_invalid")
