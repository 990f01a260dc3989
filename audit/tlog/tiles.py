"""Tiles and entry bundles of C2SP tlog-tiles: their names, their bytes, which exist.

Nothing here reads or writes a file: a `TileReader` is passed in, and what is new when
a tree grows is handed back.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from audit.tlog.errors import MalformedError
from audit.tlog.merkle import HASH_BYTES, MAX_SIZE

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 2**16 - 1
MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)"
    r"/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)
# Seven groups hold every index of a tree below 2**63 entries.
_MAX_PATH = len("tile/entries/" + "x000/" * 7 + ".p/255")


class TileReader(Protocol):
    """Returns the `width` hashes of a stored tile, 32 bytes each and nothing else."""

    def __call__(self, level: int, index: int, width: int, /) -> bytes: ...


@dataclass(frozen=True, order=True)
class Tile:
    """The name of a hash tile: its level, its index therein, how many hashes it has."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not 0 <= self.level <= MAX_LEVEL:
            raise MalformedError(f"A tile level is from 0 to {MAX_LEVEL}.")
        _check_name(self.index, self.width)

    @property
    def path(self) -> str:
        """Return `tile/<L>/<N>[.p/<W>]` (tlog-tiles, Merkle Tree)."""
        return f"tile/{self.level}/{_index_path(self.index, self.width)}"

    @property
    def is_full(self) -> bool:
        return self.width == TILE_WIDTH


@dataclass(frozen=True, order=True)
class Bundle:
    """The name of an entry bundle: its index, and how many entries it has."""

    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        _check_name(self.index, self.width)

    @property
    def path(self) -> str:
        """Return `tile/entries/<N>[.p/<W>]` (tlog-tiles, Log entries)."""
        return f"tile/entries/{_index_path(self.index, self.width)}"

    @property
    def is_full(self) -> bool:
        return self.width == TILE_WIDTH


def parse_path(path: str) -> Tile | Bundle:
    """Read the only path that names a tile or bundle (tlog-tiles, Merkle Tree)."""
    match = _PATH.fullmatch(path) if len(path) <= _MAX_PATH else None
    if match is None:
        raise MalformedError(f"{path[:80]!r} names neither a tile nor a bundle.")
    groups = match["index"].replace("x", "").split("/")
    if len(groups) > 1 and groups[0] == "000":
        raise MalformedError(f"{path!r} has a leading group of zeros.")
    width = int(match["width"] or TILE_WIDTH)
    if match["width"] and width >= TILE_WIDTH:
        raise MalformedError(f"{path!r} is not partial: write it without .p.")
    index = int("".join(groups))
    if match["level"] == "entries":
        return Bundle(index, width)
    return Tile(int(match["level"]), index, width)


def width_at(size: int, level: int, index: int) -> int:
    """Return how wide a tile is in a tree of `size` entries; 0 means that it is not.

    The last one of a level has floor(size / 256**level) mod 256 hashes (tlog-tiles,
    Partial Tiles).
    """
    hashes = size >> TILE_HEIGHT * level
    return max(0, min(TILE_WIDTH, hashes - index * TILE_WIDTH))


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile of a tree, level by level (tlog-tiles, Merkle Tree)."""
    return new_tiles(0, size)


def new_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """Yield the tiles that a tree has and had not at its old size, level by level."""
    for level in range(MAX_LEVEL + 1):
        if not new_size >> TILE_HEIGHT * level:
            return
        for index, width in _grown(old_size, new_size, level):
            yield Tile(level, index, width)


def bundles_of(size: int) -> Iterator[Bundle]:
    """Yield every entry bundle of a log (tlog-tiles, Log entries)."""
    return new_bundles(0, size)


def new_bundles(old_size: int, new_size: int) -> Iterator[Bundle]:
    """Yield the bundles that a log has and had not at its old size."""
    for index, width in _grown(old_size, new_size, level=0):
        yield Bundle(index, width)


def write_bundle(entries: Iterable[bytes]) -> bytes:
    """Write entries, each behind its big-endian uint16 length (tlog-tiles, Log entries)."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise MalformedError(f"An entry has at most {MAX_ENTRY_BYTES} bytes.")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def read_bundle(data: bytes, width: int) -> list[bytes]:
    """Read exactly `width` entries and nothing behind them (tlog-tiles, Log entries)."""
    entries: list[bytes] = []
    at, end = 0, len(data)
    for _ in range(width):
        if at + 2 > end:
            raise MalformedError(f"The bundle ends before its entry {len(entries)}.")
        start = at + 2
        at = start + (data[at] << 8 | data[at + 1])
        entries.append(data[start:at])
    if at != end:
        raise MalformedError(f"The bundle does not end with its {width} entries.")
    return entries


def row_above(hashes: bytes) -> bytes:
    """Hash each pair of adjacent 32-byte hashes into their node (RFC 6962 2.1)."""
    sha256 = hashlib.sha256
    return b"".join(
        [
            sha256(b"\x01" + hashes[start:end]).digest()
            for start, end in pairwise(range(0, len(hashes) + 1, 2 * HASH_BYTES))
        ]
    )


def subtree_root_of(hashes: bytes) -> bytes:
    """Return the root over 2**k adjacent hashes, as of a full tile (RFC 6962 2.1)."""
    count = len(hashes) // HASH_BYTES
    if len(hashes) % HASH_BYTES or count.bit_count() != 1:
        raise MalformedError("Only a power of two of whole hashes has one root.")
    while len(hashes) > HASH_BYTES:
        hashes = row_above(hashes)
    return hashes


def split_hashes(hashes: bytes) -> Sequence[bytes]:
    """Cut the bytes of a tile into its hashes."""
    starts = range(0, len(hashes), HASH_BYTES)
    return [hashes[start : start + HASH_BYTES] for start in starts]


def _grown(old_size: int, new_size: int, level: int) -> Iterator[tuple[int, int]]:
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise MalformedError("A tree grows from 0 or more to less than 2**63 entries.")
    first = (old_size >> TILE_HEIGHT * level) // TILE_WIDTH
    last = -(-(new_size >> TILE_HEIGHT * level) // TILE_WIDTH)
    for index in range(first, last):
        width = width_at(new_size, level, index)
        if width != width_at(old_size, level, index):
            yield index, width


def _check_name(index: int, width: int) -> None:
    if not 0 <= index <= MAX_SIZE:
        raise MalformedError("A tile index is at least 0 and below 2**63.")
    if not 1 <= width <= TILE_WIDTH:
        raise MalformedError(f"A tile has from 1 to {TILE_WIDTH} hashes.")


def _index_path(index: int, width: int) -> str:
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"
