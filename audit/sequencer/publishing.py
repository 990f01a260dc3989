"""Publishes the newest checkpoint, as static files of C2SP tlog-tiles.

Entries first, then tiles, then the checkpoint: what a checkpoint covers is always there.
"""

from audit.errors import ConflictError
from audit.models import Head, StoredCheckpoint
from audit.sequencer.kill_points import reached
from audit.storage import keys
from audit.storage.published_place import (
    CHECKPOINT,
    KEY,
    PublishedPlace,
    alone_in_published_place,
)
from audit.storage.tree import StoredTree
from audit.storage.witnesses import cosigned_note
from audit.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from audit.tlog.errors import TlogError
from audit.tlog.tiles import Bundle, Tile, new_bundles, new_tiles


def publish() -> int:
    """Bring the published place to the newest signed size and return that size.

    A published file that differs from what the tree says is never overwritten, and
    nothing is published behind it.
    """
    with alone_in_published_place() as place:
        # Not before the lock, while another process may have published more.
        head = Head.objects.current()
        newest = StoredCheckpoint.objects.filter(log=head).order_by("-size").first()
        if newest is None:
            return 0
        _write_key(place)
        there = place.read(CHECKPOINT)
        published = 0 if there is None else _published_size(place, there, head)
        note = cosigned_note(newest)
        if published < newest.size:
            # Read anew: the head must cover the checkpoint.
            tree = StoredTree(Head.objects.get(pk=head.pk))
            _publish_between(place, tree, published, newest.size, note)
        elif published == newest.size and there != note:
            # Cosignatures have come in since.
            place.write(CHECKPOINT, note)
        return max(published, newest.size)


def _publish_between(
    place: PublishedPlace, tree: StoredTree, published: int, size: int, note: bytes
) -> None:
    for bundle in new_bundles(published, size):
        _write_once(place, bundle.path, tree.bundle(bundle))
        reached("bundle published")
    reached("bundles published")
    for tile in new_tiles(published, size):
        hashes = tree.tile(tile.level, tile.index, tile.width)
        _write_once(place, tile.path, hashes)
        reached("tile published")
    reached("tiles published")
    place.write(CHECKPOINT, note)
    reached("checkpoint published")
    _remove_partial_forms(place, published, size)


def _published_size(place: PublishedPlace, note: bytes, head: Head) -> int:
    """Return how far the place is; refuse one that is not of this log and this tree."""
    address = place.address_of(CHECKPOINT)
    try:
        published = _opened(note)
    except TlogError as error:
        raise ConflictError(
            "published_checkpoint_unreadable",
            f"The published checkpoint {address} is none of this log: {error} Nothing "
            f"is published; keep what is there as evidence and publish to an empty "
            f"place.",
        ) from None
    if published.origin != head.origin:
        raise ConflictError(
            "published_log_of_another_origin",
            f"{address} is of the log {published.origin}, and this one is "
            f"{head.origin}: set ATTESTRY_LOG_PUBLISH_TO to another place.",
        )
    if published.size > head.size or not _is_prefix(published, head):
        raise ConflictError(
            "published_log_disagrees",
            f"{address} is no earlier state of this log. Nothing is published; what is "
            f"published may be the truth: run verify_log.",
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


def _write_once(place: PublishedPlace, name: str, data: bytes) -> None:
    there = place.read(name)
    if there is None:
        place.write(name, data)
        return
    if there != data:
        raise ConflictError(
            "published_file_differs",
            f"The published file {place.address_of(name)} is not what the log says. It "
            f"is left as it is and nothing is published: find out which of the two was "
            f"changed.",
        )


def _write_key(place: PublishedPlace) -> None:
    line = f"{keys.signing_keys()[0].verifier_key}\n".encode()
    if place.read(KEY) != line:
        place.write(KEY, line)


def _remove_partial_forms(place: PublishedPlace, published: int, size: int) -> None:
    """Drop what full files replace (tlog-tiles, Partial Tiles)."""
    grown: list[Bundle | Tile] = [
        *new_bundles(published, size),
        *new_tiles(published, size),
    ]
    for resource in grown:
        if resource.is_full:
            place.remove_partial_forms(resource.path)
