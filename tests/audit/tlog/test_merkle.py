from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.tlog import merkle
from audit.tlog.errors import MalformedError, TlogError, VerificationError
from audit.tlog.merkle import (
    EMPTY_ROOT,
    MAX_PROOF_HASHES,
    MAX_SIZE,
    Frontier,
    SubtreeReader,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from tests.audit.tlog import reference_tree, vectors
from tests.audit.tlog.vectors import (
    CLASSIC_LEAVES,
    CLASSIC_ROOTS,
    Consistency,
    Inclusion,
)

OTHER_HASH = b"\xff" * 32


def reader_of(leaves: list[bytes]) -> SubtreeReader:
    def subtree_root(height: int, index: int) -> bytes:
        start, end = index << height, (index + 1) << height
        assert end <= len(leaves), "asked for a subtree that is not whole"
        return root_of(leaves[start:end])

    return subtree_root


def uniform(height: int, _index: int) -> bytes:
    """Read any subtree of a tree, however large, whose leaves are all alike."""
    root = leaf_hash(b"same")
    for _ in range(height):
        root = node_hash(root, root)
    return root


def check(case: Inclusion | Consistency) -> None:
    if isinstance(case, Inclusion):
        verify_inclusion(case.leaf, case.index, case.size, case.proof, case.root)
    else:
        verify_consistency(
            case.old_size, case.old_root, case.new_size, case.new_root, case.proof
        )


def test_leaf_and_node_hashes_are_those_of_rfc6962():
    assert leaf_hash(b"L123456").hex() == (
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    )
    assert node_hash(b"N123", b"N456").hex() == (
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_classic_leaves(size: int):
    leaves = [leaf_hash(entry) for entry in CLASSIC_LEAVES[:size]]
    assert root_of(leaves) == CLASSIC_ROOTS[size]
    assert tree_root(size, reader_of(leaves)) == CLASSIC_ROOTS[size]


@pytest.mark.parametrize("case", vectors.INCLUSIONS)
def test_published_inclusion_proofs_verify_and_are_made_alike(case: Inclusion):
    leaves = [leaf_hash(entry) for entry in CLASSIC_LEAVES[: case.size]]
    assert inclusion_proof(case.index, case.size, reader_of(leaves)) == case.proof
    check(case)


@pytest.mark.parametrize("case", vectors.CONSISTENCIES)
def test_published_consistency_proofs_verify_and_are_made_alike(case: Consistency):
    leaves = [leaf_hash(entry) for entry in CLASSIC_LEAVES[: case.new_size]]
    made = consistency_proof(case.old_size, case.new_size, reader_of(leaves))
    assert made == case.proof
    check(case)


@pytest.mark.parametrize(
    ("index", "size", "length"), [(1, 3, 2), (0, 7, 3), (6, 7, 2), (0, 8, 3)]
)
def test_the_empty_leaf_proves_nothing_against_an_empty_root(
    index: int, size: int, length: int
):
    """Without a length check the bare algorithm accepts an unhashed leaf as root."""
    with pytest.raises(MalformedError):
        verify_inclusion(b"", 0, 1, [], b"")
    with pytest.raises(MalformedError):
        verify_inclusion(b"", index, size, [OTHER_HASH] * length, OTHER_HASH)


@given(st.integers(1, 600), st.data())
@settings(max_examples=150)
def test_proofs_equal_the_naive_recursion_and_verify(size: int, data: st.DataObject):
    entries = [b"%d" % number for number in range(size)]
    leaves = [leaf_hash(entry) for entry in entries]
    index = data.draw(st.integers(0, size - 1))
    old_size = data.draw(st.integers(1, size))
    root, old_root = (
        reference_tree.root(entries),
        reference_tree.root(entries[:old_size]),
    )

    path = inclusion_proof(index, size, reader_of(leaves))
    proof = consistency_proof(old_size, size, reader_of(leaves))

    assert list(path) == reference_tree.path(index, entries)
    assert list(proof) == reference_tree.proof(old_size, entries)
    assert tree_root(size, reader_of(leaves)) == root
    verify_inclusion(leaves[index], index, size, path, root)
    verify_consistency(old_size, old_root, size, root, proof)


def test_every_proof_up_to_40_leaves_verifies_at_its_own_place_only():
    entries = [b"%d" % number for number in range(40)]
    leaves = [leaf_hash(entry) for entry in entries]
    roots = [root_of(leaves[:size]) for size in range(41)]
    for size in range(1, 41):
        for index in range(size):
            path = inclusion_proof(index, size, reader_of(leaves[:size]))
            verify_inclusion(leaves[index], index, size, path, roots[size])
            for other in {index - 1, index + 1, index ^ 2, size} - {index}:
                with pytest.raises(VerificationError):
                    verify_inclusion(leaves[index], other, size, path, roots[size])
        for old in range(size + 1):
            proof = consistency_proof(old, size, reader_of(leaves[:size]))
            verify_consistency(old, roots[old], size, roots[size], proof)
            for other in {old - 1, old + 1} & set(range(size + 1)):
                with pytest.raises(VerificationError):
                    verify_consistency(other, roots[old], size, roots[size], proof)


@given(st.integers(2, 2**62), st.data())
def test_proofs_verify_in_trees_of_up_to_2_to_the_62_leaves(
    size: int, data: st.DataObject
):
    index = data.draw(st.integers(0, size - 1))
    old_size = data.draw(st.integers(1, size))
    root, old_root = tree_root(size, uniform), tree_root(old_size, uniform)

    path = inclusion_proof(index, size, uniform)
    proof = consistency_proof(old_size, size, uniform)

    assert len(path) <= MAX_PROOF_HASHES
    assert len(proof) <= MAX_PROOF_HASHES
    verify_inclusion(leaf_hash(b"same"), index, size, path, root)
    verify_consistency(old_size, old_root, size, root, proof)
    with pytest.raises(TlogError):
        verify_inclusion(leaf_hash(b"other"), index, size, path, root)


def mutations(proof: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """Return the proof with one thing wrong: flipped, dropped, doubled, swapped, added."""
    wrong = [(OTHER_HASH, *proof), (*proof, OTHER_HASH), (*proof, b""), (b"", *proof)]
    for at, item in enumerate(proof):
        head, tail = proof[:at], proof[at + 1 :]
        flipped = bytes([item[0] ^ 8]) + item[1:]
        wrong += [(*head, flipped, *tail), (*head, *tail), (*head, item, item, *tail)]
        wrong += [(*head, item[:-1], *tail), (*head, item + b"\0", *tail)]
        if tail:
            wrong.append((*head, tail[0], item, *tail[1:]))
    return wrong


@pytest.mark.parametrize("case", [*vectors.INCLUSIONS, *vectors.CONSISTENCIES])
def test_published_proofs_fail_with_anything_wrong(case: Inclusion | Consistency):
    wrong = [replace(case, proof=proof) for proof in mutations(case.proof)]
    if isinstance(case, Inclusion):
        wrong += [replace(case, root=EMPTY_ROOT), replace(case, leaf=OTHER_HASH)]
        wrong += [replace(case, root=b""), replace(case, leaf=b"")]
        wrong += [replace(case, index=index) for index in (-1, case.size, 2**70)]
        wrong += [replace(case, size=size) for size in (0, -1, case.size * 2, 2**63)]
    else:
        wrong += [replace(case, old_root=case.new_root, new_root=case.old_root)]
        wrong += [
            replace(case, old_root=OTHER_HASH),
            replace(case, new_root=OTHER_HASH),
        ]
        wrong += [replace(case, old_root=b""), replace(case, new_root=b"")]
        wrong += [replace(case, old_size=size) for size in (-1, 0, case.new_size + 1)]
        wrong += [
            replace(case, new_size=size) for size in (0, case.new_size * 2, 2**63)
        ]
    for probe in wrong:
        with pytest.raises(TlogError):
            check(probe)


def test_size_0_is_consistent_with_the_empty_root_and_an_empty_proof_only():
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    verify_consistency(0, EMPTY_ROOT, 5, CLASSIC_ROOTS[5], [])
    assert consistency_proof(0, 5, uniform) == ()
    with pytest.raises(VerificationError):
        verify_consistency(0, OTHER_HASH, 5, CLASSIC_ROOTS[5], [])
    with pytest.raises(VerificationError):
        verify_consistency(0, EMPTY_ROOT, 0, OTHER_HASH, [])
    with pytest.raises(VerificationError):
        verify_consistency(0, EMPTY_ROOT, 5, CLASSIC_ROOTS[5], [OTHER_HASH])


def test_equal_sizes_need_equal_roots_and_an_empty_proof():
    verify_consistency(5, CLASSIC_ROOTS[5], 5, CLASSIC_ROOTS[5], [])
    with pytest.raises(VerificationError):
        verify_consistency(5, CLASSIC_ROOTS[5], 5, CLASSIC_ROOTS[4], [])
    with pytest.raises(VerificationError):
        verify_consistency(5, CLASSIC_ROOTS[5], 5, CLASSIC_ROOTS[5], [OTHER_HASH])


def test_a_proof_of_64_hashes_is_malformed():
    with pytest.raises(MalformedError):
        verify_inclusion(OTHER_HASH, 0, MAX_SIZE, [OTHER_HASH] * 64, OTHER_HASH)
    with pytest.raises(MalformedError):
        verify_consistency(1, OTHER_HASH, MAX_SIZE, OTHER_HASH, [OTHER_HASH] * 64)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_no_inclusion_proof_is_made_for_an_index_outside(index: int, size: int):
    with pytest.raises(VerificationError):
        inclusion_proof(index, size, uniform)


@pytest.mark.parametrize("old_size", [-1, 4])
def test_no_consistency_proof_is_made_from_a_size_that_never_was(old_size: int):
    with pytest.raises(VerificationError):
        consistency_proof(old_size, 3, uniform)


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_frontier_grown_in_two_steps_has_the_root_of_one(first: int, second: int):
    leaves = [leaf_hash(b"%d" % number) for number in range(first + second)]
    grown = Frontier().extended(leaves[:first]).extended(leaves[first:])
    assert grown == Frontier().extended(leaves)
    assert Frontier.from_bytes(grown.size, grown.to_bytes()).root() == grown.root()
    assert grown.root() == merkle.tree_root(first + second, reader_of(leaves))
