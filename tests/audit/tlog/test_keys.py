import hashlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tlog.errors import MalformedError
from audit.tlog.keys import PrivateKey, SignatureType, VerifierKey
from tests.audit.tlog import vectors

# golang.org/x/mod/sumdb/note, note_test.go.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = (
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
)
PUBLISHED = [
    PETER,
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
    # C2SP signed-note.
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    # transparency-dev/formats, note_cosigv1_test.go.
    "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    # transparency-dev/tessera, build_log.sh.
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
    vectors.LOG_VKEY,
    vectors.WITNESS_VKEY,
]


def vkey(name: str, material: bytes) -> str:
    """Write a verifier key with the right key ID, whatever it is."""
    key_id = hashlib.sha256(f"{name}\n".encode() + material).hexdigest()[:8]
    return f"{name}+{key_id}+{b64encode(material).decode()}"


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_verifier_keys_are_read_and_written_back(text: str):
    assert str(VerifierKey.parse(text)) == text


def test_a_private_key_has_the_published_verifier_key():
    key = PrivateKey.parse(PETER_SECRET)
    assert str(key.verifier_key) == PETER
    assert key.to_text() == PETER_SECRET
    assert str(vectors.LOG.verifier_key) == vectors.LOG_VKEY
    assert str(vectors.WITNESS.verifier_key) == vectors.WITNESS_VKEY


@pytest.mark.parametrize("text", [vectors.LOG.to_text(), vectors.WITNESS.to_text()])
def test_a_stored_private_key_is_read_back(text: str):
    assert PrivateKey.parse(text).to_text() == text


def test_the_seed_of_a_private_key_is_not_in_its_repr():
    key = PrivateKey("example.org/log", b"secret-secret-secret-secret-1234")
    assert "secret" not in repr(key)


@pytest.mark.parametrize(
    ("parse", "text"), [(VerifierKey.parse, PETER), (PrivateKey.parse, PETER_SECRET)]
)
def test_every_mangled_key_is_refused(parse, text: str):
    mangled = {
        text[start:end]
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
    }
    mangled |= {
        text[:at] + chr(ord(character) + 1) + text[at + 1 :]
        for at, character in enumerate(text)
    }
    for broken in mangled - {text}:
        with pytest.raises(MalformedError):
            parse(broken)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "++",
        "bananas+12344556",
        "bananas+12345678+THIS_IS_NOT_BASE64!",
        "bananas+12345678+",
        "bananas+12345678+AwEB",
        "PeterNeumann+00000000+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        f"{PETER}\n",
        f" {PETER}",
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        vkey("PeterNeumann", b"\x01" + bytes(31)),
        vkey("PeterNeumann", b"\x01" + bytes(33)),
        vkey("PeterNeumann", b"\x02" + bytes(32)),
        vkey("PeterNeumann", b"\x06" + bytes(1312)),
        vkey("Peter Neumann", b"\x01" + bytes(32)),
        vkey("Peter\N{NO-BREAK SPACE}Neumann", b"\x01" + bytes(32)),
        vkey("Peter\nNeumann", b"\x01" + bytes(32)),
        vkey("", b"\x01" + bytes(32)),
        "\udc80" + PETER,
        "x" * 1_000_000,
        f"x+12345678+{'A' * 1_000_000}",
    ],
    ids=range(23),
)
def test_keys_of_another_form_are_refused(text: str):
    with pytest.raises(MalformedError):
        VerifierKey.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_malformed(text: str):
    for parse in (VerifierKey.parse, PrivateKey.parse):
        for candidate in (text, f"PRIVATE+KEY+{text}", f"{text}+12345678+AQ=="):
            with pytest.raises(MalformedError):
                parse(candidate)


def test_a_cosignature_has_a_time_and_a_log_signature_has_none():
    with pytest.raises(MalformedError):
        vectors.WITNESS.sign(b"text\n")
    with pytest.raises(MalformedError):
        vectors.LOG.sign(b"text\n", time=1)


@pytest.mark.parametrize("time", [-1, 2**63])
def test_a_cosignature_time_is_below_2_to_the_63(time: int):
    with pytest.raises(MalformedError):
        vectors.WITNESS.sign(b"text\n", time=time)


@pytest.mark.parametrize("length", [0, 63, 65, 71, 73, 2428])
def test_a_signature_of_another_length_does_not_verify(length: int):
    for key in (vectors.LOG, vectors.WITNESS):
        assert not key.verifier_key.verifies(b"text\n", bytes(length))


def test_a_cosignature_whose_time_has_the_top_bit_does_not_verify():
    signature = b"\x80" + bytes(71)
    assert not vectors.WITNESS.verifier_key.verifies(b"text\n", signature)


def test_one_seed_has_another_key_id_for_each_type():
    seed = bytes(32)
    plain = PrivateKey("example.org/x", seed).verifier_key
    cosigner = PrivateKey("example.org/x", seed, SignatureType.COSIGNATURE_V1)
    assert plain.public_key == cosigner.verifier_key.public_key
    assert plain.key_id != cosigner.verifier_key.key_id
