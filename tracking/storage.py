"""Files by their SHA-256: what is written once stays, whoever refers to it.

The folder layout is `<first two hex digits>/<sha256>`; nothing here removes a file.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings

from audit.errors import ConflictError, InvalidError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class StoredFile:
    """What was received: SHA-256 in hex and the size in bytes."""

    sha256: str
    size_bytes: int


def store(stream: IO[bytes], *, expected_bytes: int | None) -> StoredFile:
    """Write a stream under its digest, in constant memory; see `incoming`."""
    with incoming(stream, expected_bytes=expected_bytes) as file:
        file.keep()
    return file.stored


@dataclass(frozen=True)
class IncomingFile:
    """A file that is on the disk, and gone after the block that does not keep it."""

    stored: StoredFile
    temporary: Path

    def keep(self) -> None:
        """Give the file its place under its digest."""
        final = path_of(self.stored.sha256)
        final.parent.mkdir(exist_ok=True)
        self.temporary.replace(final)


@contextmanager
def incoming(
    stream: IO[bytes], *, expected_bytes: int | None
) -> Iterator[IncomingFile]:
    """Receive a stream, in constant memory.

    A stream that ends before `expected_bytes`, or is larger than the installation
    allows, is refused (InvalidError) and leaves nothing behind.
    """
    refuse_too_large(expected_bytes or 0)
    root: Path = settings.ATTESTRY_ARTIFACT_ROOT
    root.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=root, prefix="incoming-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            stored = _copy(stream, target)
            _refuse_truncated(stored, expected_bytes)
            target.flush()
            os.fsync(target.fileno())
            os.fchmod(target.fileno(), 0o444)
        yield IncomingFile(stored, temporary)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse_truncated(stored: StoredFile, expected_bytes: int | None) -> None:
    if expected_bytes is not None and stored.size_bytes != expected_bytes:
        raise InvalidError(
            "upload_truncated",
            f"{stored.size_bytes} of {expected_bytes} bytes arrived. "
            f"Nothing was kept: upload the file again.",
        )


def refuse_too_large(size: int) -> None:
    """Refuse what has more bytes than a file of this installation may have."""
    if size > settings.ATTESTRY_ARTIFACT_MAX_BYTES:
        raise InvalidError(
            "artifact_too_large",
            f"An artifact may have {settings.ATTESTRY_ARTIFACT_MAX_BYTES} bytes. "
            f"Upload a smaller file, or ask for a larger limit "
            f"(ATTESTRY_ARTIFACT_MAX_BYTES).",
        )


def store_bytes(content: bytes) -> StoredFile:
    """Write bytes under their digest."""
    with tempfile.SpooledTemporaryFile(max_size=CHUNK_BYTES) as stream:
        stream.write(content)
        stream.seek(0)
        return store(stream, expected_bytes=len(content))


def _copy(stream: IO[bytes], target: IO[bytes]) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK_BYTES):
        size += len(chunk)
        refuse_too_large(size)
        digest.update(chunk)
        target.write(chunk)
    return StoredFile(digest.hexdigest(), size)


def path_of(sha256: str) -> Path:
    root: Path = settings.ATTESTRY_ARTIFACT_ROOT
    return root / sha256[:2] / sha256


def open_file(sha256: str) -> IO[bytes]:
    """Open a stored file; a ConflictError says that it is gone."""
    try:
        return path_of(sha256).open("rb")
    except FileNotFoundError:
        raise ConflictError(
            "artifact_missing",
            f"The stored file sha256:{sha256} is gone. Restore it from the backup of "
            f"the artifact store.",
        ) from None


def chunks(sha256: str) -> Iterator[bytes]:
    with open_file(sha256) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def read_verified(sha256: str) -> bytes:
    """Return a file's content after hashing it again; never bytes that changed."""
    with open_file(sha256) as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _altered(sha256)
    return content


def verify(sha256: str) -> None:
    """Hash a stored file again, in constant memory; ConflictError when it differs."""
    digest = hashlib.sha256()
    for chunk in chunks(sha256):
        digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise _altered(sha256)


def _altered(sha256: str) -> ConflictError:
    return ConflictError(
        "artifact_altered",
        f"The stored file sha256:{sha256} has other content than it had when it was "
        f"uploaded. Restore it from the backup of the artifact store.",
    )
