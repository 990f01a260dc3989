"""Recomputes a stored log, and names everything that is not as it was written."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from audit.models import Entry, Event, Head, Pending, StoredCheckpoint, StoredTile
from audit.proofs.bodies import EntryChecker, opening_faults
from audit.proofs.faults import Fault
from audit.proofs.outside import cosignature_faults, guard_faults, published_faults
from audit.proofs.reading import LogHead, head_of
from audit.proofs.rows import read_rows
from audit.proofs.signers import Signers, signers_of
from audit.storage import keys
from audit.storage.tree import StoredTree, edge_bytes
from audit.storage.verified import read_verified, write_verified
from audit.tlog.checkpoint import open_checkpoint
from audit.tlog.errors import TlogError
from audit.tlog.tiled_tree import TileEdge
from audit.tlog.tiles import TILE_WIDTH, Tile, width_at
from audit.triggers import trigger_faults

CHUNK = 256 * 256
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LogVerification:
    """What a verification recomputed, and everything that did not agree."""

    head: LogHead
    first_index: int
    entries: int
    pending: int
    recomputed_root: str
    faults: tuple[Fault, ...]

    @property
    def is_intact(self) -> bool:
        return not self.faults

    @property
    def first_bad_index(self) -> int | None:
        return min((f.index for f in self.faults if f.index is not None), default=None)


def verify_log(
    progress: Progress | None = None,
    *,
    log: Head | None = None,
    is_incremental: bool = False,
) -> LogVerification:
    """Recompute every leaf, tile, root and signature, and name what differs.

    Incremental: only what came behind the last size that was found intact, whose root
    the stored tiles must still have. `progress` is called with (entries done, size of
    the head). Memory stays flat.
    """
    log = log or Head.objects.current()
    signers, faults = signers_of(log), list(_lost_events())
    edge = TileEdge()
    if is_incremental:
        edge, found = _verified_edge(log)
        faults += found
    first_index = edge.size
    entries = _Entries(log, signers, edge)
    for found in entries.checked():
        faults += found
        if progress:
            progress(entries.edge.size, log.size)
    head_faults = _head_faults(log, entries.edge)
    faults += head_faults
    if not head_faults:
        faults += guard_faults(log)
    faults += cosignature_faults(log)
    faults += published_faults(log, signers, is_head_sound=not head_faults)
    if not faults:
        write_verified(log, entries.edge.size, entries.edge.root())
    return LogVerification(
        head=head_of(log),
        first_index=first_index,
        entries=entries.edge.size - first_index,
        pending=Pending.objects.count(),
        recomputed_root=entries.edge.root().hex(),
        faults=tuple(faults),
    )


def scrub() -> tuple[range, tuple[Fault, ...]]:
    """Recompute one bundle of entries, chosen at random, up to the hash above it."""
    log = Head.objects.current()
    index = secrets.randbelow(max(1, -(-log.size // TILE_WIDTH)))
    width = width_at(log.size, 0, index)
    first = index * TILE_WIDTH
    checker = EntryChecker(keys.mac_key(), signers_of(log))
    leaves, faults = checker.check(read_rows(log, first, first + width), first)
    faults += opening_faults(log, first, first + width)
    if len(leaves) != width:
        sentence = f"Of the {width} entries from {first} on, {len(leaves)} are there."
        faults.append(Fault(first, sentence))
    try:
        stored = StoredTree(log).tile(0, index, width)
    except TlogError as error:
        faults.append(Fault(first, str(error)))
    else:
        faults += _tile_faults(Tile(0, index, width), stored, b"".join(leaves))
    return range(first, first + width), tuple(faults)


class _Entries:
    """Walks over the entries and grows the tree that they make."""

    def __init__(self, log: Head, signers: Signers, edge: TileEdge) -> None:
        self.edge = edge
        self._log = log
        self._signers = signers
        self._checker = EntryChecker(keys.mac_key(), signers)
        signed = StoredCheckpoint.objects.filter(log=log, size__gt=edge.size)
        self._checkpoints = signed.order_by("size").iterator(chunk_size=CHUNK)
        self._next = next(self._checkpoints, None)

    def checked(self) -> Iterator[list[Fault]]:
        """Yield what is wrong with each chunk of entries, tiles and checkpoints."""
        faults = self._checkpoints_at(self.edge.size)
        for first in range(self.edge.size, self._log.size, CHUNK):
            end = min(first + CHUNK, self._log.size)
            # What stands before a gap is read; the head tells of what is missing.
            leaves, found = self._checker.check(
                read_rows(self._log, first, end), self.edge.size
            )
            faults += [*opening_faults(self._log, first, end), *found]
            faults += self._grow(leaves)
            yield faults
            faults = []
        yield faults + self._checkpoint_beyond_the_head()

    def _checkpoint_beyond_the_head(self) -> list[Fault]:
        size = Head.objects.get(pk=self._log.pk).size
        if self._next is None or self._next.size <= size:
            return []
        sentence = (
            f"A checkpoint of size {self._next.size} was signed; the head says {size}."
        )
        return [Fault(size, sentence)]

    def _grow(self, leaves: list[bytes]) -> list[Fault]:
        """Append the leaves, stopping where a checkpoint was signed."""
        faults: list[Fault] = []
        end = self.edge.size + len(leaves)
        while self.edge.size < end:
            stop = min(end, self._next.size) if self._next else end
            count = stop - self.edge.size
            growth = self.edge.grow(leaves[:count])
            leaves = leaves[count:]
            faults += _stored_tile_faults(self._log, growth.full_tiles)
            self.edge = growth.edge
            faults += self._checkpoints_at(stop)
        return faults

    def _checkpoints_at(self, size: int) -> list[Fault]:
        faults: list[Fault] = []
        while self._next and self._next.size <= size:
            faults += _checkpoint_faults(
                self._next, self.edge, self._log, self._signers
            )
            self._next = next(self._checkpoints, None)
        return faults


def _lost_events() -> Iterable[Fault]:
    for sentence in trigger_faults():
        yield Fault(None, sentence)
    for event in Event.objects.unaccounted()[:100]:
        yield Fault(None, f"Event {event.uid} is neither in the tree nor pending.")


def _verified_edge(log: Head) -> tuple[TileEdge, list[Fault]]:
    """Return the edge of the tree that was verified last, as the tiles have it now."""
    verified = read_verified(log)
    if verified is None:
        return TileEdge(), []
    try:
        edge = TileEdge.read(verified.size, StoredTree(log).tile)
        if edge.root() == verified.root:
            return edge, []
    except TlogError:
        pass
    sentence = (
        f"The tree of {verified.size} entries is not the one that was verified before."
    )
    return TileEdge(), [Fault(None, sentence)]


def _stored_tile_faults(
    log: Head, recomputed: Sequence[tuple[Tile, bytes]]
) -> Iterator[Fault]:
    for level in {tile.level for tile, _ in recomputed}:
        indices = [tile.index for tile, _ in recomputed if tile.level == level]
        rows = StoredTile.objects.filter(
            log=log, level=level, index__gte=indices[0], index__lte=indices[-1]
        )
        stored = dict(rows.values_list("index", "hashes"))
        for tile, hashes in recomputed:
            if tile.level == level:
                yield from _tile_faults(tile, stored.get(tile.index), hashes)


def _tile_faults(
    tile: Tile, stored: bytes | memoryview | None, recomputed: bytes
) -> Iterator[Fault]:
    name = f"{tile.level}/{tile.index}"
    if stored is None:
        yield Fault(None, f"The tile {name} is missing.")
        return
    data = bytes(stored)
    if data == recomputed:
        return
    pairs = zip(data, recomputed, strict=False)
    at = next((n for n, (is_, should) in enumerate(pairs) if is_ != should), 0) // 32
    place = tile.index * TILE_WIDTH + at
    if tile.level:
        yield Fault(None, f"Hash {at} of the tile {name} is not that of its tile.")
    else:
        yield Fault(place, f"Entry {place} is not the one in the tile {name}.")


def _checkpoint_faults(
    stored: StoredCheckpoint, edge: TileEdge, log: Head, signers: Signers
) -> list[Fault]:
    try:
        signed = open_checkpoint(bytes(stored.note), signers.keys).checkpoint
    except TlogError as error:
        return [Fault(None, f"The checkpoint of size {stored.size}: {error}")]
    if (signed.origin, signed.size) != (log.origin, stored.size):
        sentence = f"The checkpoint of size {stored.size} is of {signed.origin}, size {signed.size}."
        return [Fault(None, sentence)]
    # With a gap before it the size cannot be reached; the gap is the fault.
    if edge.size == signed.size and edge.root() != signed.root:
        sentence = f"The checkpoint of size {stored.size} signs another root."
        return [Fault(None, sentence)]
    return []


def _head_faults(log: Head, edge: TileEdge) -> list[Fault]:
    if edge.size != log.size:
        sentence = f"The head says {log.size} entries; {edge.size} are there."
        return [Fault(edge.size, sentence)]
    if edge.root() != bytes(log.root):
        return [Fault(None, "The root over all entries is not the root of the head.")]
    if edge_bytes(edge) != bytes(log.edge):
        return [Fault(None, "The head holds other subtrees than the entries make.")]
    size_now = Head.objects.filter(pk=log.pk).values("size")[:1]
    if Entry.objects.filter(log=log, index__gte=size_now).exists():
        sentence = "There are entries beyond the size of the head."
        return [Fault(log.size, sentence)]
    return []
