"""The tree against published vectors and against RFC 6962's own recursion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tlog.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_of
from tests.audit.tlog.vectors import CLASSIC_LEAVES, CLASSIC_ROOTS

LEAVES = CLASSIC_LEAVES
ROOTS = [root.hex() for root in CLASSIC_ROOTS]

hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


def naive_root(leaf_hashes):
    """RFC 6962 section 2.1, word for word."""
    if not leaf_hashes:
        return EMPTY_ROOT
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    split = 1
    while split * 2 < len(leaf_hashes):
        split *= 2
    return node_hash(naive_root(leaf_hashes[:split]), naive_root(leaf_hashes[split:]))


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_root_over_the_classic_leaves_is_the_published_one(size):
    assert root_of([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


def test_leaf_and_node_hashes_are_the_published_ones():
    assert (
        leaf_hash(b"L123456").hex()
        == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    )
    assert (
        node_hash(b"N123", b"N456").hex()
        == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


def test_three_entries_of_the_attestry_vector_have_their_root():
    entries = [b"", b"a", b'{"kind":"gate.verdict","v":1}']
    assert (
        root_of([leaf_hash(entry) for entry in entries]).hex()
        == "9c448ad9f7deb8c97f7e3d19b8cee86193ecf5d519237c84128c86a738c431" + "97"
    )


@given(hashes)
def test_root_is_that_of_the_naive_recursion(leaf_hashes):
    assert root_of(leaf_hashes) == naive_root(leaf_hashes)


@given(hashes, st.data())
def test_growing_in_steps_gives_the_same_tree_as_growing_at_once(leaf_hashes, data):
    cut = data.draw(st.integers(0, len(leaf_hashes)))
    first = Frontier().extended(leaf_hashes[:cut])
    stored = Frontier.from_bytes(first.size, first.to_bytes())

    assert stored == first
    assert stored.extended(leaf_hashes[cut:]) == Frontier().extended(leaf_hashes)


@given(hashes, st.data())
def test_changing_any_leaf_changes_the_root(leaf_hashes, data):
    if not leaf_hashes:
        return
    index = data.draw(st.integers(0, len(leaf_hashes) - 1))
    changed = list(leaf_hashes)
    changed[index] = bytes(byte ^ 1 for byte in changed[index])

    assert root_of(changed) != root_of(leaf_hashes)


@given(st.binary(), st.binary())
def test_leaf_can_never_pose_as_a_node(left, right):
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize(
    ("size", "data"),
    [
        (0, bytes(32)),
        (1, b""),
        (3, bytes(32)),
        (1, bytes(31)),
        (2, bytes(33)),
        (-1, b""),
    ],
)
def test_frontier_that_cannot_belong_to_its_size_is_refused(size, data):
    with pytest.raises(ValueError, match=r"subtree"):
        Frontier.from_bytes(size, data)
