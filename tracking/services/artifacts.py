"""Artifacts of runs and of logged models are uploaded, removed and looked up here."""

import io
import posixpath
from pathlib import PureWindowsPath
from typing import IO, Any
from urllib.parse import unquote

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, NotFoundError
from audit.services import change_and_record, record
from audit.tlog.canonical import digest
from tracking import storage
from tracking.access import RUN_TO_LOG_IN
from tracking.dataset_pointers import DatasetPointer, datasets_in, is_pointer
from tracking.events import TrackingEvent
from tracking.models import (
    Artifact,
    ArtifactRemoval,
    LoggedModel,
    LoggedModelArtifactRemoval,
    Run,
    Workspace,
)
from tracking.models.artifact import (
    ARTIFACT_OF_RUN,
    StoredArtifact,
    folders_of,
    newest_at,
    path_in_the_way,
)
from tracking.models.dataset import CONTEXT_TAG
from tracking.models.run import subject_of
from tracking.services.logged_models import refuse_unwritable_model, writable_model
from tracking.services.logging import UsedDataset, log_inputs
from tracking.services.runs import refuse_unwritable, writable
from tracking.storage import IncomingFile, StoredFile

Holder = Run | LoggedModel
LONGEST_PATH = 1000
# So that the entry which names them stays below its largest size, whatever the names.
POINTERS_AN_ENTRY = 20


def upload_artifact(
    holder: Holder,
    *,
    path: str,
    stream: IO[bytes],
    expected_bytes: int | None,
    actor: User,
) -> StoredArtifact:
    """Store a file under its digest and name it in its run or logged model.

    The newest upload of a path counts. A run that uploads a pointer of DVC uses the
    datasets that it points to.
    """
    path = refuse_upload(holder, path=path, actor=actor)
    with storage.incoming(stream, expected_bytes=expected_bytes) as file:
        return _named(holder, path, file, actor=actor)


def upload_content(
    holder: Holder, *, path: str, content: bytes, actor: User
) -> StoredArtifact:
    """Do it with a small file, which is here before anybody could be asked."""
    path = checked_path(path)
    received = storage.incoming(io.BytesIO(content), expected_bytes=len(content))
    with received as file:
        return _named(holder, path, file, actor=actor)


def refuse_upload(holder: Holder, *, path: str, actor: User) -> str:
    """Return the checked path; refuse what will be refused before the file is sent.

    By single statements, which need no transaction and keep no lock.
    """
    path = checked_path(path)
    _refuse_taken(path, refuse_unwritable_holder(holder, actor=actor))
    return path


def upload_at_once(
    run_id: str,
    *,
    experiment_id: int,
    workspace: Workspace,
    path: str,
    content: bytes,
    actor: User,
) -> bool:
    """Name a small file in its run by one statement, entry and all; return whether it was.

    The short way for what training uploads by the hundred. It asks all that
    `upload_content` asks, and where one answer is no, nothing is kept: then
    `upload_content` is the way, and says why not.
    """
    path = checked_path(path)
    if connection.vendor != "postgresql" or is_pointer(path, len(content)):
        return False
    received = storage.incoming(io.BytesIO(content), expected_bytes=len(content))
    with received as file, transaction.atomic():
        changed = change_and_record(
            f"{RUN_TO_LOG_IN}, {ARTIFACT_OF_RUN}",
            [
                *(actor.pk, run_id, workspace.pk),
                *(path, file.stored.sha256, file.stored.size_bytes),
                *(actor.pk, timezone.now(), experiment_id),
                *(len(path) + 1, f"{path}/", folders_of(path)),
            ],
            kind=TrackingEvent.ARTIFACT_UPLOADED,
            actor=actor,
            subject=subject_of(run_id),
            payload=_payload(path, file.stored),
        )
        if changed is not None:
            file.keep()
        else:
            transaction.set_rollback(True)
    return changed is not None


def _named(
    holder: Holder, path: str, file: IncomingFile, *, actor: User
) -> StoredArtifact:
    """Name a file that is here: a slow upload must not hold a lock."""
    with transaction.atomic():
        holder = _writable(holder, actor=actor)
        _refuse_taken(path, holder)
        artifact = holder.artifacts.create(
            path=path,
            sha256=file.stored.sha256,
            size_bytes=file.stored.size_bytes,
            uploaded_by=actor,
        )
        record(
            TrackingEvent.ARTIFACT_UPLOADED,
            actor=actor,
            subject=holder.subject,
            payload=_payload(path, file.stored),
        )
        file.keep()
        if isinstance(holder, Run) and is_pointer(path, file.stored.size_bytes):
            content = storage.read_verified(file.stored.sha256)
            _use_datasets(holder, datasets_in(path, content), actor=actor)
    return artifact


def _payload(path: str, stored: StoredFile) -> dict[str, Any]:
    return {"path": path, "sha256": stored.sha256, "size_bytes": stored.size_bytes}


def _use_datasets(
    run: Run, pointers: tuple[DatasetPointer, ...], *, actor: User
) -> None:
    for first in range(0, len(pointers), POINTERS_AN_ENTRY):
        log_inputs(
            run,
            datasets=[
                UsedDataset(
                    name=pointer.name,
                    digest=pointer.digest,
                    source_type=pointer.source_type,
                    source=pointer.source,
                    schema="",
                    profile="",
                    tags={CONTEXT_TAG: pointer.context} if pointer.context else {},
                )
                for pointer in pointers[first : first + POINTERS_AN_ENTRY]
            ],
            actor=actor,
        )


def remove_artifacts(holder: Holder, *, path: str, actor: User) -> None:
    """Take a file, or all files of a folder, off the list; what was stored is kept.

    What is not there is off the list already: that changes nothing, as in MLflow.
    """
    path = checked_path(path)
    with transaction.atomic():
        holder = _writable(holder, actor=actor)
        found = list(holder.artifacts.current().at_or_below(path))
        if not found:
            return
        removal: Any = (
            ArtifactRemoval if isinstance(holder, Run) else LoggedModelArtifactRemoval
        )
        removal.objects.bulk_create(
            removal(artifact=artifact, removed_by=actor) for artifact in found
        )
        record(
            TrackingEvent.ARTIFACT_REMOVED,
            actor=actor,
            subject=holder.subject,
            payload={
                "path": path,
                "files": len(found),
                "content": digest([[file.path, file.sha256] for file in found]),
            },
        )


def _refuse_taken(path: str, holder: Holder) -> None:
    """Refuse a file where there is a folder, and one below a file."""
    other = path_in_the_way(holder, path)
    if other is not None:
        raise ConflictError(
            "artifact_path_taken",
            f"The path {path[:100]!r} cannot be a file beside {other[:100]!r}: no "
            f"name is a file and a folder. Use another path, or remove that file first.",
        )


def refuse_unwritable_holder(holder: Holder, *, actor: User) -> Holder:
    if isinstance(holder, Run):
        return refuse_unwritable(holder, actor=actor)
    return refuse_unwritable_model(holder, actor=actor)


def _writable(holder: Holder, *, actor: User) -> Holder:
    if isinstance(holder, Run):
        return writable(holder, actor=actor)
    return writable_model(holder, actor=actor)


def checked_path(path: str) -> str:
    """Return a relative POSIX path, or refuse one that leaves its run."""
    refuse_unsafe(path)
    normal = posixpath.normpath(path)
    is_plain = path and normal == path.rstrip("/") and normal != "."
    if not is_plain or "\\" in path or not path.isprintable():
        raise _invalid(path)
    return normal


def refuse_unsafe(path: str) -> None:
    """Refuse what MLflow's `validate_path_is_safe` refuses, however often it is encoded.

    Its client asks the same of what a list names, and one such name keeps it from all
    files of a run.
    """
    if len(path) > LONGEST_PATH:
        raise _invalid(path)
    decoded = path
    while (once_more := unquote(decoded)) != decoded:
        decoded = once_more
    is_unsafe = (
        "#" in decoded
        or ".." in decoded.split("/")
        or decoded.lower().startswith(("/", "file:/"))
        or PureWindowsPath(decoded).is_absolute()
    )
    if is_unsafe:
        raise _invalid(path)


def _invalid(path: str) -> InvalidError:
    return InvalidError(
        "artifact_path_invalid",
        f"Invalid path: {path[:100]!r} is not a plain relative path. Use names joined by "
        f"'/', without '..', '#' or backslashes.",
    )


def current_artifact(run: Run, path: str) -> Artifact:
    """Return the newest upload of a path; NotFoundError says which path is missing."""
    found: Artifact | None = run.artifacts.current().filter(path=path).first()
    if found is None:
        raise _unknown(run, path)
    return found


def current_file(holder: Holder, path: str) -> StoredFile:
    """Return the file at a path of a run or of a logged model, or NotFoundError."""
    found = newest_at(holder, path)
    if found is None:
        raise _unknown(holder, path)
    return StoredFile(*found)


def uploaded_file(holder: Holder, path: str, sha256: str) -> StoredFile:
    """Return a file that was uploaded to a path, also if it is not the newest there."""
    uploads = holder.artifacts.filter(path=path, sha256=sha256, removal=None)
    found = uploads.values_list("sha256", "size_bytes").first()
    if found is None:
        raise _unknown(holder, path)
    return StoredFile(*found)


def _unknown(holder: Holder, path: str) -> NotFoundError:
    named = f"run {holder.run_id}" if isinstance(holder, Run) else f"model {holder}"
    return NotFoundError(
        "artifact_unknown", f"The {named} has no artifact {path!r}: upload it first."
    )
