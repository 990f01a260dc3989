"""A large file is uploaded in parts here; it is an artifact once the last step names it."""

from collections.abc import Sequence
from typing import IO

from django.contrib.auth.models import User

from tracking import parts
from tracking.models.artifact import StoredArtifact
from tracking.services.artifacts import (
    Holder,
    refuse_unwritable_holder,
    refuse_upload,
    upload_artifact,
)


def begin_upload(holder: Holder, *, path: str, actor: User) -> str:
    """Return the id under which parts of a file may come; nothing is recorded yet."""
    refuse_upload(holder, path=path, actor=actor)
    return parts.begin()


def store_part(
    holder: Holder,
    *,
    upload_id: str,
    number: int,
    stream: IO[bytes],
    expected_bytes: int | None,
    actor: User,
) -> str:
    """Keep a part and return its SHA-256, which completing the upload asks for."""
    refuse_unwritable_holder(holder, actor=actor)
    return parts.store(upload_id, number, stream, expected_bytes=expected_bytes)


def complete_upload(
    holder: Holder, *, path: str, upload_id: str, digests: Sequence[str], actor: User
) -> StoredArtifact:
    """Join the parts of these SHA-256 in order; from here on it is an upload as any.

    What is refused leaves the parts where they are, so that the client can go on.
    """
    with parts.taken(upload_id, digests) as (stream, expected_bytes):
        return upload_artifact(
            holder,
            path=path,
            stream=stream,
            expected_bytes=expected_bytes,
            actor=actor,
        )


def abort_upload(upload_id: str) -> None:
    """Give up an upload, whose parts are removed."""
    parts.remove(upload_id)
