import pytest

from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.keys import PrivateKey, SignatureType
from audit.tlog.note import Note
from audit.tlog.policy import Group, Log, Policy, Witness
from tests.audit.tlog import vectors

LOG = vectors.LOG.verifier_key
SECRETS = [
    PrivateKey(f"wit{n}.example", bytes([n] * 32), SignatureType.COSIGNATURE_V1)
    for n in range(6)
]
KEYS = [secret.verifier_key for secret in SECRETS]
W = [str(key) for key in KEYS]

EXAMPLE = f"""\
log {LOG}

witness X1 {W[0]}
witness X2 {W[1]}
witness X3 {W[2]}
group X-witnesses 2 X1 X2 X3

witness Y1 {W[3]}
witness Y2 {W[4]}
witness Y3 {W[5]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def parse(text: str) -> Policy:
    return Policy.parse(text.encode())


def cosigned(*numbers: int) -> bytes:
    note = Note.parse(vectors.CHECKPOINT_AT_3)
    for number in numbers:
        note = note.signed(SECRETS[number], time=vectors.COSIGNATURE_TIME)
    return note.to_bytes()


def test_the_example_of_the_specification_is_read():
    names = ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert parse(EXAMPLE) == Policy(
        (Log(LOG),),
        tuple(Witness(name, key) for name, key in zip(names, KEYS, strict=True)),
        (
            Group("X-witnesses", 2, ("X1", "X2", "X3")),
            Group("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
            Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
        ),
        "X-and-Y",
    )


@pytest.mark.parametrize(
    ("cosigners", "is_met"),
    [
        ((0, 1, 3), True),
        ((1, 2, 5), True),
        ((0, 1, 2, 3, 4, 5), True),
        ((), False),
        ((0, 3), False),
        ((0, 1, 2), False),
        ((0, 3, 4, 5), False),
        ((3, 4, 5), False),
    ],
)
def test_a_quorum_is_k_of_n_in_groups_of_groups(
    cosigners: tuple[int, ...], is_met: bool
):
    policy = parse(EXAMPLE)
    assert policy.is_met_by({KEYS[number] for number in cosigners}) is is_met
    if is_met:
        assert policy.open_checkpoint(cosigned(*cosigners)).checkpoint.size == 3
    else:
        with pytest.raises(VerificationError):
            policy.open_checkpoint(cosigned(*cosigners))


def test_a_witness_that_signs_twice_counts_once():
    policy = parse(
        f"log {LOG}\nwitness a {W[0]}\nwitness b {W[1]}\ngroup g 2 a b\nquorum g"
    )
    with pytest.raises(VerificationError):
        policy.open_checkpoint(cosigned(0, 0))


def test_a_quorum_of_none_asks_for_the_log_only():
    assert parse(f"log {LOG}\nquorum none\n") == Policy.of_log(LOG)
    assert Policy.of_log(LOG).open_checkpoint(cosigned()).keys == {LOG}
    with pytest.raises(VerificationError):
        parse("quorum none\n").open_checkpoint(cosigned())
    assert parse("quorum none\n").with_log(LOG) == Policy.of_log(LOG)


def test_the_quorum_cannot_replace_the_signature_of_the_log():
    other = PrivateKey("example.org/other", bytes(32)).verifier_key
    with pytest.raises(VerificationError):
        parse(EXAMPLE).with_log(other).open_checkpoint(cosigned(0, 1, 3))


def test_white_space_comments_and_urls_are_read():
    text = (
        f"\n# comment\n\t # another comment\n\twitness \t w1  {W[0]}"
        f"   https://w1.example.com/  \n\nlog {LOG} https://log.example\n  quorum\tw1"
    )
    assert parse(text) == Policy(
        (Log(LOG, "https://log.example"),),
        (Witness("w1", KEYS[0], "https://w1.example.com/"),),
        (),
        "w1",
    )


def test_names_are_octets_and_keywords_may_be_names():
    text = b"witness w\x80 %s\nquorum w\x80\n" % W[0].encode()
    assert Policy.parse(text).to_bytes() == text
    words = (
        f"witness all {W[0]}\nwitness any {W[1]}\ngroup group 2 all any\nquorum group\n"
    )
    assert parse(words).to_bytes().decode() == words


def test_a_policy_is_written_as_it_is_read():
    policy = parse(EXAMPLE)
    assert Policy.parse(policy.to_bytes()) == policy
    assert b"group Y-witnesses 1 Y1 Y2 Y3\n" in policy.to_bytes()


def test_32_logs_witnesses_and_groups_are_taken():
    lines = []
    for n in range(32):
        log = PrivateKey(f"log{n}.example", bytes([n] * 32)).verifier_key
        witness = PrivateKey(
            f"w{n}.example", bytes([99, n] * 16), SignatureType.COSIGNATURE_V1
        ).verifier_key
        lines += [f"log {log}", f"witness w{n} {witness}", f"group g{n} all w{n}"]
    assert len(parse("\n".join([*lines, "quorum g31"])).groups) == 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum\n",
        "quorum none none\n",
        "quorum unknown\n",
        "quorum none\nquorum none\n",
        "quorum none\r\n",
        "quorum none\n\x01",
        "quorum none\x7f\n",
        "quorum none\n\0",
        "quibble w1\nquorum none\n",
        "Quorum none\n",
        "log\nquorum none\n",
        "log garbage\nquorum none\n",
        f"log {LOG} url more\nquorum none\n",
        f"log {LOG}\nlog {LOG} https://log.example/\nquorum none\n",
        f"log {W[0]}\nquorum none\n",
        "log x+00000000+AjEyMw==\nquorum none\n",
        "witness w1\nquorum none\n",
        f"witness w1 {LOG}\nquorum w1\n",
        f"witness none {W[0]}\nquorum none\n",
        f"witness w1 {W[0]} https://w1.example/ # comment\nquorum w1\n",
        f"witness w1 {W[0]}\n",
        f"witness w1 {W[0]}\nwitness w1 {W[1]}\nquorum w1\n",
        f"witness w1 {W[0]}\nwitness w2 {W[0]}\nquorum w1\n",
        f"witness w1 {W[0]}\nquorum w1\nquorum w1\n",
        f"quorum w1\nwitness w1 {W[0]}\n",
        f"witness w1 {W[0]}\ngroup w1 any w1\nquorum w1\n",
        f"witness w1 {W[0]}\ngroup g1 1\nquorum w1\n",
        f"witness w1 {W[0]}\ngroup none any w1\nquorum none\n",
        f"witness w1 {W[0]}\ngroup g1 0 w1\nquorum g1\n",
        f"witness w1 {W[0]}\ngroup g1 -1 w1\nquorum g1\n",
        f"witness w1 {W[0]}\ngroup g1 01 w1\nquorum g1\n",
        f"witness w1 {W[0]}\ngroup g1 2 w1\nquorum g1\n",
        f"witness w1 {W[0]}\ngroup g1 any w2\nquorum g1\n",
        f"group g1 any w1\nwitness w1 {W[0]}\nquorum g1\n",
        f"witness w1 {W[0]}\ngroup g1 any none w1\nquorum g1\n",
        f"witness w1 {W[0]}\ngroup g1 all w1 w1\nquorum g1\n",
        f"witness w1 {W[0]}\ngroup g1 all w1 g1\nquorum g1\n",
        f"witness w {W[0]}\nwitness v {W[1]}\ngroup g any w v\ngroup h any w\nquorum g",
        "#" * 1_000_001,
    ],
    ids=range(40),
)
def test_policies_of_another_form_are_refused(text: str):
    with pytest.raises(MalformedError):
        parse(text)


def test_the_same_key_under_another_name_is_refused():
    impostor = PrivateKey(
        "impostor.example", SECRETS[0].seed, SignatureType.COSIGNATURE_V1
    ).verifier_key
    with pytest.raises(MalformedError):
        parse(f"witness w1 {W[0]}\nwitness w2 {impostor}\nquorum w1\n")


@pytest.mark.parametrize("name", ["", "a b", "#a", "a\nb", "none"])
def test_a_name_that_no_line_can_hold_is_refused(name: str):
    with pytest.raises(MalformedError):
        Policy(witnesses=(Witness(name, KEYS[0]),))
