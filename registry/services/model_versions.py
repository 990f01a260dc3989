"""Model versions are registered here.

Each has its source run and the digest of its content; only a workspace that allows it
takes versions without.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import change_and_record, record, refusals_recorded
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import ModelVersion, RegisteredModel
from registry.models.edits import (
    NEW_VERSION,
    insert_version,
    locked_model,
    mark_version_written,
    place_of,
    values_of_version,
)
from registry.permissions import may_register_version
from registry.services.registered_models import model_archived
from registry.services.version_content import Content, Source, content_at
from tracking import storage
from tracking.metadata_rules import violations
from tracking.models import Artifact, MetadataTemplate, Run
from tracking.models.artifact import files_at
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
    with _guarded(model, actor):
        if not may_register_version(actor, model):
            raise _may_not_register(model)
        artifact = current_artifact(source_run, artifact_path)
        _refuse_other_digest(artifact, artifact_sha256)
        storage.verify(artifact.sha256)
        source = Source(
            f"runs:/{source_run.run_id}/{artifact.path}", source_run, path=artifact.path
        )
        with transaction.atomic():
            model = _model_to_register_in(model, actor)
            twin, number = place_of(model, artifact_sha256)
            if twin is not None:
                raise _registered_already(_listed(model, twin))
            content = Content(artifact.path, (artifact,))
            return _register(model, number, source, content, actor)


def version_of_source(
    model: RegisteredModel,
    *,
    source: Source,
    description: str,
    tags: Mapping[str, str],
    run_link: str,
    actor: User,
) -> tuple[ModelVersion, bool]:
    """Return the version that a source is, and whether it is new by this call.

    Asking twice is safe; saying something else about it the second time is refused.
    """
    said: dict[str, Any] = {
        "description": description,
        "tags": tags,
        "run_link": run_link,
    }
    new = _register_at_once(model, source, actor, **said)
    if new is not None:
        return new, True
    with _guarded(model, actor), transaction.atomic():
        model = _model_to_register_in(model, actor)
        content = content_at(source.holder, source.path) if source.holder else None
        if content is None:
            _refuse_unlinked(model, source)
        twin, number = place_of(model, content.sha256 if content else None)
        if twin is not None:
            version = _listed(model, twin)
            _refuse_other_words(version, description, tags)
            return version, False
        return _register(model, number, source, content, actor, **said), True


def _guarded(model: RegisteredModel, actor: User) -> AbstractContextManager[None]:
    return refusals_recorded(
        RegistryEvent.VERSION_REFUSED,
        actor=actor,
        subject=model.subject,
        payload={"act": "register"},
    )


def _model_to_register_in(model: RegisteredModel, actor: User) -> RegisteredModel:
    """Return the model, locked, or refuse."""
    locked, is_held = locked_model(model, user=actor)
    if not is_held:
        raise _may_not_register(locked)
    if locked.is_archived:
        raise model_archived(locked)
    return locked


def _may_not_register(model: RegisteredModel) -> PermissionDeniedError:
    return PermissionDeniedError(
        "may_not_register_version",
        f"You may not register versions of {model}: ask for the developer role.",
    )


def _register(
    model: RegisteredModel,
    number: int,
    source: Source,
    content: Content | None,
    actor: User,
    *,
    description: str = "",
    tags: Mapping[str, str] = MappingProxyType({}),
    run_link: str = "",
) -> ModelVersion:
    """Write the next version of a locked model, in the caller's transaction."""
    if source.run:
        _refuse_incomplete_metadata(source.run)
    version = _next_version(model, number, source, content, actor, run_link)
    insert_version(version, description=description, tags=tags)
    record(**_entry(version, content, description, tags))
    return version


def _register_at_once(
    model: RegisteredModel,
    source: Source,
    actor: User,
    *,
    description: str,
    tags: Mapping[str, str],
    run_link: str,
) -> ModelVersion | None:
    """Write the next version in one statement, entry and all; return it if it was.

    It asks all that `version_of_source` asks, which is the way where one answer is no,
    and says why. Number and content may be taken meanwhile: then nothing is written.
    """
    if connection.vendor != "postgresql" or source.holder is None:
        return None
    files = files_at(source.holder, source.path)
    if not files:
        return None
    content = Content(source.path, files)
    twin, number = place_of(model, content.sha256)
    if twin is not None:
        return None
    version = _next_version(model, number, source, content, actor, run_link)
    key = change_and_record(
        NEW_VERSION,
        values_of_version(version, description=description, tags=tags),
        **_entry(version, content, description, tags),
    )
    if key is None:
        return None
    mark_version_written(version, key, description=description)
    return version


def _next_version(
    model: RegisteredModel,
    number: int,
    source: Source,
    content: Content | None,
    actor: User,
    run_link: str,
) -> ModelVersion:
    artifact = content.artifact if content else None
    return ModelVersion(
        registered_model=model,
        number=number,
        source=source.address,
        run_link=run_link,
        source_run=source.run,
        logged_model=source.logged_model,
        artifact=artifact,
        folder="" if artifact or not content else content.path,
        artifact_sha256=content.sha256 if content else None,
        created_by=actor,
    )


def _entry(
    version: ModelVersion,
    content: Content | None,
    description: str,
    tags: Mapping[str, str],
) -> dict[str, Any]:
    """Return what the log is told of a new version."""
    run = version.source_run
    return {
        "kind": RegistryEvent.VERSION_REGISTERED,
        "actor": version.created_by,
        "subject": version.subject,
        "payload": {
            "source": version.source,
            "source_run": run.subject if run else None,
            "artifact_path": content.path if content else None,
            "artifact_sha256": version.artifact_sha256,
            "content": digest({"run_link": version.run_link, "tags": dict(tags)}),
        },
        "private": {"description": description},
    }


def _listed(model: RegisteredModel, key: int) -> ModelVersion:
    return model.versions.select_related("listing").get(pk=key)


def _registered_already(twin: ModelVersion) -> ConflictError:
    if twin.listing.archived_at is not None:
        return ConflictError(
            "artifact_archived",
            f"This artifact was {twin.registered_model.name} version {twin.number}, "
            f"which is archived, and one artifact is one version. Register another one.",
            version=twin.number,
        )
    return ConflictError(
        "artifact_already_registered",
        f"This artifact is {twin.registered_model.name} version {twin.number} already: "
        f"use that version.",
        version=twin.number,
    )


def _refuse_other_words(
    twin: ModelVersion, description: str, tags: Mapping[str, str]
) -> None:
    """Refuse to take what is said about a version that is there for another one."""
    held = dict(twin.tags.filter(key__in=tags).values_list("key", "value"))
    says_the_same = held == dict(tags) and description in {"", twin.listing.description}
    if twin.listing.archived_at is not None or not says_the_same:
        raise _registered_already(twin)


def _refuse_other_digest(artifact: Artifact, sha256: str) -> None:
    if artifact.sha256 != sha256:
        raise ConflictError(
            "artifact_digest_differs",
            f"The artifact {artifact.path!r} of run {artifact.run.run_id} has the "
            f"SHA-256 {artifact.sha256}, not {sha256}. Upload the file that you mean or "
            f"send the digest of the one that is there.",
        )


def _refuse_unlinked(model: RegisteredModel, source: Source) -> None:
    if not model.workspace.allow_unlinked_versions:
        raise InvalidError(
            "source_unlinked",
            f"The source {source.address[:200]!r} leads to no run in {model.workspace}, "
            f"and a version needs one. Log the model in a run and register it from "
            f"there (runs:/<run id>/<path> or models:/<model id>).",
        )


def _refuse_incomplete_metadata(run: Run) -> None:
    """Refuse a run that lacks what its experiment's template asks for, if that blocks."""
    if not MetadataTemplate.objects.blocks_registration(run.experiment):
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
