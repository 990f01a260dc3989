"""The inventory of models, and what a version was made of, over HTTP."""

import pytest

from registry.models.finding import Severity
from registry.services.model_versions import register_version
from tests import factories
from tracking.services.logging import log_batch

pytestmark = pytest.mark.django_db
COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def made_from(workspace, cast, *, commit=COMMIT):
    """Register and promote a version made by a commit, with data made of other data."""
    factories.policy(workspace, cast)
    cleaning = factories.run(workspace, cast.alice, "cleaning")
    factories.use_dataset(cleaning, cast.alice, "raw")
    factories.use_dataset(cleaning, cast.alice, "clean", context="output")
    run = factories.run(workspace, cast.alice, "training")
    factories.use_dataset(run, cast.alice, "clean")
    log_batch(
        run,
        tags=[
            ("mlflow.source.git.commit", commit),
            ("mlflow.source.git.dirty", "false"),
        ],
        actor=cast.alice,
    )
    artifact = factories.upload(run, factories.MODEL, b"model", cast.alice)
    factories.upload(run, factories.PREDICTIONS, factories.predictions(), cast.alice)
    version = register_version(
        factories.model(workspace, cast),
        source_run=factories.end(run, cast.alice),
        artifact_path=factories.MODEL,
        artifact_sha256=artifact.sha256,
        actor=cast.alice,
    )
    factories.promoted(version, cast)
    return version, cleaning


def test_inventory_lists_what_a_model_is_where_it_serves_and_what_is_open(
    workspace, cast, as_token
):
    factories.policy(workspace, cast)
    version = factories.champion(workspace, cast)
    model = version.registered_model
    bureau = factories.model(workspace, cast, "bureau")
    factories.model_card(model, cast, upstream=[bureau])
    factories.finding(model, cast, Severity.HIGH)
    factories.finding(model, cast, Severity.LOW)

    first, second = (
        as_token(cast.carol).get("/api/v1/registered-models/").json()["results"]
    )

    assert (first["name"], first["downstream"], first["limits_of_use"]) == (
        "bureau",
        ["credit"],
        None,
    )
    due_at = second["champions"][0]["revalidation_due_at"]
    assert second["next_revalidation"] == due_at
    assert second | {"created_at": None, "champions": None} == {
        "name": "credit",
        "description": "",
        "purpose": "Tells who pays back.",
        "tier": 3,
        "owner": "olivia",
        "created_at": None,
        "limits_of_use": "Not for loans below 500.",
        "origin": "own",
        "vendor": "",
        "executive": None,
        "upstream": ["bureau"],
        "downstream": [],
        "champions": None,
        "open_findings": {"high": 1, "low": 1},
        "overdue_findings": 0,
        "next_revalidation": due_at,
        "is_retired": False,
    }
    (serving,) = second["champions"]
    assert (serving["environment"], serving["version"], serving["in_emergency"]) == (
        "production",
        1,
        False,
    )


def test_lineage_tells_data_code_and_run_of_what_serves(workspace, cast, as_token):
    version, cleaning = made_from(workspace, cast)
    carol = as_token(cast.carol)

    by_environment = carol.get(
        "/api/v1/lineage/?registered_model=credit&environment=production"
    ).json()
    by_number = carol.get("/api/v1/lineage/?registered_model=credit&version=1").json()

    assert by_environment == by_number
    assert by_number["version"]["artifact_sha256"] == version.artifact_sha256
    assert by_number["run"]["run_id"] == version.source_run.run_id
    assert by_number["code"] == {
        "commit": COMMIT,
        "branch": None,
        "repository": None,
        "entry_point": None,
        "is_dirty": False,
    }
    assert [(d["name"], d["context"]) for d in by_number["datasets"]] == [
        ("clean", "training")
    ]
    (origin,) = by_number["origins"]
    assert (origin["run_id"], origin["dataset"]["name"], origin["depth"]) == (
        cleaning.run_id,
        "clean",
        1,
    )
    assert [dataset["name"] for dataset in origin["made_from"]] == ["raw"]
    assert by_number["serves_in"] == ["production"]
    assert [r["state"] for r in by_number["promotion_requests"]] == ["promoted"]


def test_versions_and_slots_stand_on_dataset_run_and_commit(workspace, cast, as_token):
    version, cleaning = made_from(workspace, cast)
    raw = cleaning.dataset_inputs.get(dataset__name="raw").dataset
    carol = as_token(cast.carol)

    for path in (
        f"datasets/{raw.pk}",
        f"runs/{version.source_run.run_id}",
        f"runs/{cleaning.run_id}",
        f"commits/{COMMIT}",
    ):
        found = carol.get(f"/api/v1/{path}/dependants/").json()
        assert [line["version"] for line in found["results"]] == [1], path
        assert [slot["environment"] for slot in found["slots"]] == ["production"], path
        assert found["is_cut"] is False
    nothing = carol.get(f"/api/v1/commits/{'0' * 40}/dependants/").json()
    assert (nothing["count"], nothing["slots"]) == (0, [])


def test_lineage_of_nothing_is_not_found(workspace, cast, as_token):
    factories.version(workspace, cast)
    carol = as_token(cast.carol)

    for query, status in (
        ("registered_model=credit&environment=production", 404),
        ("registered_model=credit&version=9", 404),
        ("registered_model=nothing&version=1", 404),
        ("registered_model=credit", 400),
        ("registered_model=credit&version=1&environment=production", 400),
    ):
        assert carol.get(f"/api/v1/lineage/?{query}").status_code == status, query
    oscar = as_token(cast.oscar)
    assert (
        oscar.get("/api/v1/lineage/?registered_model=credit&version=1").status_code
        == 404
    )
    assert oscar.get("/api/v1/runs/nothing/dependants/").status_code == 404
