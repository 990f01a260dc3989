import pytest

from audit.tlog.checkpoint import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
)
from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.keys import PrivateKey, VerifierKey
from audit.tlog.merkle import verify_consistency
from tests.audit.tlog import vectors

HEAD = Checkpoint(vectors.ORIGIN, 3, vectors.ROOT_AT_3)
LOG_KEY = vectors.LOG.verifier_key
WITNESS_KEY = vectors.WITNESS.verifier_key
DASH = "\N{EM DASH}"

# Two checkpoints and their proof from transparency-dev/witness, witness_test.go.
MONKEYS = VerifierKey.parse(
    "monkeys+db4d9f7e+AULaJMvTtDLHPUcUrjdDad9vDlh/PTfC2VV60JUtCfWT"
)
MONKEYS_AT_5 = f"monkeys\n5\n41smjBUiAU70EtKlT6lIOIYtRTYxYXsDB+XHfcvu/BE=\n\n{DASH} monkeys 202fftzGl3LVoqjXfwCFZZXs8I+5G22+Ek2K0AOyBuSJ/8/CZawNF+6fNlTKOCd622pbzJNkkJFWuw9DbicZCkEx9AY=\n".encode()
MONKEYS_AT_8 = f"monkeys\n8\nV8K9aklZ4EPB+RMOk1/8VsJUdFZR77GDtZUQq84vSbo=\n\n{DASH} monkeys 202ffoUEboiQYpHzICeaFmoy3RNviHTpAxYrq/eO4QQVQMvu9UebKBMX2MJC76NLthZaKsnKbCA8GxrjePZhvDCH7Ag=\n".encode()
MONKEYS_5_TO_8 = [
    bytes.fromhex("b9e1d62618f7fee8034e4c5010f727ab24d8e4705cb296c374bf2025a87a10d2"),
    bytes.fromhex("aac66cd7a79ce4012d80762fe8eec3a77f22d1ca4145c3f4cee022e7efcd599d"),
    bytes.fromhex("89d0f753f66a290c483b39cd5e9eafb12021293395fad3d4a2ad053cfbcfdc9e"),
    bytes.fromhex("29e40bb79c966f4c6fe96aff6f30acfce5f3e8d84c02215175d6e018a5dee833"),
]


def test_the_checkpoint_of_the_vector_log_is_signed_and_opened():
    assert HEAD.text == vectors.TEXT_AT_3
    assert HEAD.signed(vectors.LOG) == vectors.CHECKPOINT_AT_3
    opened = open_checkpoint(vectors.CHECKPOINT_AT_3, [LOG_KEY])
    assert (opened.checkpoint, opened.keys) == (HEAD, frozenset({LOG_KEY}))
    assert parse_checkpoint(vectors.CHECKPOINT_AT_3) == HEAD


def test_a_cosigned_checkpoint_shows_who_cosigned_and_when():
    opened = open_checkpoint(vectors.COSIGNED_AT_3, [LOG_KEY, WITNESS_KEY])
    times = {signed.key: signed.time for signed in opened.signatures}
    assert times == {LOG_KEY: None, WITNESS_KEY: vectors.COSIGNATURE_TIME}


def test_the_checkpoints_of_another_log_open_and_are_consistent():
    old = open_checkpoint(MONKEYS_AT_5, [MONKEYS]).checkpoint
    new = open_checkpoint(MONKEYS_AT_8, [MONKEYS]).checkpoint
    verify_consistency(old.size, old.root, new.size, new.root, MONKEYS_5_TO_8)
    for proof in (MONKEYS_5_TO_8[1:], MONKEYS_5_TO_8[:-1], MONKEYS_5_TO_8[::-1]):
        with pytest.raises(VerificationError):
            verify_consistency(old.size, old.root, new.size, new.root, proof)


def test_a_cosignature_alone_does_not_make_a_checkpoint_of_the_log():
    with pytest.raises(VerificationError):
        open_checkpoint(vectors.COSIGNED_AT_3, [WITNESS_KEY])


def test_a_log_cannot_sign_for_another_origin():
    other = PrivateKey("example.org/other", bytes(32))
    data = HEAD.signed(other)
    with pytest.raises(VerificationError):
        open_checkpoint(data, [other.verifier_key, LOG_KEY])


def test_old_and_new_key_may_both_sign_while_a_key_is_rotated():
    new = PrivateKey(vectors.ORIGIN, bytes(range(0x40, 0x60)))
    data = HEAD.signed(vectors.LOG, new)
    for keys in ([LOG_KEY], [new.verifier_key], [LOG_KEY, new.verifier_key]):
        assert open_checkpoint(data, keys).keys == set(keys)


def test_extension_lines_are_kept_and_signed():
    extended = Checkpoint("example.org/x", 1, bytes(32), ("one", "two words"))
    key = PrivateKey("example.org/x", bytes(32))
    opened = open_checkpoint(extended.signed(key), [key.verifier_key])
    assert opened.checkpoint == extended
    tampered = extended.signed(key).replace(b"two words", b"two wordz")
    with pytest.raises(VerificationError):
        open_checkpoint(tampered, [key.verifier_key])


ROOT_LINE = "nESK2ffeuMl/fj0ZuM7oYZPs9dUZI3yEEoyGpzjEMZc="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "origin\n",
        "origin\n3\n",
        f"origin\n3\n{ROOT_LINE}",
        f"\n3\n{ROOT_LINE}\n",
        f"origin\n\n{ROOT_LINE}\n",
        f"origin\n03\n{ROOT_LINE}\n",
        f"origin\n+3\n{ROOT_LINE}\n",
        f"origin\n-3\n{ROOT_LINE}\n",
        f"origin\n 3\n{ROOT_LINE}\n",
        f"origin\n3 \n{ROOT_LINE}\n",
        f"origin\n3.0\n{ROOT_LINE}\n",
        f"origin\n0x3\n{ROOT_LINE}\n",
        f"origin\n1_0\n{ROOT_LINE}\n",
        f"origin\n\N{ARABIC-INDIC DIGIT THREE}\n{ROOT_LINE}\n",
        f"origin\n9223372036854775808\n{ROOT_LINE}\n",
        f"origin\n{'9' * 5000}\n{ROOT_LINE}\n",
        f"origin\n3\n{ROOT_LINE[:-1]}\n",
        f"origin\n3\n{ROOT_LINE}=\n",
        f"origin\n3\n{ROOT_LINE} \n",
        "origin\n3\nnESK2ffeuMl/fj0ZuM7oYZPs9dUZI3yEEoyGpzjEMZd=\n",
        "origin\n3\nnESK2ffeuMl_fj0ZuM7oYZPs9dUZI3yEEoyGpzjEMZc=\n",
        "origin\n3\nAAAA\n",
        "origin\n3\n\n",
        f"origin\n3\n{ROOT_LINE}\n\n",
        f"origin\n3\n{ROOT_LINE}\n\nextension\n",
        f"origin\r\n3\r\n{ROOT_LINE}\r\n",
    ],
)
def test_a_checkpoint_text_of_another_form_is_refused(text: str):
    with pytest.raises(MalformedError):
        Checkpoint.parse_text(text)


def test_the_largest_size_is_read():
    text = f"origin\n9223372036854775807\n{ROOT_LINE}\n"
    assert Checkpoint.parse_text(text).text == text


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 0, bytes(32), ()),
        ("a\nb", 0, bytes(32), ()),
        ("a", -1, bytes(32), ()),
        ("a", 2**63, bytes(32), ()),
        ("a", 0, bytes(31), ()),
        ("a", 0, bytes(32), ("",)),
        ("a", 0, bytes(32), ("b\nc",)),
    ],
    ids=range(7),
)
def test_a_checkpoint_that_could_not_be_read_is_not_made(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
):
    with pytest.raises(MalformedError):
        Checkpoint(origin, size, root, extensions)
