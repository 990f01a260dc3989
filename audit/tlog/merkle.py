"""The Merkle tree of RFC 6962 section 2.1: hashes, and roots grown leaf by leaf.

A `Frontier` holds the roots of the perfect subtrees that make up a tree of some size,
largest first: all that is needed to append leaves and to compute the next root.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry; 0x00 keeps a leaf from posing as a node (RFC 6962 2.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtree roots; 0x01 keeps a node from posing as a leaf (RFC 6962 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Frontier:
    """The perfect subtrees of a tree of `size` leaves, one a bit set in `size`."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.roots) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves has other subtrees")
        if any(len(root) != HASH_BYTES for root in self.roots):
            raise ValueError("a subtree root has 32 bytes")

    def extended(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """Return the frontier after appending leaf hashes of 32 bytes each."""
        size, roots = self.size, list(self.roots)
        for leaf in leaf_hashes:
            roots.append(leaf)
            completed = size
            while completed & 1:
                right = roots.pop()
                roots.append(node_hash(roots.pop(), right))
                completed >>= 1
            size += 1
        return Frontier(size, tuple(roots))

    def root(self) -> bytes:
        """Return the Merkle tree hash of all leaves (RFC 6962 2.1)."""
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        return b"".join(self.roots)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> "Frontier":
        """Read what `to_bytes` wrote; a ValueError says that the two do not fit."""
        starts = range(0, len(data), HASH_BYTES)
        return cls(size, tuple(data[start : start + HASH_BYTES] for start in starts))


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over the given leaf hashes."""
    return Frontier().extended(leaf_hashes).root()
