"""A tree read from its tiles, and a tree that grows into tiles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from audit.tlog import merkle
from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.merkle import EMPTY_ROOT, HASH_BYTES, node_hash
from audit.tlog.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    TileReader,
    split_hashes,
    subtree_root_of,
    width_at,
)

TILE_BYTES = TILE_WIDTH * HASH_BYTES


class TiledTree:
    """A tree of `size` leaves whose hashes come from tiles, each read at most once.

    It believes its tiles: compare `root()` with a signed checkpoint where they come
    from somebody else. One tree serves a few proofs; it keeps the tiles that it read.
    """

    def __init__(self, size: int, read_tile: TileReader) -> None:
        self.size = size
        self._read_tile = read_tile
        self._tiles: dict[tuple[int, int], bytes] = {}

    def subtree_root(self, height: int, index: int) -> bytes:
        """Return the root over 2**height leaves from one tile (tlog-tiles)."""
        if (index + 1) << height > self.size:
            raise VerificationError(f"A tree of {self.size} leaves ends before that.")
        level, row = divmod(height, TILE_HEIGHT)
        first = index << row
        tile = self._tile(level, first // TILE_WIDTH)
        start = first % TILE_WIDTH * HASH_BYTES
        return subtree_root_of(tile[start : start + (HASH_BYTES << row)])

    def leaf_hash(self, index: int) -> bytes:
        """Return a leaf hash from its tile of level 0 (tlog-tiles)."""
        return self.subtree_root(0, index)

    def root(self, size: int | None = None) -> bytes:
        """Return the root now, or when the tree had `size` leaves (RFC 6962 2.1)."""
        size = self.size if size is None else size
        return merkle.tree_root(size, self.subtree_root)

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """Return the audit path of a leaf (RFC 6962 2.1.1); reads O(log n) tiles."""
        return merkle.inclusion_proof(index, self.size, self.subtree_root)

    def consistency_proof(self, old_size: int) -> tuple[bytes, ...]:
        """Return the proof from an old size (RFC 6962 2.1.2); reads O(log n) tiles."""
        return merkle.consistency_proof(old_size, self.size, self.subtree_root)

    def _tile(self, level: int, index: int) -> bytes:
        if (level, index) not in self._tiles:
            width = width_at(self.size, level, index)
            data = self._read_tile(level, index, width)
            if len(data) != width * HASH_BYTES:
                path = Tile(level, index, width).path
                raise MalformedError(f"{path} does not hold {width} hashes.")
            self._tiles[level, index] = data
        return self._tiles[level, index]


@dataclass(frozen=True)
class TileEdge:
    """The partial tiles of a tree, lowest level first: all that growing it takes.

    `rows[level]` has floor(size / 256**level) mod 256 hashes (tlog-tiles, Partial
    Tiles), so it is empty where the level ends with a full tile.
    """

    size: int = 0
    rows: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= merkle.MAX_SIZE:
            raise MalformedError("A tree size is at least 0 and below 2**63.")
        widths = tuple(len(row) / HASH_BYTES for row in self.rows)
        if widths != _edge_widths(self.size):
            raise MalformedError(f"A tree of {self.size} leaves has another edge.")

    @classmethod
    def read(cls, size: int, read_tile: TileReader) -> "TileEdge":
        """Read the edge of a stored tree; one tile a level."""
        return cls(
            size,
            tuple(
                read_tile(level, size >> TILE_HEIGHT * (level + 1), width)
                if width
                else b""
                for level, width in enumerate(_edge_widths(size))
            ),
        )

    def grow(self, leaf_hashes: Iterable[bytes]) -> "Growth":
        """Append leaf hashes; the full tiles that this completes come with the edge."""
        appended = b"".join(leaf_hashes)
        if len(appended) % HASH_BYTES:
            raise MalformedError(f"A leaf hash has {HASH_BYTES} bytes.")
        size, full = self.size + len(appended) // HASH_BYTES, []
        rows = list(self.rows)
        level = 0
        while appended or level < len(rows):
            if level == len(rows):
                rows.append(b"")
            row, index = rows[level] + appended, self.size >> TILE_HEIGHT * (level + 1)
            whole = len(row) - len(row) % TILE_BYTES
            tiles = [row[at : at + TILE_BYTES] for at in range(0, whole, TILE_BYTES)]
            full += [(Tile(level, index + n), data) for n, data in enumerate(tiles)]
            appended = b"".join(map(subtree_root_of, tiles))
            rows[level] = row[whole:]
            level += 1
        return Growth(TileEdge(size, tuple(rows)), tuple(full))

    def partial_tiles(self) -> Iterator[tuple[Tile, bytes]]:
        """Yield the partial tiles that a checkpoint of this size needs (tlog-tiles)."""
        for level, row in enumerate(self.rows):
            if row:
                index = self.size >> TILE_HEIGHT * (level + 1)
                yield Tile(level, index, len(row) // HASH_BYTES), row

    def root(self) -> bytes:
        """Return the Merkle tree hash (RFC 6962 2.1)."""
        root: bytes | None = None
        for row in self.rows:
            for subtree in _perfect_subtrees(row):
                root = subtree if root is None else node_hash(subtree, root)
        return EMPTY_ROOT if root is None else root


@dataclass(frozen=True)
class Growth:
    """What appending leaves made: the new edge, and each tile that became full."""

    edge: TileEdge
    full_tiles: tuple[tuple[Tile, bytes], ...]


def _edge_widths(size: int) -> tuple[int, ...]:
    levels = -(-size.bit_length() // TILE_HEIGHT)
    return tuple((size >> TILE_HEIGHT * level) % TILE_WIDTH for level in range(levels))


def _perfect_subtrees(row: bytes) -> Iterator[bytes]:
    """Yield the roots of a row's perfect subtrees, the smallest and last first."""
    hashes = split_hashes(row)
    end = len(hashes)
    while end:
        width = end & -end
        yield subtree_root_of(b"".join(hashes[end - width : end]))
        end -= width
