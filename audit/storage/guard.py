"""The guard: the largest tree that was ever signed here, kept beside the key.

A database that was set back, or rewritten as a whole, contradicts it; then nothing more
is signed. It is written before a signature is made, so it may be ahead of the last one.
"""

from pathlib import Path

from django.conf import settings

from audit.errors import ConflictError
from audit.models import Head
from audit.storage.durable_files import SECRET, write_durably
from audit.tlog.checkpoint import Checkpoint
from audit.tlog.errors import MalformedError


def path_of(log: Head) -> Path:
    folder: Path = settings.ATTESTRY_LOG_GUARD
    return folder / f"log-{log.pk}"


def read_guard(log: Head) -> Checkpoint:
    """Return what was signed last; a missing guard is no permission to sign."""
    path = path_of(log)
    try:
        guard = Checkpoint.parse_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConflictError(
            "guard_missing",
            f"The guard {path} is missing, so nothing is signed: bring it back. Only "
            f"if it is lost for good, verify the log against a copy of an old "
            f"checkpoint and run manage.py sequence --new-guard.",
        ) from None
    except (OSError, UnicodeDecodeError, MalformedError) as error:
        raise ConflictError(
            "guard_unreadable",
            f"The guard {path} cannot be read ({error}), so nothing is signed.",
        ) from None
    if guard.origin != log.origin:
        raise ConflictError(
            "guard_of_another_log",
            f"The guard {path} is of {guard.origin}, and this log is {log.origin}: "
            f"set ATTESTRY_LOG_GUARD to the folder of this log.",
        )
    return guard


def write_guard(log: Head, size: int, root: bytes) -> None:
    text = Checkpoint(log.origin, size, root).text
    write_durably(path_of(log), text.encode(), mode=SECRET)
