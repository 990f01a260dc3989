"""Remembers, beside the guard, up to which size the log was found intact."""

import contextlib
from pathlib import Path

from django.conf import settings

from audit.models import Head
from audit.storage.durable_files import write_durably
from audit.tlog.checkpoint import Checkpoint
from audit.tlog.errors import MalformedError


def read_verified(log: Head) -> Checkpoint | None:
    """Return the tree that was verified last; None makes the next one a full one."""
    try:
        found = Checkpoint.parse_text(_path_of(log).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, MalformedError):
        return None
    return found if found.origin == log.origin else None


def write_verified(log: Head, size: int, root: bytes) -> None:
    # Without it the next incremental verification only takes longer.
    with contextlib.suppress(OSError):
        text = Checkpoint(log.origin, size, root).text
        write_durably(_path_of(log), text.encode())


def _path_of(log: Head) -> Path:
    folder: Path = settings.ATTESTRY_LOG_GUARD
    return folder / f"verified-{log.pk}"
