from base64 import b64encode
from hashlib import sha256

import pytest

from audit.tlog.checkpoint import open_checkpoint
from audit.tlog.errors import MalformedError, TlogError, VerificationError
from audit.tlog.keys import VerifierKey
from audit.tlog.merkle import leaf_hash
from audit.tlog.policy import Policy
from audit.tlog.proof import AddCheckpointRequest, TlogProof
from tests.audit.tlog import vectors
from tests.audit.tlog.test_checkpoint import MONKEYS_5_TO_8, MONKEYS_AT_8

POLICY = Policy.of_log(vectors.LOG.verifier_key)
WITNESSED = Policy.parse(
    f"log {vectors.LOG_VKEY}\nwitness w {vectors.WITNESS_VKEY}\nquorum w\n".encode()
)
PROOF = TlogProof(1, vectors.INCLUSION_OF_1_IN_3, vectors.CHECKPOINT_AT_3)
TEXT = f"""\
c2sp.org/tlog-proof@v1
index 1
bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=
Z59vOOmqx2GRSQbX4/v6cJVMzv+0YZV34NMO65VrvLs=

{vectors.CHECKPOINT_AT_3.decode()}"""

# A proof that a Tessera log made of its entry 100252, from warpfork/spicytool; the
# format had another name then, and the entry itself is not published with it.
TESSERA = VerifierKey.parse(
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
)
TESSERA_PROOF = """\
c2sp.org/tlog-proof@v1
index 100252
+4IF875THRSj6IOZo2SRpgL6buVI/cawB2iLGFLgWDQ=
nBeqO1BayYMNXX05jMGGtCfprprlSVASVTUUwA0OC9E=
zpUmeEe94VcV/jft8wYlUcDx9yr2kff2jq9QW295vhw=
DTWvScrZyztZdQo5YhJ2Sioo6xDCRDgnoxJJJhN5vl0=
550NhxNMkqzfWFptIePTfVic0rHovJMectLfzaLgh5U=
aoGmNLa5zDVavVfeWhrAxU3duQ0m2TB489dVEGmquO8=
Sbbxxj/8zvCs1q23zn+3wxE9OfJyqVtajvLlvg4FOaI=
WuiUqI+eMKiZ4OUa9CORDO64u91gs7kbTzQYw/e/Khg=
nxkvRAG/1vChJgwuphcHSaCBWcBXebV52Nd3sGxP2kI=
8xVjSf6ZkYSabrgN8m3ePiWgQSpafmz8FXTCfv7guck=
uIkQsFgLVnAeDt5KgZP6l3eJ6YzFz2p92KwlA50Ea5Q=
8SliMOQ4QRiNiRzAt4iEDvrOC0ETwRssbnOdutGqPhA=

example.com/log/testdata
100270
GRV1O0dCqmjjPvYi7CtOT79zb/fPwLNsMFWsynwU8Ac=

\N{EM DASH} example.com/log/testdata M9e0lkcvy5bAe7rrC8tCyAP+my+CLzswA91zOpBNWVU7qCojkUOHnfdQzDImoYeYH8G8PJSwOqsx0RkSa261OmKVwwM=
""".encode()


def test_the_proof_of_the_vector_log_is_written_read_and_verified():
    assert PROOF.to_bytes() == TEXT.encode()
    assert TlogProof.parse(TEXT.encode()) == PROOF
    assert PROOF.verify_entry(b"a", POLICY).checkpoint.size == 3
    assert PROOF.verify(leaf_hash(b"a"), POLICY).keys == {vectors.LOG.verifier_key}


def test_the_files_of_the_reference_implementation_are_written_alike():
    """The cases of transparency-dev/formats, tlog_proof_test.go."""
    hashes = (sha256(b"hash1").digest(), sha256(b"hash2").digest())
    first, second = (b64encode(item).decode() for item in hashes)
    extra = b64encode(b"extra information").decode()
    for proof, text in [
        (
            TlogProof(5, hashes, b"test checkpoint\n"),
            f"c2sp.org/tlog-proof@v1\nindex 5\n{first}\n{second}\n\ntest checkpoint\n",
        ),
        (
            TlogProof(10, hashes[:1], b"checkpoint data\n", b"extra information"),
            f"c2sp.org/tlog-proof@v1\nextra {extra}\nindex 10\n{first}\n\ncheckpoint data\n",
        ),
        (
            TlogProof(0, (), b"checkpoint\n"),
            "c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n",
        ),
    ]:
        assert proof.to_bytes() == text.encode()
        assert TlogProof.parse(text.encode()) == proof


def test_a_proof_of_another_implementation_is_read_and_its_head_verified():
    proof = TlogProof.parse(TESSERA_PROOF)
    assert (proof.index, len(proof.hashes)) == (100252, 12)
    assert open_checkpoint(proof.checkpoint, [TESSERA]).checkpoint.size == 100270
    assert proof.to_bytes() == TESSERA_PROOF
    with pytest.raises(VerificationError):
        proof.verify_entry(b"another entry", Policy.of_log(TESSERA))


def test_a_proof_holds_for_its_entry_index_and_log_only():
    for entry in (b"", b"b", b"a ", b"a\n"):
        with pytest.raises(VerificationError):
            PROOF.verify_entry(entry, POLICY)
    for index in (0, 2, 3, 2**63 - 1):
        moved = TlogProof(index, PROOF.hashes, PROOF.checkpoint)
        with pytest.raises(VerificationError):
            moved.verify_entry(b"a", POLICY)
    with pytest.raises(VerificationError):
        PROOF.verify_entry(b"a", Policy.of_log(TESSERA))
    with pytest.raises(MalformedError):
        PROOF.verify(b"", POLICY)


def test_a_proof_needs_the_witnesses_that_the_policy_asks_for():
    with pytest.raises(VerificationError):
        PROOF.verify_entry(b"a", WITNESSED)
    cosigned = TlogProof(1, PROOF.hashes, vectors.COSIGNED_AT_3)
    assert len(cosigned.verify_entry(b"a", WITNESSED).signatures) == 2


def test_the_extra_line_changes_nothing_that_is_verified():
    proof = TlogProof(1, PROOF.hashes, PROOF.checkpoint, b"anything")
    assert TlogProof.parse(proof.to_bytes()) == proof
    assert proof.verify_entry(b"a", POLICY).checkpoint.size == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("c2sp.org/tlog-proof@v1\n", ""),
        ("index 1\n", ""),
        ("index 1", "index 01"),
        ("index 1", "index  1"),
        ("index 1", "index +1"),
        ("index 1", "index -1"),
        ("index 1", "index 1 "),
        ("index 1", "index x"),
        ("index 1", "Index 1"),
        ("index 1", "index 9223372036854775808"),
        ("index 1", "index 1\nindex 1"),
        ("index 1", "extra \nindex 1"),
        ("index 1", "extra !!!\nindex 1"),
        ("index 1", "extra YQ\nindex 1"),
        ("index 1", "extra YR==\nindex 1"),
        ("index 1", "extra YQ==\nextra YQ==\nindex 1"),
        ("index 1", "index 1\nextra YQ=="),
        ("index 1", "index 1\n"),
        ("oB0=", "oB0"),
        ("oB0=", "oB1="),
        ("oB0=", "oB0= "),
        ("bjQLnP+z", "bjQLnP-z"),
        ("bjQLnP+z", "AAAAbjQLnP+z"),
        ("bjQLnP+z", "\n\nbjQLnP+z"),
        ("index 1", "index 1\n" + "\n".join(["A" * 43 + "="] * 64)),
        ("index 1", "index 1\n" + "A" * 1_000_000),
        ("index 1", "index 1\n" + "A" * 3_000_000),
        ("\n", "\r\n"),
        ("\n\n", "\n"),
        ("index", "\N{EM DASH}index"),
    ],
    ids=range(31),
)
def test_a_proof_of_another_form_does_not_verify(old: str, new: str):
    broken = TEXT.replace(old, new)
    assert broken != TEXT
    with pytest.raises(TlogError):
        TlogProof.parse(broken.encode()).verify_entry(b"a", POLICY)


@pytest.mark.parametrize(
    ("index", "hashes", "checkpoint"),
    [
        (-1, (), b"x"),
        (2**63, (), b"x"),
        (0, (b"short",), b"x"),
        (0, (bytes(32),) * 64, b"x"),
        (0, (), b""),
    ],
    ids=range(5),
)
def test_a_proof_that_could_not_be_read_is_not_made(
    index: int, hashes: tuple[bytes, ...], checkpoint: bytes
):
    with pytest.raises(MalformedError):
        TlogProof(index, hashes, checkpoint)
    with pytest.raises(MalformedError):
        AddCheckpointRequest(index, hashes, checkpoint)


def test_the_body_for_a_witness_is_written_and_read():
    request = AddCheckpointRequest(5, tuple(MONKEYS_5_TO_8), MONKEYS_AT_8)
    hashes = "".join(f"{b64encode(item).decode()}\n" for item in MONKEYS_5_TO_8)
    assert request.to_bytes() == f"old 5\n{hashes}\n".encode() + MONKEYS_AT_8
    assert AddCheckpointRequest.parse(request.to_bytes()) == request
    first = AddCheckpointRequest(0, (), MONKEYS_AT_8)
    assert first.to_bytes() == b"old 0\n\n" + MONKEYS_AT_8


@pytest.mark.parametrize(
    "head",
    [
        "",
        "old\n",
        "old 05\n",
        "old -5\n",
        "old 5 \n",
        "new 5\n",
        "old 5\nAAAA\n",
        "old 5\nextra YQ==\n",
        "old 5\r\n",
        "old 5\n" + ("A" * 43 + "=\n") * 64,
    ],
    ids=range(10),
)
def test_a_body_of_another_form_is_refused(head: str):
    with pytest.raises(MalformedError):
        AddCheckpointRequest.parse(f"{head}\n".encode() + MONKEYS_AT_8)
