from base64 import b64decode, b64encode
from hashlib import sha256

import pytest

from audit.tlog.cosignature import signed_message, split
from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.keys import KEY_ID_BYTES, PrivateKey, SignatureType, VerifierKey
from audit.tlog.note import MAX_SIGNATURES, Note, Signature, parse_signatures
from tests.audit.tlog import vectors
from tests.audit.tlog.test_keys import PETER, PETER_SECRET

DASH = "\N{EM DASH}"
PETER_KEY = VerifierKey.parse(PETER)
ENOCH_KEY = VerifierKey.parse(
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
)
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_LINE = f"{DASH} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
ENOCH_LINE = f"{DASH} EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"

# The example of C2SP signed-note.
SPEC_KEY = VerifierKey.parse(
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
)
SPEC_NOTE = (
    "This is an example message.\n\n"
    f"{DASH} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def signers(note: str, *keys: VerifierKey) -> list[VerifierKey]:
    return [signed.key for signed in Note.parse(note.encode()).verified_by(keys)]


def stranger(number: int) -> str:
    data = b64encode(number.to_bytes(4, "big") + bytes(64)).decode()
    return f"{DASH} stranger.example/{number} {data}\n"


def test_the_note_of_the_specification_verifies():
    assert signers(SPEC_NOTE, SPEC_KEY) == [SPEC_KEY]
    assert Note.parse(SPEC_NOTE.encode()).text == "This is an example message.\n"


def test_the_note_of_golang_mod_verifies_and_is_signed_alike():
    note = f"{TEXT}\n{PETER_LINE}"
    assert signers(note, PETER_KEY) == [PETER_KEY]
    signed = Note(TEXT).signed(PrivateKey.parse(PETER_SECRET))
    assert signed.to_bytes() == note.encode()


def test_unknown_keys_are_ignored_and_known_ones_all_verified():
    note = f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}"
    assert signers(note, PETER_KEY) == [PETER_KEY]
    assert signers(note, ENOCH_KEY, PETER_KEY) == [PETER_KEY, ENOCH_KEY]


def test_a_note_without_a_known_signature_is_refused():
    with pytest.raises(VerificationError):
        signers(f"{TEXT}\n{PETER_LINE}", ENOCH_KEY)
    with pytest.raises(VerificationError):
        signers(f"{TEXT}\n{PETER_LINE}")


def test_one_known_key_that_fails_rejects_the_note():
    broken = ENOCH_LINE.replace("5n2tiOHp", "5n2tiOHq")
    assert signers(f"{TEXT}\n{PETER_LINE}{broken}", PETER_KEY) == [PETER_KEY]
    with pytest.raises(VerificationError):
        signers(f"{TEXT}\n{PETER_LINE}{broken}", PETER_KEY, ENOCH_KEY)
    with pytest.raises(VerificationError):
        signers(f"{TEXT}\n{ENOCH_LINE}{broken}", ENOCH_KEY)
    with pytest.raises(VerificationError):
        signers(f"{TEXT}\n{PETER_LINE}".replace("answer", "answeR"), PETER_KEY)


def test_a_shared_name_or_a_shared_id_alone_does_not_make_a_key_known():
    other_id = PETER_LINE.replace("x08g", "x18g")
    other_name = PETER_LINE.replace("PeterNeumann", "CarmenSandiego")
    for line in (other_id, other_name):
        with pytest.raises(VerificationError):
            signers(f"{TEXT}\n{line}", PETER_KEY)


def test_a_key_counts_once_however_often_it_signs():
    assert signers(f"{TEXT}\n{PETER_LINE * 3}", PETER_KEY) == [PETER_KEY]
    assert signers(f"{TEXT}\n{PETER_LINE}", PETER_KEY, PETER_KEY) == [PETER_KEY]


def test_the_text_ends_at_the_last_empty_line():
    key = PrivateKey("example.org/poet", bytes(32))
    text = "Ognuno sta solo sul cuor della terra\n\n\ned è subito sera.\n\n"
    data = Note(text).signed(key).to_bytes()
    assert Note.parse(data) == Note(text).signed(key)
    assert signers(data.decode(), key.verifier_key) == [key.verifier_key]


def test_16_signatures_and_more_are_taken_and_100_are_refused():
    for count in (16, MAX_SIGNATURES):
        lines = "".join(map(stranger, range(count - 1))) + PETER_LINE
        assert signers(f"{TEXT}\n{lines}", PETER_KEY) == [PETER_KEY]
    for count in (MAX_SIGNATURES + 1, 100, 10_000):
        with pytest.raises(MalformedError):
            signers(f"{TEXT}\n{PETER_LINE * count}", PETER_KEY)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        TEXT.encode(),
        f"{TEXT}\n".encode(),
        f"{TEXT}{PETER_LINE}".encode(),
        f"{TEXT}\n{PETER_LINE}".encode()[:-1],
        f"{TEXT}\n{PETER_LINE}\n".encode(),
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n".encode(),
        f"\x01{TEXT}\n{PETER_LINE}".encode(),
        f"{TEXT}\t\n\n{PETER_LINE}".encode(),
        b"\xff" + f"{TEXT}\n{PETER_LINE}".encode(),
        f"{TEXT}\n{PETER_LINE}".replace("\n", "\r\n").encode(),
        f"{TEXT}\n{PETER_LINE}".encode("utf-16"),
        b"\xef\xbb\xbf" + f"{TEXT}\n".encode() + PETER_LINE.replace(DASH, "-").encode(),
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Peter Neumann')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Peter+Neumann')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', '')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace(' Peter', '  Peter')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('=', ' =')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('=', '')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('=', '==')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('nAM=', 'nAN=')}".encode(),
        f"{TEXT}\n{PETER_LINE.replace('/', '_')}".encode(),
        f"{TEXT}\n{DASH} PeterNeumann x08gow==\n".encode(),
        f"{TEXT}\n{DASH} PeterNeumann\n".encode(),
        f"{TEXT}\n{DASH} PeterNeumann \n".encode(),
        f"{TEXT}\n{DASH}\n".encode(),
        b"a" * 1_000_001,
        b"\n" * 1_000_000,
        b"a\n\n" + "\N{EM DASH} ".encode() * 200_000 + b"\n",
        f"{TEXT}\n{DASH} PeterNeumann {'A' * 1_000_000}\n".encode(),
    ],
    ids=range(32),
)
def test_bytes_of_another_form_are_no_note(data: bytes):
    with pytest.raises(MalformedError):
        Note.parse(data)


@pytest.mark.parametrize("text", ["", "no newline", "a\r\n", "\0\n", "\ud800\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: str):
    with pytest.raises(MalformedError):
        Note(text).signed(vectors.LOG)


def test_a_note_without_signatures_is_not_written():
    with pytest.raises(MalformedError):
        Note(TEXT).to_bytes()


def test_two_keys_of_one_name_and_id_are_not_accepted_together():
    """These two public keys were searched for until their key IDs met."""
    colliding = [
        VerifierKey("PeterNeumann", sha256(seed).digest())
        for seed in (b"61618", b"118165")
    ]
    assert colliding[0].key_id == colliding[1].key_id
    with pytest.raises(MalformedError):
        signers(f"{TEXT}\n{PETER_LINE}", PETER_KEY, *colliding)


def test_a_cosignature_covers_its_time_and_the_whole_text():
    note = Note(vectors.TEXT_AT_3).signed(vectors.LOG)
    cosigned = note.signed(vectors.WITNESS, time=vectors.COSIGNATURE_TIME)
    assert cosigned.to_bytes() == vectors.COSIGNED_AT_3
    keys = [vectors.LOG.verifier_key, vectors.WITNESS.verifier_key]
    verified = cosigned.verified_by(keys)
    assert [signed.time for signed in verified] == [None, vectors.COSIGNATURE_TIME]

    extended = Note(f"{vectors.TEXT_AT_3}extension\n", cosigned.signatures[1:])
    with pytest.raises(VerificationError):
        extended.verified_by(keys)


def test_a_plain_signature_of_the_same_key_is_no_cosignature():
    seed = vectors.WITNESS.seed
    plain = PrivateKey(vectors.WITNESS.name, seed).sign(vectors.TEXT_AT_3.encode())
    posing = Signature(vectors.WITNESS.name, vectors.WITNESS.verifier_key.key_id, plain)
    with pytest.raises(VerificationError):
        Note(vectors.TEXT_AT_3, (posing,)).verified_by([vectors.WITNESS.verifier_key])


def test_the_example_of_the_cosignature_specification_is_taken_apart():
    line = f"{DASH} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    signature = Signature.parse(line)
    assert str(signature) == f"{line}\n"
    assert signature.key_id.hex() == "8d66cf3f"
    assert split(signature.signature)[0] == 1679315147
    text = (
        "example.com/behind-the-sofa\n20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    message = f"cosignature/v1\ntime 1679315147\n{text}"
    assert signed_message(1679315147, text.encode()) == message.encode()


def test_the_times_of_published_cosignatures_are_read():
    """The cases of transparency-dev/formats, note_cosigv1_test.go."""
    good = b64decode(
        "ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWWOworDcFiEBYJXORmnFBOBA=="
    )
    assert split(good[KEY_ID_BYTES:])[0] == 1727964367
    of_another_type = b64decode(
        "eQjRQm6eSKzFoiYalgwCPXu2y3ijtg68is9M46JKxuZB+dRfTmeQeDBoXnvxZx2ugnkyV+MUMLXpWs1hPb/W/4xkNQY="
    )
    with pytest.raises(MalformedError):
        split(of_another_type[KEY_ID_BYTES:])


def test_the_answer_of_a_witness_is_read_line_by_line():
    lines = f"{vectors.COSIGNATURE_LINE}{stranger(1)}"
    first, second = parse_signatures(lines)
    assert (first.name, second.name) == (vectors.WITNESS.name, "stranger.example/1")
    for broken in ("", "\n", lines[:-1], f"{lines}\n", f"\n{lines}", stranger(1) * 65):
        with pytest.raises(MalformedError):
            parse_signatures(broken)


def test_a_witness_key_knows_its_type():
    assert vectors.WITNESS.verifier_key.type is SignatureType.COSIGNATURE_V1
