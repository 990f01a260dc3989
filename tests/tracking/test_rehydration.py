"""The bundle to run a run again: what is in it, what is missing, and its digest."""

import hashlib

import pytest

from audit.services import system_account
from audit.tlog.canonical import digest
from tests import factories
from tracking.rehydration import rehydration
from tracking.services.artifacts import remove_artifacts
from tracking.services.logged_models import tag_logged_model
from tracking.services.logging import UsedDataset, log_batch, log_inputs
from tracking.services.workspaces import create_workspace

pytestmark = pytest.mark.django_db

EVERYTHING = [
    "commit",
    "repository",
    "command line",
    "lock file or image",
    "data digest",
]


def fetched(client, run):
    response = client.get(f"/api/v1/runs/{run.run_id}/rehydration/")
    assert response.status_code == 200
    return response.json()


def used(name, context="training"):
    return UsedDataset(
        name=name,
        digest="abc123",
        source_type="local",
        source=f"{name}.csv",
        schema="{}",
        profile="{}",
        tags={"mlflow.data.context": context},
    )


def test_bundle_holds_all_that_is_needed_and_its_digest(run, cast, as_token):
    diff = "-seed = 1\n+seed = 2\n"
    log_batch(
        run,
        params=[("seed", "7"), ("depth", "3"), ("random_state", "None")],
        tags=[
            ("mlflow.source.git.commit", "c" * 40),
            ("mlflow.source.git.branch", "main"),
            ("mlflow.source.git.repoURL", "https://example.org/credit.git"),
            ("mlflow.source.git.dirty", "true"),
            ("mlflow.source.git.diff", diff),
            ("mlflow.source.name", "train.py"),
            ("mlflow.docker.image.uri", "registry.example.org/train:1"),
            ("attestry.command", "python train.py --fast"),
            ("attestry.python_version", "3.11.2"),
            ("attestry.platform", "linux"),
        ],
        actor=cast.alice,
    )
    log_inputs(run, datasets=[used("tests", "test"), used("loans")], actor=cast.alice)
    lock = factories.upload(run, "env/uv.lock", b"locked", cast.alice)
    model = factories.logged_model(run, cast.alice)
    pip = factories.upload(model, "requirements.txt", b"mlflow", cast.alice)
    ended = factories.end(run, cast.alice)
    seal = ended.seals.get().digest

    bundle = fetched(as_token(cast.bob), run)

    files = f"/w/default/api/2.0/mlflow-artifacts/artifacts/{run.experiment_id}"
    said = bundle.pop("digest")
    assert bundle == {
        "run_id": run.run_id,
        "experiment": run.experiment.subject,
        "seal": seal,
        "code": {
            "commit": "c" * 40,
            "branch": "main",
            "repository": "https://example.org/credit.git",
            "is_dirty": True,
            "diff": {
                "sha256": hashlib.sha256(diff.encode()).hexdigest(),
                "text": diff,
                "file": None,
            },
        },
        "command": {
            "source": "train.py",
            "project_entry_point": None,
            "command": "python train.py --fast",
        },
        "environment": {
            "python": "3.11.2",
            "platform": "linux",
            "image": "registry.example.org/train:1",
            "image_id": None,
            "lock_files": [
                {
                    "path": "env/uv.lock",
                    "model_id": None,
                    "sha256": lock.sha256,
                    "size_bytes": 6,
                    "download": f"{files}/{run.run_id}/artifacts/env/uv.lock",
                },
                {
                    "path": "requirements.txt",
                    "model_id": model.model_id,
                    "sha256": pip.sha256,
                    "size_bytes": 6,
                    "download": (
                        f"{files}/models/{model.model_id}/artifacts/requirements.txt"
                    ),
                },
            ],
        },
        "datasets": [
            {
                "name": name,
                "digest": "abc123",
                "context": context,
                "source_type": "local",
                "source": f"{name}.csv",
            }
            for name, context in (("loans", "training"), ("tests", "test"))
        ],
        "params": {"depth": "3", "random_state": "None", "seed": "7"},
        "seeds": {"seed": "7"},
        "missing": [],
    }
    assert said == digest(bundle)


def test_file_is_downloaded_from_where_the_bundle_says(run, cast, as_token):
    factories.upload(run, "a b/ü?/uv.lock", b"locked", cast.alice)
    bob = as_token(cast.bob)

    [file] = fetched(bob, run)["environment"]["lock_files"]
    response = bob.get(file["download"])

    assert b"".join(response.streaming_content) == b"locked"
    assert hashlib.sha256(b"locked").hexdigest() == file["sha256"]


def test_what_makes_it_impossible_is_missing_by_name(run, cast, as_token):
    bob = as_token(cast.bob)
    assert fetched(bob, run)["missing"] == EVERYTHING

    tags = [("attestry.git.dirty", "true"), ("mlflow.source.name", "<console>")]
    log_batch(run, tags=tags, actor=cast.alice)
    assert fetched(bob, run)["missing"] == [
        "commit",
        "repository",
        "diff of the dirty tree",
        "command line",
        "lock file or image",
        "data digest",
    ]

    factories.upload(run, "attestry/git.diff", b"-a\n+b\n", cast.alice)
    assert fetched(bob, run)["missing"] == EVERYTHING
    diff = fetched(bob, run)["code"]["diff"]
    assert (diff["text"], diff["file"]["path"]) == (None, "attestry/git.diff")


def test_removed_lock_file_is_missing(run, cast):
    factories.upload(run, "uv.lock", b"locked", cast.alice)
    assert "lock file or image" not in rehydration(run).missing
    remove_artifacts(run, path="uv.lock", actor=cast.alice)

    assert "lock file or image" in rehydration(run).missing


def test_digest_changes_with_the_content_and_with_nothing_else(run, cast):
    before = rehydration(run).digest
    log_batch(run, tags=[("note", "nothing to run")], actor=cast.alice)
    assert rehydration(run).digest == before

    log_batch(run, params=[("depth", "3")], actor=cast.alice)
    assert rehydration(run).digest != before


def test_who_may_not_see_the_run_gets_no_bundle(run, cast, as_token):
    create_workspace("other", actor=system_account())
    path = f"api/v1/runs/{run.run_id}/rehydration/"

    assert as_token(cast.mallory).get(f"/{path}").status_code == 404
    assert as_token(cast.ada).get(f"/w/other/{path}").status_code == 404
    assert as_token(cast.bob).get("/api/v1/runs/nothing/rehydration/").json()[
        "code"
    ] == ("run_unknown")


CODE_OF_MODEL = {
    "mlflow.source.git.commit": "c" * 40,
    "mlflow.source.git.repoURL": "https://example.org/credit.git",
    "mlflow.source.git.dirty": "true",
    "mlflow.source.git.diff": "-seed = 1\n+seed = 2\n",
}


@pytest.mark.parametrize(
    ("of_run", "is_dirty"),
    [
        ({"mlflow.source.git.commit": "c" * 40}, True),
        ({"mlflow.source.git.commit": "d" * 40}, None),
        ({}, None),
    ],
    ids=["same commit", "another commit", "no commit"],
)
def test_code_is_told_by_the_active_model_of_the_same_commit(
    run, cast, as_token, of_run, is_dirty
):
    """As a client does that versions code: `mlflow.genai.enable_git_model_versioning`."""
    log_batch(run, tags=[*of_run.items()], actor=cast.alice)
    model = factories.logged_model(
        factories.run(run.experiment.workspace, cast.alice), cast.alice
    )
    tag_logged_model(model, tags=CODE_OF_MODEL, actor=cast.alice)
    log_inputs(run, datasets=[], models=[(model, 0)], actor=cast.alice)

    code = fetched(as_token(cast.bob), run)["code"]

    assert code["is_dirty"] is is_dirty
    kept = CODE_OF_MODEL["mlflow.source.git.diff"] if is_dirty else None
    assert (code["diff"] or {}).get("text") == kept


def test_bundle_costs_the_same_number_of_queries_however_much_is_in_it(
    run, cast, as_token, django_assert_num_queries
):
    bob = as_token(cast.bob)
    fetched(bob, run)  # content types are kept from here on
    for number in range(3):
        log_inputs(run, datasets=[used(f"data {number}")], actor=cast.alice)
        factories.upload(run, f"{number}/uv.lock", b"locked", cast.alice)
        model = factories.logged_model(run, cast.alice)
        tag_logged_model(model, tags=CODE_OF_MODEL, actor=cast.alice)
        log_batch(run, tags=[("mlflow.source.git.commit", "c" * 40)], actor=cast.alice)
        with django_assert_num_queries(14):
            fetched(bob, run)
