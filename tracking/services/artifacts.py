"""Artifacts of runs are uploaded and looked up here."""

import posixpath
from typing import IO

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import InvalidError, NotFoundError
from audit.services import record
from tracking import storage
from tracking.events import TrackingEvent
from tracking.models import Artifact, Run
from tracking.services.runs import writable

LONGEST_PATH = 1000


def upload_artifact(
    run: Run,
    *,
    path: str,
    stream: IO[bytes],
    expected_bytes: int | None,
    actor: User,
) -> Artifact:
    """Store a file under its digest and name it in the run; the newest upload counts."""
    path = checked_path(path)
    with transaction.atomic():
        writable(run, actor=actor)
    # Outside a transaction: a slow upload must not hold a lock. A file that no row
    # names afterwards does no harm.
    stored = storage.store(stream, expected_bytes=expected_bytes)
    with transaction.atomic():
        run = writable(run, actor=actor)
        artifact = Artifact.objects.create(
            run=run,
            path=path,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            uploaded_by=actor,
        )
        record(
            TrackingEvent.ARTIFACT_UPLOADED,
            actor=actor,
            subject=run.subject,
            payload={
                "path": path,
                "sha256": stored.sha256,
                "size_bytes": stored.size_bytes,
            },
        )
    return artifact


def checked_path(path: str) -> str:
    """Return a relative POSIX path, or refuse one that leaves its run."""
    normal = posixpath.normpath(path)
    is_safe = (
        path
        and normal == path.rstrip("/")
        and not normal.startswith(("/", "../"))
        and normal not in {".", ".."}
        and "\\" not in path
        and path.isprintable()
        and len(path) <= LONGEST_PATH
    )
    if not is_safe:
        raise InvalidError(
            "artifact_path_invalid",
            f"The artifact path {path[:100]!r} is not a plain relative path: use names "
            f"joined by '/', without '..' or backslashes.",
        )
    return normal


def current_artifact(run: Run, path: str) -> Artifact:
    """Return the newest upload of a path; NotFoundError says which path is missing."""
    artifact = run.artifacts.current().filter(path=path).first()
    if artifact is None:
        raise NotFoundError(
            "artifact_unknown",
            f"The run {run.run_id} has no artifact {path!r}: upload it first.",
        )
    return artifact
