"""Model versions are registered here, each with its source run and artifact digest."""

from dataclasses import asdict

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import ConflictError, PermissionDeniedError
from audit.services import record
from registry.events import RegistryEvent
from registry.models import ModelVersion, RegisteredModel
from registry.permissions import may_register_version
from tracking import storage
from tracking.metadata_rules import violations
from tracking.models import MetadataTemplate, Run
from tracking.services.artifacts import current_artifact

# A sentence is for a person to read; all of them go along as data.
NAMED_AT_ONCE = 3


def register_version(
    model: RegisteredModel,
    *,
    source_run: Run,
    artifact_path: str,
    artifact_sha256: str,
    actor: User,
) -> ModelVersion:
    """Register an artifact of a run as the next version of a model.

    The digest that the caller expects, the digest of the upload and the digest of what
    is stored now must be one.
    """
    if not may_register_version(actor, model):
        raise PermissionDeniedError(
            "may_not_register_version",
            f"You may not register versions of {model}: ask for the developer role.",
        )
    artifact = current_artifact(source_run, artifact_path)
    if artifact.sha256 != artifact_sha256:
        raise ConflictError(
            "artifact_digest_differs",
            f"The artifact {artifact_path!r} of run {source_run.run_id} has the SHA-256 "
            f"{artifact.sha256}, not {artifact_sha256}. Upload the file that you mean "
            f"or send the digest of the one that is there.",
        )
    storage.verify(artifact.sha256)
    with transaction.atomic():
        RegisteredModel.objects.select_for_update().get(pk=model.pk)
        _refuse_second_registration(model, artifact_sha256)
        _refuse_incomplete_metadata(source_run)
        version = ModelVersion.objects.create(
            registered_model=model,
            number=model.versions.count() + 1,
            source_run=source_run,
            artifact=artifact,
            artifact_sha256=artifact_sha256,
            created_by=actor,
        )
        record(
            RegistryEvent.VERSION_REGISTERED,
            actor=actor,
            subject=version.subject,
            payload={
                "source_run": source_run.subject,
                "artifact_path": artifact_path,
                "artifact_sha256": artifact_sha256,
            },
        )
    return version


def _refuse_second_registration(model: RegisteredModel, sha256: str) -> None:
    twin = model.versions.filter(artifact_sha256=sha256).first()
    if twin is not None:
        raise ConflictError(
            "artifact_already_registered",
            f"This artifact is {model.name} version {twin.number} already: use that "
            f"version.",
            version=twin.number,
        )


def _refuse_incomplete_metadata(run: Run) -> None:
    """Refuse a run that lacks what its experiment's template asks for, if that blocks."""
    if not MetadataTemplate.objects.newest_of(run.experiment).blocks_registration:
        return
    found = violations(run)
    if found:
        first = " ".join(violation.sentence for violation in found[:NAMED_AT_ONCE])
        raise ConflictError(
            "metadata_incomplete",
            f"The run {run.run_id} lacks {len(found)} of what its experiment asks for. "
            f"{first}",
            violations=[asdict(violation) for violation in found],
        )
