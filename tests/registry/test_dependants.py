"""What stands on a dataset: versions and slots, and who gets to see them."""

from guardian.shortcuts import assign_perm

from registry.models import ModelVersion
from registry.services.model_versions import register_version
from registry.services.promotion import promote
from tests import factories
from tracking.models import Dataset
from tracking.services.runs import archive_run


def dependants(client, dataset, **query):
    response = client.get(f"/api/v1/datasets/{dataset.pk}/dependants/", query)
    assert response.status_code == 200
    return response.json()


def version_of(run, workspace, cast, content: bytes) -> ModelVersion:
    artifact = factories.upload(run, factories.MODEL, content, cast.alice)
    return register_version(
        factories.model(workspace, cast),
        source_run=factories.end(run, cast.alice),
        artifact_path=factories.MODEL,
        artifact_sha256=artifact.sha256,
        actor=cast.alice,
    )


def trained_on(name, workspace, cast, content: bytes) -> ModelVersion:
    run = factories.run(workspace, cast.alice)
    factories.use_dataset(run, cast.alice, name)
    return version_of(run, workspace, cast, content)


def named(answer):
    return [version["version"] for version in answer["results"]]


def test_dataset_names_the_version_made_with_it_and_where_it_serves(
    workspace, cast, as_token
):
    factories.policy(workspace, cast)
    run = factories.run(workspace, cast.alice)
    loans = factories.use_dataset(run, cast.alice)
    factories.upload(run, factories.PREDICTIONS, factories.predictions(), cast.alice)
    version = version_of(run, workspace, cast, b"model")
    promote(factories.approved(version, cast), actor=cast.rex)
    factories.version(workspace, cast, content=b"without the data")

    answer = dependants(as_token(cast.carol), loans)

    (shown,) = answer.pop("results")
    assert (shown["registered_model"], shown["version"], shown["run_id"]) == (
        "credit",
        version.number,
        run.run_id,
    )
    assert answer == {
        "count": 1,
        "next": None,
        "previous": None,
        "slots": [
            {
                "registered_model": "credit",
                "environment": "production",
                "champion_version": version.number,
                "champion_artifact_sha256": version.artifact_sha256,
            }
        ],
        "is_cut": False,
    }


def test_version_made_with_derived_data_stands_on_the_source(workspace, cast, as_token):
    cleaning = factories.run(workspace, cast.alice)
    raw = factories.use_dataset(cleaning, cast.alice, "raw")
    clean = factories.use_dataset(cleaning, cast.alice, "clean", context="output")
    trained_on("raw", workspace, cast, b"1")
    trained_on("clean", workspace, cast, b"2")
    trained_on("unrelated", workspace, cast, b"3")
    carol = as_token(cast.carol)

    assert named(dependants(carol, raw)) == [1, 2]
    assert named(dependants(carol, clean)) == [2]


def test_run_that_made_the_data_does_not_stand_on_it(workspace, cast, as_token):
    run = factories.run(workspace, cast.alice)
    made = factories.use_dataset(run, cast.alice, "scores", context="output")
    version_of(run, workspace, cast, b"1")

    assert named(dependants(as_token(cast.carol), made)) == []


def test_archiving_the_run_hides_no_dependant(workspace, cast, as_token):
    version = trained_on("loans", workspace, cast, b"1")
    archive_run(version.linked_run, actor=cast.alice)
    loans = Dataset.objects.get(name="loans")

    assert named(dependants(as_token(cast.carol), loans)) == [1]


def test_versions_of_models_that_one_may_not_see_are_left_out(
    workspace, cast, as_token
):
    version = trained_on("loans", workspace, cast, b"1")
    loans = Dataset.objects.get(name="loans")
    nina = factories.person("nina", workspace, None)
    assign_perm("tracking.view_workspace", nina, workspace)

    without_anything = dependants(as_token(nina), loans)
    assign_perm("registry.view_registeredmodel", nina, version.registered_model)
    without_the_run = dependants(as_token(nina), loans)
    assign_perm("tracking.view_experiment", nina, version.linked_run.experiment)
    with_both = dependants(as_token(nina), loans)

    answers = (without_anything, without_the_run, with_both)
    assert [named(answer) for answer in answers] == [[], [], [1]]


def test_version_made_with_the_same_data_under_another_name_stands_on_them(
    workspace, cast, as_token
):
    cleaning = factories.run(workspace, cast.alice)
    raw = factories.use_dataset(cleaning, cast.alice, "raw")
    clean = factories.use_dataset(cleaning, cast.alice, "clean", context="output")
    training = factories.run(workspace, cast.alice)
    factories.use_dataset(training, cast.alice, "input", content_digest=clean.digest)
    version_of(training, workspace, cast, b"1")

    assert named(dependants(as_token(cast.carol), raw)) == [1]


def test_dependants_cost_the_same_number_of_queries_however_many(
    workspace, cast, as_token, django_assert_num_queries
):
    for number in range(3):
        trained_on("loans", workspace, cast, b"%d" % number)
    loans = Dataset.objects.get(name="loans")
    carol = as_token(cast.carol)
    dependants(carol, loans)

    with django_assert_num_queries(10):
        assert named(dependants(carol, loans, limit=2)) == [1, 2]
