"""Writes a log into a directory as a publisher would, for tests that read one."""

from collections.abc import Sequence
from pathlib import Path

from audit.tlog.checkpoint import Checkpoint
from audit.tlog.keys import PrivateKey
from audit.tlog.merkle import leaf_hash
from audit.tlog.tiled_tree import TileEdge
from audit.tlog.tiles import TILE_WIDTH, new_bundles, write_bundle


class StaticLog:
    """A growing log; `checkpoints` has the signed one of every size published."""

    def __init__(self, directory: Path, key: PrivateKey) -> None:
        self.directory = directory
        self.key = key
        self.entries: list[bytes] = []
        self.checkpoints: dict[int, bytes] = {}
        self._edge = TileEdge()

    def publish(self, *entries: bytes) -> None:
        old_size = len(self.entries)
        self.entries += entries
        for bundle in new_bundles(old_size, len(self.entries)):
            start = bundle.index * TILE_WIDTH
            content = self.entries[start : start + bundle.width]
            self._write(bundle.path, write_bundle(content))
        growth = self._edge.grow(map(leaf_hash, entries))
        self._edge = growth.edge
        for tile, hashes in [*growth.full_tiles, *growth.edge.partial_tiles()]:
            self._write(tile.path, hashes)
        head = Checkpoint(self.key.name, len(self.entries), self._edge.root())
        self.checkpoints[head.size] = head.signed(self.key)
        self._write("checkpoint", self.checkpoints[head.size])

    def numbered(self, counts: Sequence[int]) -> "StaticLog":
        """Publish entries that differ, one checkpoint for each count."""
        for count in counts:
            first = len(self.entries)
            self.publish(*(b"entry %d" % n for n in range(first, first + count)))
        return self

    def _write(self, path: str, data: bytes) -> None:
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
