from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.merkle import (
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from audit.tlog.tiled_tree import TiledTree, TileEdge
from audit.tlog.tiles import Tile, tiles_of
from tests.audit.tlog import vectors


class StoredTiles:
    """The tiles of a tree by name; counts what is read."""

    def __init__(self, leaves: list[bytes]) -> None:
        growth = TileEdge().grow(leaves)
        self.edge = growth.edge
        self.tiles = dict([*growth.full_tiles, *growth.edge.partial_tiles()])
        self.reads: list[Tile] = []

    def read(self, level: int, index: int, width: int, /) -> bytes:
        self.reads.append(Tile(level, index, width))
        return self.tiles[self.reads[-1]]


LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]
STORED = StoredTiles(LEAVES)
ROOT = root_of(LEAVES)


def uniform_tile(level: int, _index: int, width: int, /) -> bytes:
    root = leaf_hash(b"same")
    for _ in range(8 * level):
        root = node_hash(root, root)
    return root * width


def test_a_grown_tree_stores_the_tiles_that_it_has():
    assert set(STORED.tiles) == set(tiles_of(70_000))
    assert {len(data) // 32 - tile.width for tile, data in STORED.tiles.items()} == {0}
    assert STORED.edge.root() == ROOT
    assert TileEdge.read(70_000, STORED.read) == STORED.edge


@pytest.mark.parametrize("index", [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_999])
def test_inclusion_proofs_need_a_few_tiles_only(index: int):
    STORED.reads.clear()
    tree = TiledTree(70_000, STORED.read)
    proof = tree.inclusion_proof(index)
    verify_inclusion(LEAVES[index], index, 70_000, proof, ROOT)
    assert len(STORED.reads) <= 4
    assert tree.leaf_hash(index) == LEAVES[index]


@pytest.mark.parametrize("old_size", [0, 1, 255, 256, 257, 65_536, 65_537, 70_000])
def test_consistency_proofs_need_a_few_tiles_only(old_size: int):
    STORED.reads.clear()
    tree = TiledTree(70_000, STORED.read)
    proof = tree.consistency_proof(old_size)
    old_root = root_of(LEAVES[:old_size])
    verify_consistency(old_size, old_root, 70_000, ROOT, proof)
    assert len(STORED.reads) <= 4
    assert tree.root(old_size) == old_root


@given(st.integers(1, 2**62), st.data())
def test_proofs_over_tiles_of_huge_trees_read_two_tiles_a_level(
    size: int, data: st.DataObject
):
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    reads = set()

    def read(level: int, tile: int, width: int, /) -> bytes:
        reads.add((level, tile))
        return uniform_tile(level, tile, width)

    proof = TiledTree(size, read).inclusion_proof(index)
    assert len(reads) <= 2 * 8
    tree = TiledTree(size, uniform_tile)
    verify_inclusion(leaf_hash(b"same"), index, size, proof, tree.root())
    verify_consistency(
        old, tree.root(old), size, tree.root(), tree.consistency_proof(old)
    )


@given(st.lists(st.integers(0, 700), max_size=5))
@settings(max_examples=60)
def test_a_tree_that_grows_in_steps_makes_the_same_tiles(steps: list[int]):
    edge, tiles = TileEdge(), dict[Tile, bytes]()
    for end, count in zip(accumulate(steps), steps, strict=True):
        growth = edge.grow(LEAVES[end - count : end])
        edge = growth.edge
        assert not tiles.keys() & dict(growth.full_tiles).keys()
        tiles.update(growth.full_tiles)
    size = sum(steps)
    assert edge.root() == root_of(LEAVES[:size])
    assert tiles | dict(edge.partial_tiles()) == StoredTiles(LEAVES[:size]).tiles


def test_the_vector_log_has_its_published_roots_and_proofs():
    stored = StoredTiles([leaf_hash(entry) for entry in vectors.ENTRIES])
    tree = TiledTree(3, stored.read)
    assert (tree.root(2), tree.root()) == (vectors.ROOT_AT_2, vectors.ROOT_AT_3)
    assert tree.inclusion_proof(1) == vectors.INCLUSION_OF_1_IN_3
    assert tree.consistency_proof(2) == vectors.CONSISTENCY_2_TO_3


@pytest.mark.parametrize("length", [0, 31, 33, 65, 8192])
def test_a_tile_of_another_length_is_malformed(length: int):
    with pytest.raises(MalformedError):
        TiledTree(1, lambda *_: bytes(length)).root()
    with pytest.raises(MalformedError):
        TileEdge.read(1, lambda *_: bytes(length))


def test_subtrees_beyond_the_tree_are_refused():
    tree = TiledTree(3, uniform_tile)
    with pytest.raises(VerificationError):
        tree.leaf_hash(3)
    with pytest.raises(VerificationError):
        tree.subtree_root(1, 1)
    with pytest.raises(VerificationError):
        tree.root(4)


def test_a_leaf_hash_of_another_length_does_not_grow_a_tree():
    with pytest.raises(MalformedError):
        TileEdge().grow([b"short"])
