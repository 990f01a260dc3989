"""Whatever the bytes: a declared refusal, and never a proof of anything else."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from audit.tlog.errors import TlogError
from audit.tlog.keys import PrivateKey, VerifierKey
from audit.tlog.merkle import leaf_hash, verify_consistency
from audit.tlog.note import Note, parse_signatures
from audit.tlog.policy import Policy
from audit.tlog.proof import AddCheckpointRequest, TlogProof
from audit.tlog.tiles import parse_path, read_bundle
from tests.audit.tlog import vectors

LOG_KEY = vectors.LOG.verifier_key
WITNESS_KEY = vectors.WITNESS.verifier_key
POLICY_TEXT = (
    f"log {vectors.LOG_VKEY}\nwitness w {vectors.WITNESS_VKEY}\nquorum w\n".encode()
)
POLICY = Policy.parse(POLICY_TEXT)
PROOF = TlogProof(1, vectors.INCLUSION_OF_1_IN_3, vectors.COSIGNED_AT_3, b"extra")
REQUEST = AddCheckpointRequest(2, vectors.CONSISTENCY_2_TO_3, vectors.CHECKPOINT_AT_3)
LEAF = leaf_hash(b"a")
MANNERS = ["flip", "drop", "double", "swap", "insert", "cut", "line ends"]


def text_reader(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "surrogateescape"))


READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "note": (Note.parse, vectors.COSIGNED_AT_3),
    "checkpoint": (parse_checkpoint, vectors.COSIGNED_AT_3),
    "checkpoint text": (text_reader(Checkpoint.parse_text), vectors.TEXT_AT_3.encode()),
    "signatures": (text_reader(parse_signatures), vectors.COSIGNATURE_LINE.encode()),
    "verifier key": (text_reader(VerifierKey.parse), vectors.LOG_VKEY.encode()),
    "private key": (text_reader(PrivateKey.parse), vectors.LOG.to_text().encode()),
    "policy": (Policy.parse, POLICY_TEXT),
    "proof": (TlogProof.parse, PROOF.to_bytes()),
    "request": (AddCheckpointRequest.parse, REQUEST.to_bytes()),
    "path": (text_reader(parse_path), b"tile/0/x001/x234/067.p/89"),
    "bundle": (lambda data: read_bundle(data, 3), vectors.BUNDLE),
}


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Flip, drop, double, swap, insert or cut a few times."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(len(data), at + 50)))
        head, part, tail = data[:at], data[at:end], data[end:]
        match draw(st.sampled_from(MANNERS)):
            case "flip" if part:
                bit = 1 << draw(st.integers(0, 7))
                data = head + bytes([part[0] ^ bit]) + part[1:] + tail
            case "drop":
                data = head + tail
            case "double":
                data = head + part + part + tail
            case "swap":
                data = tail + part + head
            case "insert":
                data = head + draw(st.binary(min_size=1, max_size=8)) + part + tail
            case "cut":
                data = head
            case _:
                data = data.replace(
                    b"\n", draw(st.sampled_from([b"\r\n", b"", b"\n\n"]))
                )
    return data


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@settings(max_examples=150)
def test_damaged_bytes_raise_the_declared_error_only(name: str, data: st.DataObject):
    read, good = READERS[name]
    read(good)
    with suppress(TlogError):
        read(data.draw(damaged(good)))


@pytest.mark.parametrize("name", READERS)
@given(data=st.binary(max_size=300))
def test_random_bytes_raise_the_declared_error_only(name: str, data: bytes):
    with suppress(TlogError):
        READERS[name][0](data)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "data",
    [
        bytes(1_000_000),
        b"\n" * 1_000_000,
        b"\xff" * 1_000_000,
        b"9" * 1_000_000,
        b"A" * 1_000_000,
        b"a\n\n" * 333_333,
        "\N{EM DASH} a AAAA\n".encode() * 70_000,
        b"witness " * 125_000,
        b"group a any" + b" a" * 400_000,
    ],
    ids=[
        "zeros",
        "newlines",
        "ff",
        "nines",
        "letters",
        "empty",
        "lines",
        "words",
        "group",
    ],
)
def test_a_megabyte_is_refused(name: str, data: bytes):
    with pytest.raises(TlogError):
        READERS[name][0](data)


@given(damaged(vectors.COSIGNED_AT_3))
@settings(max_examples=400)
def test_a_damaged_checkpoint_never_opens_as_another_head(data: bytes):
    try:
        opened = open_checkpoint(data, [LOG_KEY, WITNESS_KEY])
    except TlogError:
        return
    assert opened.checkpoint.text == vectors.TEXT_AT_3


@given(damaged(PROOF.to_bytes()))
@settings(max_examples=400)
def test_a_damaged_proof_never_proves_another_entry(data: bytes):
    try:
        proof = TlogProof.parse(data)
        proof.verify(LEAF, POLICY)
    except TlogError:
        return
    assert (proof.index, proof.hashes) == (PROOF.index, PROOF.hashes)


@given(damaged(REQUEST.to_bytes()))
@settings(max_examples=400)
def test_a_damaged_request_never_proves_another_old_tree(data: bytes):
    try:
        request = AddCheckpointRequest.parse(data)
        head = open_checkpoint(request.checkpoint, [LOG_KEY]).checkpoint
        verify_consistency(
            request.old_size, vectors.ROOT_AT_2, head.size, head.root, request.proof
        )
    except TlogError:
        return
    assert (request.old_size, request.proof) == (2, vectors.CONSISTENCY_2_TO_3)


def test_no_single_flipped_bit_of_a_checkpoint_goes_unnoticed():
    """The bits of the signed text and of both signatures, each alone."""
    good = vectors.COSIGNED_AT_3
    for at in range(len(good)):
        for bit in range(8):
            data = good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :]
            try:
                opened = open_checkpoint(data, [LOG_KEY, WITNESS_KEY])
            except TlogError:
                continue
            # Only a name or key ID that nobody knows any more may change.
            assert len(opened.signatures) == 1
            assert opened.checkpoint.text == vectors.TEXT_AT_3
