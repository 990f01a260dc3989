"""A log as a directory of static files, as anybody may have copied it (C2SP tlog-tiles)."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.merkle import HASH_BYTES
from audit.tlog.note import MAX_NOTE_BYTES
from audit.tlog.tiles import MAX_BUNDLE_BYTES, TILE_WIDTH, Bundle, Tile, read_bundle

_WIDTH = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)


@dataclass(frozen=True)
class PublishedLog:
    """The directory into which a log is published."""

    directory: Path

    def checkpoint(self) -> bytes:
        """Return the signed head (tlog-tiles, Checkpoints)."""
        return self._read("checkpoint", MAX_NOTE_BYTES)

    def tile(self, level: int, index: int, width: int, /) -> bytes:
        """Return a hash tile, or the head of the full one in its place (tlog-tiles).

        A partial tile may go once the full one is there (tlog-tiles, Partial Tiles).
        """
        wanted, length = Tile(level, index, width), width * HASH_BYTES
        stored = wanted if self._has(wanted) else Tile(level, index)
        if not self._has(stored):
            raise VerificationError(f"{wanted.path} is missing.", path=wanted.path)
        data = self._read(stored.path, TILE_WIDTH * HASH_BYTES)
        if len(data) != stored.width * HASH_BYTES:
            sentence = f"{stored.path} does not hold {stored.width} hashes."
            raise VerificationError(sentence, path=stored.path)
        return data[:length]

    def entries(self, bundle: Bundle) -> list[bytes]:
        """Return the entries of a bundle, or the first ones of the full one instead."""
        stored = bundle if self._has(bundle) else Bundle(bundle.index)
        if not self._has(stored):
            raise VerificationError(f"{bundle.path} is missing.", path=bundle.path)
        try:
            data = self._read(stored.path, MAX_BUNDLE_BYTES)
            return read_bundle(data, stored.width)[: bundle.width]
        except MalformedError as error:
            sentence = f"{stored.path}: {error}"
            raise VerificationError(sentence, path=stored.path) from None

    def stored_widths(self, resource: Tile | Bundle) -> list[int]:
        """Return the widths of the partial forms that are stored of a resource."""
        folder = (self.directory / replace(resource, width=1).path).parent
        names = [file.name for file in folder.glob("*")]
        widths = [int(name) for name in names if _WIDTH.fullmatch(name)]
        return sorted(width for width in widths if width < TILE_WIDTH)

    def _has(self, resource: Tile | Bundle) -> bool:
        return (self.directory / resource.path).is_file()

    def _read(self, path: str, limit: int) -> bytes:
        try:
            with (self.directory / path).open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            sentence = f"{path} cannot be read: {error.strerror}."
            raise VerificationError(sentence, path=path) from None
        if len(data) > limit:
            raise VerificationError(f"{path} is larger than it may be.", path=path)
        return data
