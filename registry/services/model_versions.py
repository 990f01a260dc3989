"""Model versions are registered here.

Each has its source run and the digest of its content; only a workspace that allows it
takes versions without.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import record, refusals_recorded
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import ModelVersion, RegisteredModel, VersionTag
from registry.models.edits import insert_version, locked_model, place_of
from registry.permissions import may_register_version
from registry.services.registered_models import model_archived
from registry.services.version_content import Content, Source, content_at
from tracking import storage
from tracking.metadata_rules import violations
from tracking.models import Artifact, MetadataTemplate, Run
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
        new = _register(
            model, number, source, content, actor, description, tags, run_link=run_link
        )
        return new, True


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
    description: str = "",
    tags: Mapping[str, str] | None = None,
    *,
    run_link: str = "",
) -> ModelVersion:
    """Write the next version of a locked model, in the caller's transaction."""
    if source.run:
        _refuse_incomplete_metadata(source.run)
    artifact = content.artifact if content else None
    version = ModelVersion(
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
    insert_version(version, description=description)
    VersionTag.objects.bulk_create(
        VersionTag(version=version, key=key, value=value)
        for key, value in (tags or {}).items()
    )
    record(
        RegistryEvent.VERSION_REGISTERED,
        actor=actor,
        subject=version.subject,
        payload={
            "source": source.address,
            "source_run": source.run.subject if source.run else None,
            "artifact_path": content.path if content else None,
            "artifact_sha256": version.artifact_sha256,
            "content": digest({"run_link": run_link, "tags": dict(tags or {})}),
        },
        private={"description": description},
    )
    return version


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
