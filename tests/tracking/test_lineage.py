"""What data come from and what came of them, in both directions, over the native API."""

from itertools import pairwise

import pytest

from audit.services import system_account
from tests import factories
from tracking.lineage import (
    DEEPEST,
    derived_from,
    lineage_of,
    runs_in_lineage,
    runs_in_lineages,
    runs_that_came_of,
    standing_on_sensitive_data,
)
from tracking.models import Dataset, DatasetInput
from tracking.models.logged_model import UseDirection
from tracking.permissions import Role
from tracking.services.experiments import create_experiment
from tracking.services.logged_models import log_model_uses
from tracking.services.logging import log_batch
from tracking.services.runs import archive_run, create_run
from tracking.services.workspaces import create_workspace

DATASETS = "/api/v1/datasets/"


def answer(response):
    return response.status_code, response.json()


@pytest.fixture
def alice(as_token, cast):
    return as_token(cast.alice)


def steps(walk):
    return [
        (
            step["depth"],
            step["dataset"]["name"],
            step["run_id"],
            step["context"],
            [dataset["name"] for dataset in step["datasets"]],
        )
        for step in walk["steps"]
    ]


@pytest.fixture
def pipeline(workspace, cast):
    """raw → cleaning → clean → splitting → train → training → a logged model."""
    actor = cast.alice
    cleaning, splitting, training = (
        factories.run(workspace, actor, name)
        for name in ("cleaning", "splitting", "training")
    )
    for run, used, made in (
        (cleaning, "raw", "clean"),
        (splitting, "clean", "train"),
        (training, "train", None),
    ):
        factories.use_dataset(run, actor, used, context="")
        if made:
            factories.use_dataset(run, actor, made, context="output")
    return cleaning, splitting, training


def test_lineage_goes_both_ways(workspace, cast, alice, pipeline):
    cleaning, splitting, training = pipeline
    model = factories.logged_model(splitting, cast.alice)
    clean = Dataset.objects.get(name="clean")

    status, lineage = answer(alice.get(f"{DATASETS}{clean.pk}/lineage/"))

    assert (status, lineage["dataset"]) == (
        200,
        {"id": clean.pk, "name": "clean", "digest": clean.digest},
    )
    assert steps(lineage["backward"]) == [
        (1, "clean", cleaning.run_id, "output", ["raw"])
    ]
    assert steps(lineage["forward"]) == [
        (1, "clean", splitting.run_id, "", ["train"]),
        (2, "train", training.run_id, "", []),
    ]
    assert lineage["logged_models"] == [
        {"model_id": model.model_id, "name": "scorer", "run_id": splitting.run_id}
    ]
    assert not lineage["backward"]["is_cut"]
    assert not lineage["forward"]["is_cut"]


def test_backward_lineage_reaches_the_first_source(cast, alice, pipeline):
    cleaning, splitting, _ = pipeline
    train = Dataset.objects.get(name="train")

    lineage = alice.get(f"{DATASETS}{train.pk}/lineage/").json()

    assert steps(lineage["backward"]) == [
        (1, "train", splitting.run_id, "output", ["clean"]),
        (2, "clean", cleaning.run_id, "output", ["raw"]),
    ]


def test_run_names_what_it_used_and_what_it_made(alice, pipeline):
    _, splitting, _ = pipeline

    told = alice.get(f"/api/v1/runs/{splitting.run_id}/datasets/").json()

    assert [use["dataset"]["name"] for use in told["used"]] == ["clean"]
    assert [use["dataset"]["name"] for use in told["produced"]] == ["train"]
    unknown = alice.get(f"/api/v1/runs/{'0' * 32}/datasets/")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "run_unknown")


def test_whatever_used_what_a_run_made_came_of_it(workspace, cast, pipeline):
    cleaning, splitting, training = pipeline
    model = factories.logged_model(training, cast.alice)
    tuning = factories.run(workspace, cast.alice, "tuning")
    log_model_uses(
        tuning, models=[(model, 0)], direction=UseDirection.INPUT, actor=cast.alice
    )
    factories.run(workspace, cast.alice, "unrelated")
    last = {training.pk, tuning.pk}

    assert runs_that_came_of([training.pk]) == last
    assert runs_that_came_of([splitting.pk]) == {splitting.pk, *last}
    assert runs_that_came_of([cleaning.pk]) == {cleaning.pk, splitting.pk, *last}
    assert runs_that_came_of([]) == set()


def test_archived_run_stays_in_the_lineage(cast, alice, pipeline):
    cleaning, *_ = pipeline
    archive_run(cleaning, actor=cast.alice)
    clean = Dataset.objects.get(name="clean")

    lineage = alice.get(f"{DATASETS}{clean.pk}/lineage/").json()

    assert [step["run_id"] for step in lineage["backward"]["steps"]] == [
        cleaning.run_id
    ]


def test_datasets_made_of_each_other_end_the_walk(workspace, cast):
    run, back = (factories.run(workspace, cast.alice, n) for n in ("there", "back"))
    first = factories.use_dataset(run, cast.alice, "first")
    second = factories.use_dataset(run, cast.alice, "second", context="output")
    factories.use_dataset(back, cast.alice, "second")
    factories.use_dataset(back, cast.alice, "first", context="output")

    lineage = lineage_of(first, user=cast.carol)

    assert [(s.depth, s.run) for s in lineage.forward.steps] == [(1, run), (2, back)]
    assert [(s.depth, s.run) for s in lineage.backward.steps] == [(1, back), (2, run)]
    assert not lineage.forward.is_cut
    assert derived_from(first, user=cast.carol) == (
        {first.digest, second.digest},
        False,
    )


def test_walk_ends_at_a_depth_and_says_so(workspace, cast):
    chain = [str(number) for number in range(DEEPEST + 2)]
    for used, made in pairwise(chain):
        run = factories.run(workspace, cast.alice)
        factories.use_dataset(run, cast.alice, used)
        factories.use_dataset(run, cast.alice, made, context="output")
    last = Dataset.objects.get(name=chain[-1])

    lineage = lineage_of(last, user=cast.carol)

    assert len(lineage.backward.steps) == DEEPEST
    assert lineage.backward.is_cut
    first = Dataset.objects.get(name="0")
    assert derived_from(first, user=cast.carol)[1]


def test_lineage_shows_no_run_that_one_may_not_see(workspace, cast, as_token):
    hidden = create_experiment(workspace, name="hidden", actor=cast.alice)
    run = create_run(
        hidden,
        name="secret",
        started_at=factories.run(workspace, cast.alice).started_at,
        tags={},
        actor=cast.alice,
    )
    loans = factories.use_dataset(run, cast.alice)
    # An administrator sees the workspace, and no experiment but as a superuser.
    admin = factories.person("adam", workspace, Role.ADMINISTRATOR)

    shown = as_token(admin).get(f"{DATASETS}{loans.pk}/lineage/").json()
    seen = as_token(cast.carol).get(f"{DATASETS}{loans.pk}/lineage/").json()

    assert (shown["forward"]["steps"], shown["logged_models"]) == ([], [])
    assert [step["run_id"] for step in seen["forward"]["steps"]] == [run.run_id]


def test_lineage_costs_two_queries_a_level(
    workspace, cast, pipeline, django_assert_num_queries
):
    clean = Dataset.objects.get(name="clean")
    lineage_of(clean, user=cast.carol)
    for _ in range(3):
        factories.use_dataset(factories.run(workspace, cast.alice), cast.alice, "clean")

    # Two for each of the levels, but one where nobody made raw; and the models.
    with django_assert_num_queries(8):
        assert len(lineage_of(clean, user=cast.carol).forward.steps) == 5


def test_lineages_of_many_runs_are_those_of_each(workspace, cast):
    raw, cleaning, training, lonely = (
        factories.run(workspace, cast.alice, name)
        for name in ("raw", "cleaning", "training", "lonely")
    )
    factories.use_dataset(raw, cast.alice, "raw", context="output")
    factories.use_dataset(cleaning, cast.alice, "raw")
    factories.use_dataset(cleaning, cast.alice, "clean", context="output")
    factories.use_dataset(training, cast.alice, "clean")
    log_batch(training, tags=[("mlflow.parentRunId", lonely.run_id)], actor=cast.alice)

    found = runs_in_lineages([run.pk for run in (raw, cleaning, training, lonely)])

    assert found == {
        raw.pk: {raw.pk},
        cleaning.pk: {cleaning.pk, raw.pk},
        training.pk: {training.pk, cleaning.pk, raw.pk, lonely.pk},
        lonely.pk: {lonely.pk, training.pk, cleaning.pk, raw.pk},
    }
    assert runs_in_lineages([]) == {}


def test_same_data_under_another_name_have_the_same_origin(workspace, cast):
    cleaning, training, other = (
        factories.run(workspace, cast.alice, name)
        for name in ("cleaning", "training", "other")
    )
    made = factories.use_dataset(cleaning, cast.alice, "clean", context="output")
    factories.use_dataset(training, cast.alice, "alias", content_digest=made.digest)
    factories.use_dataset(other, cast.alice, "clean", content_digest="other1")

    found = runs_in_lineages([training.pk, other.pk])

    assert found == {training.pk: {training.pk, cleaning.pk}, other.pk: {other.pk}}


def test_data_of_an_empty_digest_are_no_other_data(workspace, cast):
    """No door lets one in, so that rows stand for it here."""
    named = [
        Dataset.objects.create(workspace=workspace, name=name) for name in ("a", "b")
    ]
    runs = [factories.run(workspace, cast.alice) for _ in named]
    for run, dataset, context in zip(runs, named, ("output", "training"), strict=True):
        tags = {"mlflow.data.context": context}
        DatasetInput.objects.create(run=run, dataset=dataset, tags=tags)

    assert runs_in_lineage(runs[1]) == {runs[1].pk}


def test_lineage_ends_at_the_workspace_whatever_its_runs_claim(workspace, cast):
    other = create_workspace("other", actor=system_account())
    factories.grant(cast.alice, Role.DEVELOPER, other)
    source, stranger = (factories.run(home, cast.alice) for home in (workspace, other))
    for run, claimed in ((source, stranger), (stranger, source)):
        for parent in (claimed.run_id, "none"):
            tag = ("mlflow.parentRunId", parent)
            log_batch(run, tags=[tag], actor=cast.alice)
            assert runs_in_lineage(source) == {source.pk}


def test_data_that_are_sensitive_elsewhere_count_for_whom_the_lineage_leads_there(
    workspace, cast
):
    other = create_workspace("other", actor=system_account())
    factories.grant(cast.alice, Role.DEVELOPER, other)
    factories.grant(cast.stella, Role.STEWARD, other)
    base, source = (factories.run(home, cast.alice) for home in (other, workspace))
    data = factories.use_dataset(base, cast.alice)
    factories.card(data, cast.stella, labellers=[], sensitivity=["phi"])
    model = factories.logged_model(base, cast.alice)
    log_model_uses(
        source, models=[(model, 0)], direction=UseDirection.INPUT, actor=cast.alice
    )

    assert standing_on_sensitive_data([source.pk]) == {source.pk}


def test_whole_lineages_are_walked_in_as_many_queries_for_many_runs(
    workspace, cast, django_assert_num_queries
):
    runs = [factories.run(workspace, cast.alice, f"run {n}") for n in range(8)]
    for run in runs:
        factories.use_dataset(run, cast.alice)

    for wanted in (runs[:1], runs):
        with django_assert_num_queries(5):
            runs_in_lineages([run.pk for run in wanted])
