"""Publishes the newest checkpoint into a folder, as static files of C2SP tlog-tiles.

Entries first, then tiles, then the checkpoint: what a checkpoint covers is always there.
"""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from audit.errors import ConflictError
from audit.models import Head, StoredCheckpoint
from audit.sequencer.kill_points import reached
from audit.storage import keys
from audit.storage.durable_files import write_durably
from audit.storage.tree import StoredTree
from audit.storage.witnesses import cosigned_note
from audit.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from audit.tlog.errors import TlogError
from audit.tlog.tiles import Bundle, Tile, new_bundles, new_tiles

CHECKPOINT, KEY, LOCK = "checkpoint", "key", ".lock"


def publish() -> int:
    """Bring the folder to the newest signed size and return that size.

    A published file that differs from what the tree says is never overwritten, and
    nothing is published behind it.
    """
    folder: Path = settings.ATTESTRY_LOG_PUBLISH_TO
    with _alone_in(folder):
        # Not before the lock, while another process may have published more.
        head = Head.objects.current()
        newest = StoredCheckpoint.objects.filter(log=head).order_by("-size").first()
        if newest is None:
            return 0
        _write_key(folder)
        published = _published_size(folder, head)
        note = cosigned_note(newest)
        if published < newest.size:
            # Read anew: the head must cover the checkpoint.
            tree = StoredTree(Head.objects.get(pk=head.pk))
            _publish_between(folder, tree, published, newest.size, note)
        elif (folder / CHECKPOINT).read_bytes() != note:
            # Cosignatures have come in since.
            write_durably(folder / CHECKPOINT, note)
        return max(published, newest.size)


def _publish_between(
    folder: Path, tree: StoredTree, published: int, size: int, note: bytes
) -> None:
    for bundle in new_bundles(published, size):
        _write_once(folder / bundle.path, tree.bundle(bundle))
        reached("bundle published")
    reached("bundles published")
    for tile in new_tiles(published, size):
        hashes = tree.tile(tile.level, tile.index, tile.width)
        _write_once(folder / tile.path, hashes)
        reached("tile published")
    reached("tiles published")
    write_durably(folder / CHECKPOINT, note)
    reached("checkpoint published")
    _remove_partial_forms(folder, published, size)


def _published_size(folder: Path, head: Head) -> int:
    """Return how far the folder is; refuse one that is not of this log and this tree."""
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    try:
        published = _opened(path.read_bytes())
    except TlogError as error:
        raise ConflictError(
            "published_checkpoint_unreadable",
            f"The published checkpoint {path} is none of this log: {error} Nothing is "
            f"published; keep the folder as evidence and publish to an empty one.",
        ) from None
    if published.origin != head.origin:
        raise ConflictError(
            "published_log_of_another_origin",
            f"The folder {folder} holds the log {published.origin}, and this one is "
            f"{head.origin}: set ATTESTRY_LOG_PUBLISH_TO to another folder.",
        )
    if published.size > head.size or not _is_prefix(published, head):
        raise ConflictError(
            "published_log_disagrees",
            f"The checkpoint in {folder} is no earlier state of this log. Nothing is "
            f"published; the folder may be the truth: run verify_log.",
        )
    return published.size


def _opened(note: bytes) -> Checkpoint:
    verifiers = [key.verifier_key for key in keys.signing_keys()]
    own = parse_checkpoint(note)
    if own.origin not in {key.name for key in verifiers}:
        return own
    return open_checkpoint(note, verifiers).checkpoint


def _is_prefix(published: Checkpoint, head: Head) -> bool:
    return StoredTree(head).at(published.size).root() == published.root


def _write_once(path: Path, data: bytes) -> None:
    if not path.exists():
        write_durably(path, data)
        return
    if path.read_bytes() != data:
        raise ConflictError(
            "published_file_differs",
            f"The published file {path} is not what the log says. It is left as it is "
            f"and nothing is published: find out which of the two was changed.",
        )


def _write_key(folder: Path) -> None:
    line = f"{keys.signing_keys()[0].verifier_key}\n".encode()
    path = folder / KEY
    if not path.exists() or path.read_bytes() != line:
        write_durably(path, line)


def _remove_partial_forms(folder: Path, published: int, size: int) -> None:
    """Drop what full files replace (tlog-tiles, Partial Tiles)."""
    grown: list[Bundle | Tile] = [
        *new_bundles(published, size),
        *new_tiles(published, size),
    ]
    for resource in grown:
        if resource.is_full:
            path = folder / resource.path
            shutil.rmtree(path.with_name(f"{path.name}.p"), ignore_errors=True)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
