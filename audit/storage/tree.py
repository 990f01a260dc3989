"""The tree as its tables hold it: full tiles, the edge of the head, bodies of entries."""

from collections.abc import Iterator

from audit.models import Entry, Head, StoredTile
from audit.tlog.errors import VerificationError
from audit.tlog.merkle import HASH_BYTES
from audit.tlog.tiled_tree import TiledTree, TileEdge
from audit.tlog.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Bundle,
    Tile,
    write_bundle,
)


class StoredTree:
    """Serves the tiles and proofs of a log at any size up to that of its head.

    The head is read before any tile, and tiles are only added, so what is read fits
    together although the log grows meanwhile.
    """

    def __init__(self, log: Head) -> None:
        self.log = log
        self.edge = edge_of(log)

    def at(self, size: int) -> TiledTree:
        """Return the tree as it was at a size."""
        return TiledTree(size, self.tile)

    def tile(self, level: int, index: int, width: int, /) -> bytes:
        """Return the first hashes of a tile; VerificationError says it is not stored."""
        hashes = self._partial(level, index)
        if hashes is None:
            hashes = self._full(level, index)
        if len(hashes) < width * HASH_BYTES:
            path = Tile(level, index, width).path
            raise VerificationError(f"{path} is missing.", path=path)
        return hashes[: width * HASH_BYTES]

    def bundle(self, bundle: Bundle) -> bytes:
        """Return the entries of a bundle, as they are published."""
        first = bundle.index * TILE_WIDTH
        bodies = bodies_between(self.log, first, first + bundle.width)
        data = list(bodies)
        if len(data) != bundle.width:
            sentence = f"{bundle.path} is missing."
            raise VerificationError(sentence, path=bundle.path)
        return write_bundle(data)

    def _partial(self, level: int, index: int) -> bytes | None:
        is_edge = index == self.log.size >> TILE_HEIGHT * (level + 1)
        return (
            self.edge.rows[level] if is_edge and level < len(self.edge.rows) else None
        )

    def _full(self, level: int, index: int) -> bytes:
        rows = StoredTile.objects.filter(log=self.log, level=level, index=index)
        hashes = rows.values_list("hashes", flat=True).first()
        return b"" if hashes is None else bytes(hashes)


def bodies_between(log: Head, first: int, end: int) -> Iterator[bytes]:
    """Yield the bodies of entries, by index."""
    rows = Entry.objects.filter(log=log, index__gte=first, index__lt=end)
    for body in rows.order_by("index").values_list("event__body", flat=True):
        yield bytes(body)


def edge_of(log: Head) -> TileEdge:
    """Read the right edge of a head; a MalformedError says that it does not fit."""
    data, at = bytes(log.edge), 0

    def next_row(_level: int, _index: int, width: int, /) -> bytes:
        nonlocal at
        start, at = at, at + width * HASH_BYTES
        return data[start:at]

    edge = TileEdge.read(log.size, next_row)
    if at != len(data):
        raise VerificationError("The head holds other subtrees than its size needs.")
    return edge


def edge_bytes(edge: TileEdge) -> bytes:
    return b"".join(edge.rows)
