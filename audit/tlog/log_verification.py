"""Checks a published log against what its checkpoint signs: every entry and every tile.

Nothing is believed but the log's key. Memory does not grow with the log.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from audit.tlog.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from audit.tlog.errors import VerificationError
from audit.tlog.merkle import leaf_hash, verify_consistency
from audit.tlog.policy import Policy
from audit.tlog.published_log import PublishedLog
from audit.tlog.tiled_tree import TiledTree, TileEdge
from audit.tlog.tiles import (
    TILE_WIDTH,
    Bundle,
    Tile,
    new_bundles,
    split_hashes,
    width_at,
)

# Called with how many entries are done, and how many the log has.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class VerifiedLog:
    """What was verified: the head, and the index from which on entries were read."""

    head: OpenedCheckpoint
    first_index: int


def verify_published_log(
    log: PublishedLog,
    policy: Policy,
    *,
    old: Iterable[bytes] = (),
    since: bytes | None = None,
    progress: Progress | None = None,
) -> VerifiedLog:
    """Refuse unless entries, tiles and signed root agree (RFC 6962 2.1; tlog-tiles).

    `old` are checkpoints seen before: the log must still contain their trees (RFC 6962
    2.1.2). `since` is one up to which the log was verified: only what came behind it is
    read. The first entry or file that does not fit is named in the VerificationError.
    """
    opened = policy.open_checkpoint(log.checkpoint())
    head = opened.checkpoint
    for data in old:
        _check_contains(log, head, _open_old(data, policy, head))
    edge = _edge_at(log, head, _open_old(since, policy, head)) if since else TileEdge()
    first_index = edge.size
    for bundle in new_bundles(first_index, head.size):
        edge = _check_bundle(log, bundle, edge)
        if progress:
            progress(edge.size, head.size)
    for tile, recomputed in edge.partial_tiles():
        _check_tile(log, tile, recomputed)
    if edge.root() != head.root:
        raise VerificationError("The root over all entries is not the signed root.")
    return VerifiedLog(opened, first_index)


def _check_bundle(log: PublishedLog, bundle: Bundle, edge: TileEdge) -> TileEdge:
    """Check a bundle and the tiles that it completes; return the edge behind it."""
    entries = log.entries(bundle)
    leaves = [leaf_hash(entry) for entry in entries]
    # First, so that a changed entry is named rather than a tile above it.
    _check_tile(log, Tile(0, bundle.index, bundle.width), b"".join(leaves))
    for width in log.stored_widths(bundle):
        if width < bundle.width:
            part = Bundle(bundle.index, width)
            _check_entries(part, log.entries(part), entries)
    growth = edge.grow(leaves)
    for tile, recomputed in growth.full_tiles:
        if tile.level:
            _check_tile(log, tile, recomputed)
    return growth.edge


def _check_entries(part: Bundle, stored: list[bytes], entries: list[bytes]) -> None:
    for offset, (found, expected) in enumerate(zip(stored, entries, strict=False)):
        if found != expected:
            index = part.index * TILE_WIDTH + offset
            sentence = f"Entry {index} in {part.path} is not the entry of the log."
            raise VerificationError(sentence, index=index, path=part.path)


def _check_tile(log: PublishedLog, tile: Tile, recomputed: bytes) -> None:
    """Compare a tile, and the partial ones left of it, with the recomputed hashes."""
    narrower = [width for width in log.stored_widths(tile) if width < tile.width]
    for width in (tile.width, *narrower):
        part = Tile(tile.level, tile.index, width)
        stored = log.tile(part.level, part.index, part.width)
        if not recomputed.startswith(stored):
            raise _tile_error(part, stored, recomputed)


def _tile_error(tile: Tile, stored: bytes, recomputed: bytes) -> VerificationError:
    pairs = zip(split_hashes(stored), split_hashes(recomputed), strict=False)
    offset = next(number for number, (is_, should) in enumerate(pairs) if is_ != should)
    index = tile.index * TILE_WIDTH + offset
    if tile.level:
        sentence = f"Hash {offset} of {tile.path} is not the one of the tile below it."
        return VerificationError(sentence, path=tile.path)
    sentence = f"Entry {index} does not hash to its leaf in {tile.path}."
    return VerificationError(sentence, index=index, path=tile.path)


def _open_old(data: bytes, policy: Policy, head: Checkpoint) -> Checkpoint:
    """Open a checkpoint of the same log; it need not have a quorum of witnesses."""
    old = open_checkpoint(data, [log.key for log in policy.logs]).checkpoint
    if old.origin != head.origin:
        raise VerificationError(f"The old checkpoint is of another log, {old.origin}.")
    if old.size > head.size:
        raise VerificationError(f"The log shrank from {old.size} to {head.size}.")
    return old


def _check_contains(log: PublishedLog, head: Checkpoint, old: Checkpoint) -> None:
    proof = TiledTree(head.size, log.tile).consistency_proof(old.size)
    try:
        verify_consistency(old.size, old.root, head.size, head.root, proof)
    except VerificationError as error:
        sentence = f"The log does not contain its own tree of size {old.size}: {error}"
        raise VerificationError(sentence) from None


def _edge_at(log: PublishedLog, head: Checkpoint, since: Checkpoint) -> TileEdge:
    """Read the edge behind the last full bundle of an old tree, and check its root."""

    def read_tile(level: int, index: int, width: int, /) -> bytes:
        stored = log.tile(level, index, width_at(head.size, level, index))
        return stored[: len(stored) // width_at(head.size, level, index) * width]

    edge = TileEdge.read(since.size, read_tile)
    if edge.root() != since.root:
        sentence = f"The tiles do not hold the tree of size {since.size} any more."
        raise VerificationError(sentence)
    whole = since.size - since.size % TILE_WIDTH
    return TileEdge(whole, (b"", *edge.rows[1:]) if whole else ())
