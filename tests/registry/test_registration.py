"""Versions link to their source run and to one exact artifact."""

import pytest

from audit.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from audit.proofs import trail
from audit.tlog.canonical import digest
from registry.models import ModelVersion
from registry.services.model_versions import register_version
from registry.services.registered_models import register_model
from tests import factories
from tracking import storage
from tracking.models.metadata import FieldKind, FieldType
from tracking.services.logging import log_batch
from tracking.services.metadata import define_field, set_template

pytestmark = pytest.mark.django_db


def test_versions_count_up_and_name_run_and_artifact_in_the_log(workspace, cast):
    first = factories.version(workspace, cast, content=b"one")
    second = factories.version(workspace, cast, content=b"two")

    assert [first.number, second.number] == [1, 2]
    [entry] = trail([second.subject])
    assert entry.payload == {
        "source": f"runs:/{second.linked_run.run_id}/{factories.MODEL}",
        "source_run": second.linked_run.subject,
        "artifact_path": factories.MODEL,
        "artifact_sha256": second.artifact_sha256,
        "content": digest({"run_link": "", "tags": {}}),
    }


def test_second_registration_of_one_artifact_is_refused(workspace, cast):
    version = factories.version(workspace, cast)

    with pytest.raises(ConflictError) as refusal:
        register_version(
            version.registered_model,
            source_run=version.linked_run,
            artifact_path=factories.MODEL,
            artifact_sha256=version.linked_sha256,
            actor=cast.alice,
        )

    assert (refusal.value.code, refusal.value.detail) == (
        "artifact_already_registered",
        "This artifact is credit version 1 already: use that version.",
    )
    assert ModelVersion.objects.count() == 1


def test_digest_that_is_not_the_artifacts_is_refused(workspace, cast):
    run = factories.run(workspace, cast.alice)
    factories.upload(run, factories.MODEL, b"model", cast.alice)

    with pytest.raises(ConflictError) as refusal:
        register_version(
            factories.model(workspace, cast),
            source_run=run,
            artifact_path=factories.MODEL,
            artifact_sha256="0" * 64,
            actor=cast.alice,
        )

    assert refusal.value.code == "artifact_digest_differs"


def test_artifact_that_changed_in_the_store_is_refused(workspace, cast):
    run = factories.run(workspace, cast.alice)
    artifact = factories.upload(run, factories.MODEL, b"model", cast.alice)
    path = storage.path_of(artifact.sha256)
    path.chmod(0o644)
    path.write_bytes(b"other")

    with pytest.raises(ConflictError) as refusal:
        register_version(
            factories.model(workspace, cast),
            source_run=run,
            artifact_path=factories.MODEL,
            artifact_sha256=artifact.sha256,
            actor=cast.alice,
        )

    assert refusal.value.code == "artifact_altered"


def test_artifact_that_is_not_in_the_run_is_refused(workspace, cast):
    run = factories.run(workspace, cast.alice)

    with pytest.raises(NotFoundError) as refusal:
        register_version(
            factories.model(workspace, cast),
            source_run=run,
            artifact_path="nowhere.onnx",
            artifact_sha256="0" * 64,
            actor=cast.alice,
        )

    assert refusal.value.code == "artifact_unknown"


def test_only_developers_and_bots_register(workspace, cast):
    version = factories.version(workspace, cast)

    with pytest.raises(PermissionDeniedError) as refusal:
        register_version(
            version.registered_model,
            source_run=version.linked_run,
            artifact_path=factories.PREDICTIONS,
            artifact_sha256="0" * 64,
            actor=cast.ada,
        )

    assert refusal.value.code == "may_not_register_version"


def test_owner_is_a_person(workspace, cast):
    with pytest.raises(InvalidError) as refusal:
        register_model(
            workspace,
            name="credit",
            purpose="…",
            owner=cast.bot,
            actor=cast.alice,
        )

    assert refusal.value.code == "owner_is_no_person"


def test_model_name_is_taken_once_in_a_workspace(workspace, cast):
    factories.model(workspace, cast)

    with pytest.raises(ConflictError) as refusal:
        register_model(
            workspace,
            name="credit",
            purpose="…",
            owner=cast.olivia,
            actor=cast.alice,
        )

    assert refusal.value.code == "model_exists"


def ask_for(run, cast, *keys, **rest):
    for key in keys:
        define_field(
            run.experiment.workspace,
            kind=FieldKind.PARAM,
            key=key,
            field_type=FieldType.TEXT,
            actor=cast.paul,
        )
    fields = [{"kind": FieldKind.PARAM, "key": key, "required": True} for key in keys]
    set_template(run.experiment, fields=fields, actor=cast.paul, **rest)


def test_run_that_lacks_what_its_template_demands_is_not_registered(workspace, cast):
    run = factories.run(workspace, cast.alice)
    artifact = factories.upload(run, factories.MODEL, b"model", cast.alice)
    keys = ("purpose", "region", "segment", "team")
    ask_for(run, cast, *keys, blocks_registration=True)

    def register():
        return register_version(
            factories.model(workspace, cast),
            source_run=run,
            artifact_path=factories.MODEL,
            artifact_sha256=artifact.sha256,
            actor=cast.alice,
        )

    with pytest.raises(ConflictError) as refusal:
        register()

    assert (refusal.value.code, refusal.value.detail) == (
        "metadata_incomplete",
        (
            f"The run {run.run_id} lacks 4 of what its experiment asks for. "
            f"The param 'purpose' is missing: log it. "
            f"The param 'region' is missing: log it. "
            f"The param 'segment' is missing: log it."
        ),
    )
    assert refusal.value.extra == {
        "violations": [
            {
                "code": "missing",
                "kind": "param",
                "key": key,
                "sentence": f"The param {key!r} is missing: log it.",
            }
            for key in keys
        ]
    }
    assert not ModelVersion.objects.exists()

    log_batch(run, params=[(key, "x") for key in keys], actor=cast.alice)
    assert register().number == 1


def test_template_that_does_not_block_lets_a_run_be_registered(workspace, cast):
    run = factories.run(workspace, cast.alice)
    ask_for(run, cast, "team")

    assert factories.version(workspace, cast).number == 1


def test_template_that_was_taken_back_blocks_no_more(workspace, cast):
    run = factories.run(workspace, cast.alice)
    ask_for(run, cast, "team", blocks_registration=True)
    set_template(run.experiment, fields=[], actor=cast.paul)

    assert factories.version(workspace, cast).number == 1


def test_refused_registration_names_all_violations_over_http(workspace, cast, as_token):
    run = factories.run(workspace, cast.alice)
    artifact = factories.upload(run, factories.MODEL, b"model", cast.alice)
    factories.model(workspace, cast)
    ask_for(run, cast, "team", artifacts=["*.lock"], blocks_registration=True)

    answer = as_token(cast.alice).post(
        "/api/v1/model-versions/",
        {
            "registered_model": "credit",
            "run_id": run.run_id,
            "artifact_path": factories.MODEL,
            "artifact_sha256": artifact.sha256,
        },
        content_type="application/json",
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "metadata_incomplete")
    assert [(v["kind"], v["key"]) for v in answer.json()["violations"]] == [
        ("param", "team"),
        ("artifact", "*.lock"),
    ]
