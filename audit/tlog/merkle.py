"""The Merkle tree of RFC 6962 section 2.1: hashes, and roots grown leaf by leaf.

A `Frontier` holds the roots of the perfect subtrees that make up a tree of some size,
largest first: all that is needed to append leaves and to compute the next root.
Proofs are made from a `SubtreeReader`, so that they can run over tiles or a list.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from audit.tlog.errors import MalformedError, VerificationError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_SIZE = 2**63 - 1
# What a witness takes (tlog-witness): enough for any proof up to 2**62 leaves.
MAX_PROOF_HASHES = 63

# (height, index) -> root over the 2**height leaves that start at index * 2**height.
SubtreeReader = Callable[[int, int], bytes]


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


def tree_root(size: int, subtree_root: SubtreeReader) -> bytes:
    """Return the Merkle tree hash of the first `size` leaves (RFC 6962 2.1)."""
    _check_size(size)
    return _range_root(0, size, subtree_root) if size else EMPTY_ROOT


def inclusion_proof(
    index: int, size: int, subtree_root: SubtreeReader
) -> tuple[bytes, ...]:
    """Return the audit path of a leaf, the leaf's sibling first (RFC 6962 2.1.1)."""
    _check_size(size)
    if not 0 <= index < size:
        raise VerificationError(f"A tree of {size} leaves has no index {index}.")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, subtree_root))
            end = middle
        else:
            path.append(_range_root(start, middle, subtree_root))
            start = middle
    return tuple(reversed(path))


def consistency_proof(
    old_size: int, new_size: int, subtree_root: SubtreeReader
) -> tuple[bytes, ...]:
    """Return the proof that the old tree is a prefix of the new one (RFC 6962 2.1.2).

    From size 0 the proof is empty, as a witness wants it (tlog-witness).
    """
    _check_size(new_size)
    if not 0 <= old_size <= new_size:
        raise VerificationError(f"A tree of {new_size} leaves never had {old_size}.")
    path, start, end = [], 0, new_size
    while old_size not in (0, end):
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append(_range_root(middle, end, subtree_root))
            end = middle
        else:
            path.append(_range_root(start, middle, subtree_root))
            start = middle
    # The verifier knows the old root already when it is the whole left edge.
    if start:
        path.append(_range_root(start, end, subtree_root))
    return tuple(reversed(path))


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Refuse unless the leaf hash stands at `index` of the tree (RFC 9162 2.1.3.2)."""
    _check_size(size)
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise VerificationError(f"A tree of {size} leaves has no index {index}.")
    position, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise VerificationError("The inclusion proof is too long.")
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            position, last = _past_promotions(position, last)
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise VerificationError("The inclusion proof is too short.")
    if computed != root:
        raise VerificationError("The inclusion proof leads to another root.")


def verify_consistency(
    old_size: int,
    old_root: bytes,
    new_size: int,
    new_root: bytes,
    proof: Sequence[bytes],
) -> None:
    """Refuse unless the old tree is a prefix of the new one (RFC 9162 2.1.4.2).

    Size 0 is accepted with the root of the empty tree and an empty proof only.
    """
    _check_size(old_size)
    _check_size(new_size)
    _check_hashes(old_root, new_root, *proof)
    if old_size > new_size:
        raise VerificationError(f"The tree shrank from {old_size} to {new_size}.")
    if old_size in (0, new_size):
        _check_trivial_consistency(old_size, old_root, new_size, new_root, proof)
        return
    # An old tree of 2**k leaves is itself the first hash of the path.
    path = (old_root, *proof) if old_size & (old_size - 1) == 0 else tuple(proof)
    if not path:
        raise VerificationError("The consistency proof is empty.")
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise VerificationError("The consistency proof is too long.")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            position, last = _past_promotions(position, last)
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise VerificationError("The consistency proof is too short.")
    if (old, new) != (old_root, new_root):
        raise VerificationError("The consistency proof leads to other roots.")


def _check_trivial_consistency(
    old_size: int,
    old_root: bytes,
    new_size: int,
    new_root: bytes,
    proof: Sequence[bytes],
) -> None:
    if proof:
        raise VerificationError(f"From {old_size} to {new_size} the proof is empty.")
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise VerificationError("The old root is not the root of the empty tree.")
    if old_size == new_size and old_root != new_root:
        raise VerificationError(f"Two trees of {new_size} leaves have other roots.")


def _past_promotions(position: int, last: int) -> tuple[int, int]:
    """Skip the levels on which the last node is promoted without a sibling."""
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _range_root(start: int, end: int, subtree_root: SubtreeReader) -> bytes:
    """Hash a range whose start is a multiple of its largest subtree's size."""
    roots = [subtree_root(height, index) for height, index in _subtrees(start, end)]
    root = roots.pop()
    for left in reversed(roots):
        root = node_hash(left, root)
    return root


def _subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        height = (end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def _split(size: int) -> int:
    """Return the largest power of two below `size` (RFC 6962 2.1)."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_SIZE:
        raise MalformedError("A tree size is at least 0 and below 2**63.")


def _check_hashes(*hashes: bytes) -> None:
    # Unchecked, an empty leaf would "prove" itself against an empty root.
    if any(len(item) != HASH_BYTES for item in hashes):
        raise MalformedError(f"A hash has {HASH_BYTES} bytes.")
    if len(hashes) - 2 > MAX_PROOF_HASHES:
        raise MalformedError(f"A proof has at most {MAX_PROOF_HASHES} hashes.")
