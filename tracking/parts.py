"""Parts of files that are still being uploaded: on the disk, and gone with the upload.

The folder layout is `parts/<upload id>/<number>-<sha256>` in the artifact root. Who knows
the id of an upload may go on with it, so an id is as hard to guess as a token.
"""

import io
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings

from audit.errors import InvalidError, NotFoundError
from tracking import storage

# S3's limit.
MOST_PARTS = 10_000
# An upload that got no part for so long is abandoned.
KEPT = timedelta(days=2)
UPLOAD_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)


def begin() -> str:
    """Make room for the parts of a file and return the id of the upload."""
    _remove_abandoned()
    upload_id = secrets.token_hex(32)
    _folder(upload_id).mkdir(parents=True)
    return upload_id


def store(
    upload_id: str, number: int, stream: IO[bytes], *, expected_bytes: int | None
) -> str:
    """Keep a part and return its SHA-256; the same number may be sent again.

    Refused are what `storage.incoming` refuses, and parts that together are larger than
    a file may be.
    """
    if not 1 <= number <= MOST_PARTS:
        raise InvalidError(
            "upload_part_invalid",
            f"A part has a number from 1 to {MOST_PARTS}: send larger parts.",
        )
    folder = _folder(upload_id)
    storage.refuse_too_large(_bytes_in(folder) + (expected_bytes or 0))
    with storage.incoming(stream, expected_bytes=expected_bytes) as part:
        try:
            part.temporary.replace(folder / _name(number, part.stored.sha256))
        except FileNotFoundError:
            raise _unknown() from None
    return part.stored.sha256


@contextmanager
def taken(upload_id: str, digests: Sequence[str]) -> Iterator[tuple[IO[bytes], int]]:
    """Give all parts, in order, as one stream and its bytes, and remove them afterwards.

    One caller at a time has them. A block that raises leaves them where they were.
    """
    folder = _folder(upload_id)
    mine = folder.with_name(f"{upload_id}-taken")
    try:
        folder.rename(mine)
    except FileNotFoundError:
        raise _unknown() from None
    try:
        files = [mine / _name(*part) for part in enumerate(digests, start=1)]
        _refuse_missing(files)
        with _Joined(files) as stream:
            size = sum(file.stat().st_size for file in files)
            yield cast("IO[bytes]", stream), size
    except BaseException:
        mine.rename(folder)
        raise
    shutil.rmtree(mine)


def remove(upload_id: str) -> None:
    """Forget an upload; one that is not there is forgotten already."""
    shutil.rmtree(_folder(upload_id), ignore_errors=True)


class _Joined(io.RawIOBase):
    """Files one after the other, of which one is open at a time."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._left = list(files)
        self._file: IO[bytes] = io.BytesIO()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not (count := self._file.readinto(buffer)) and self._left:  # type: ignore[attr-defined]  # binary files have it, IO does not say so
            self._file.close()
            self._file = self._left.pop(0).open("rb")
        return int(count)

    def close(self) -> None:
        self._file.close()
        super().close()


def _folder(upload_id: str) -> Path:
    if not UPLOAD_ID.fullmatch(upload_id):
        raise _unknown()
    return _uploads() / upload_id


def _uploads() -> Path:
    root: Path = settings.ATTESTRY_ARTIFACT_ROOT
    return root / "parts"


def _name(number: int, sha256: str) -> str:
    return f"{number}-{sha256}"


def _bytes_in(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except FileNotFoundError:
        raise _unknown() from None


def _refuse_missing(files: Sequence[Path]) -> None:
    missing = [file.name for file in files if not file.exists()]
    if missing:
        number, _, sha256 = missing[0].partition("-")
        raise InvalidError(
            "upload_part_missing",
            f"{len(missing)} of {len(files)} parts did not arrive with the content that "
            f"their ETag names, part {number} ({sha256[:12]}…) first: send them again, "
            f"then complete the upload.",
        )


def _unknown() -> NotFoundError:
    return NotFoundError(
        "upload_unknown",
        "There is no such upload in parts any more: it was completed or given up, or got "
        f"no part for {KEPT.days} days. Upload the file again.",
    )


def _remove_abandoned() -> None:
    """Each part that arrives changes the time of its folder."""
    oldest = time.time() - KEPT.total_seconds()
    for folder in _uploads().glob("*"):
        try:
            is_abandoned = folder.stat().st_mtime < oldest
        except FileNotFoundError:
            continue
        if is_abandoned:
            shutil.rmtree(folder, ignore_errors=True)
