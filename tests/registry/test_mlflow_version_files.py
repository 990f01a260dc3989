"""Which files a version of MLflow's API is: a folder, one file or a logged model."""

import pytest

from audit.errors import ConflictError
from audit.proofs import trail
from audit.tlog.canonical import digest
from registry.models import ModelVersion, RegisteredModel
from registry.models.tier import Tier
from registry.services.promotion import request_promotion
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tests.registry.mlflow_versions import CREATE, shown
from tracking.models.logged_model import LoggedModelStatus
from tracking.services.artifacts import remove_artifacts
from tracking.services.logged_models import move_logged_model

FOLDER = ("MLmodel", "model.onnx", "requirements.txt")


def test_version_is_the_folder_of_a_run_that_may_go_on(
    alice, model, run, source, cast, news
):
    news()
    status, answer = alice.post(
        CREATE,
        name="scorer",
        source=source,
        run_id=run.run_id,
        run_link="https://ci/1",
        description="The first.",
        tags=[{"key": "team", "value": "credit"}],
    )
    created = answer["model_version"].pop("creation_timestamp")
    assert answer["model_version"].pop("last_updated_timestamp") == created
    assert (status, answer) == (
        200,
        {
            "model_version": {
                "name": "scorer",
                "version": "1",
                "user_id": "alice",
                "current_stage": "None",
                "source": source,
                "run_id": run.run_id,
                "run_link": "https://ci/1",
                "status": "READY",
                "description": "The first.",
                "tags": [{"key": "team", "value": "credit"}],
            }
        },
    )
    version = ModelVersion.objects.get()
    files = {f.path.removeprefix("model/"): f.sha256 for f in run.artifacts.all()}
    assert sorted(files) == sorted(FOLDER)
    assert f"sha256:{version.artifact_sha256}" == digest(files)
    assert news() == [("registry.version.registered", "version/default/scorer/1")]
    (entry,) = trail([version.subject])
    assert entry.payload["artifact_sha256"] == version.artifact_sha256
    assert entry.payload["source_run"] == run.subject


def test_one_file_is_a_version_by_its_own_digest(alice, model, run, source):
    alice.post(CREATE, name="scorer", source=f"{source}/model.onnx")
    version = ModelVersion.objects.get()
    file = run.artifacts.get(path="model/model.onnx")
    assert (version.artifact, version.artifact_sha256) == (file, file.sha256)


@pytest.mark.parametrize("form", ["runs", "proxied"])
def test_every_address_of_a_run_leads_to_its_files(alice, model, run, form):
    address = {
        "runs": f"runs:/{run.run_id}/model",
        "proxied": f"{run.artifact_uri}/model",
    }[form]
    alice.post(CREATE, name="scorer", source=address)
    _, answer = alice.get("model-versions/get-download-uri", name="scorer", version="1")
    assert answer == {"artifact_uri": f"{run.artifact_uri}/model"}
    assert shown(alice)["source"] == address


@pytest.mark.parametrize("form", ["models", "proxied"])
def test_logged_model_is_a_version_with_its_source_run(alice, model, run, cast, form):
    logged = factories.logged_model(run, cast.alice)
    address = {
        "models": f"models:/{logged.model_id}",
        "proxied": logged.artifact_uri,
    }[form]
    alice.post(CREATE, name="scorer", source=address, model_id=logged.model_id)
    line = shown(alice)
    assert (line["run_id"], line["model_id"]) == (run.run_id, logged.model_id)
    _, answer = alice.get("model-versions/get-download-uri", name="scorer", version="1")
    assert answer == {"artifact_uri": logged.artifact_uri}


def test_same_content_is_the_same_version(alice, version, source, news):
    news()
    again = alice.post(CREATE, name="scorer", source=source)
    assert again == (200, {"model_version": shown(alice)})
    assert news() == []
    assert alice.post(CREATE, name="scorer", source=source, description="Other.") == (
        409,
        {
            "error_code": "RESOURCE_CONFLICT",
            "code": "artifact_already_registered",
            "message": "This artifact is scorer version 1 already: use that version.",
            "version": 1,
        },
    )


def test_copy_under_another_name_has_the_same_content_and_run(alice, version, run):
    alice.post("registered-models/create", name="copied")
    alice.post(CREATE, name="copied", source="models:/scorer/1", run_id=run.run_id)
    copy = ModelVersion.objects.get(registered_model__name="copied")
    assert copy.source_run == run
    assert copy.artifact_sha256 == version.artifact_sha256
    uris = [
        alice.get("model-versions/get-download-uri", name=name, version="1")
        for name in ("scorer", "copied")
    ]
    assert uris[0] == uris[1]


def test_files_that_changed_after_registration_cannot_be_submitted(
    alice, version, run, workspace, cast
):
    factories.classified(version.registered_model, cast, Tier.MODERATE)
    document = factories.POLICY.replace(": credit\n", ": scorer\n")
    factories.publish(workspace, document, author=cast.paul, publisher=cast.rita)
    factories.upload(run, "model/late.txt", b"late", cast.alice)
    factories.end(run, cast.alice)
    with pytest.raises(ConflictError) as refused:
        request_promotion(version, environment="production", actor=cast.alice)
    assert refused.value.code == "artifact_changed"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        ("unclassified", "model_not_classified"),
        ("running", "source_run_not_ended"),
        ("pending", "logged_model_not_ready"),
        ("archived", "version_archived"),
        ("model archived", "model_archived"),
    ],
)
def test_version_that_is_not_whole_cannot_be_submitted(
    alice, model, run, workspace, cast, make, code
):
    logged = factories.logged_model(run, cast.alice)
    remove_artifacts(logged, path="model.pkl", actor=cast.alice)
    alice.post(CREATE, name="scorer", source=f"models:/{logged.model_id}")
    document = factories.POLICY.replace(": credit\n", ": scorer\n")
    if make == "pending":
        move_logged_model(logged, to=LoggedModelStatus.PENDING, actor=cast.alice)
    if make != "running":
        factories.end(run, cast.alice)
    factories.classified(model, cast, Tier.MODERATE)
    factories.publish(workspace, document, author=cast.paul, publisher=cast.rita)
    if make == "unclassified":
        with triggers_switched_off("registry_registeredmodel"):
            RegisteredModel.objects.update(tier=None)
    if make == "archived":
        alice.delete("model-versions/delete", name="scorer", version="1")
    if make == "model archived":
        alice.delete("registered-models/delete", name="scorer")
    with pytest.raises(ConflictError) as refused:
        request_promotion(
            ModelVersion.objects.get(), environment="production", actor=cast.alice
        )
    assert refused.value.code == code
    run.refresh_from_db()
    assert not run.is_frozen


def test_file_of_a_version_is_streamed_to_a_link_of_a_page(
    alice, version, run, registry_as, cast
):
    def fetched(path, api=alice, **query):
        asked = {"name": "scorer", "version": "1", "path": path} | query
        return api.client.get(f"{api.prefix}/model-versions/get-artifact", asked)

    found = fetched("MLmodel")
    assert found.status_code == 200
    assert found.getvalue() == f"model/MLmodel of {run.run_id}".encode()
    for refused in (
        fetched("none"),
        fetched("MLmodel", version="2"),
        fetched("MLmodel", api=registry_as(cast.mallory)),
    ):
        assert refused.status_code == 404
        assert refused.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert fetched("MLmodel", version="x").status_code == 400
    assert fetched("a\0").status_code == 400
    assert fetched("../notes.txt").status_code == 400
