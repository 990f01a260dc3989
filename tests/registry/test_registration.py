"""Versions link to their source run and to one exact artifact."""

import pytest

from audit.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from audit.proofs import trail
from registry.models import ModelVersion
from registry.services.model_versions import register_version
from registry.services.registered_models import register_model
from tests import factories
from tracking import storage

pytestmark = pytest.mark.django_db


def test_versions_count_up_and_name_run_and_artifact_in_the_log(workspace, cast):
    first = factories.version(workspace, cast, content=b"one")
    second = factories.version(workspace, cast, content=b"two")

    assert [first.number, second.number] == [1, 2]
    [entry] = trail([second.subject])
    assert entry.payload == {
        "source_run": second.source_run.subject,
        "artifact_path": factories.MODEL,
        "artifact_sha256": second.artifact_sha256,
    }


def test_second_registration_of_one_artifact_is_refused(workspace, cast):
    version = factories.version(workspace, cast)

    with pytest.raises(ConflictError) as refusal:
        register_version(
            version.registered_model,
            source_run=version.source_run,
            artifact_path=factories.MODEL,
            artifact_sha256=version.artifact_sha256,
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
            source_run=version.source_run,
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
            tier=3,
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
            tier=3,
            purpose="…",
            owner=cast.olivia,
            actor=cast.alice,
        )

    assert refusal.value.code == "model_exists"
