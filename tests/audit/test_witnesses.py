"""Witnesses: what they cosign, what they refuse, and how a log asks them."""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from audit.errors import ConflictError
from audit.management.commands.witness import application
from audit.models import Cosignature, Head, WitnessedLog
from audit.proofs import verify_log
from audit.proofs.inclusion import inclusion_proof, newest_checkpoint
from audit.proofs.reading import entry_at
from audit.sequencer import ask_witnesses, publish, sequence_pending
from audit.storage import keys
from audit.tlog.checkpoint import Checkpoint, open_checkpoint
from audit.tlog.keys import PrivateKey, SignatureType
from audit.tlog.merkle import EMPTY_ROOT, leaf_hash, root_of
from audit.tlog.note import Note
from audit.tlog.policy import Policy
from audit.tlog.proof import AddCheckpointRequest, TlogProof
from tests.audit.happenings import execute, note, triggers_switched_off

pytestmark = pytest.mark.django_db

ORIGIN = "example.org/attestry-vector"
LOG = PrivateKey(ORIGIN, bytes(range(32)))
STRANGER = PrivateKey(ORIGIN, bytes(32))
WITNESS = PrivateKey(
    "example.org/attestry-witness", bytes(range(32, 64)), SignatureType.COSIGNATURE_V1
)
LEAVES = [leaf_hash(entry) for entry in (b"", b"a", b'{"kind":"gate.verdict","v":1}')]


def checkpoint(size: int, *, root: bytes | None = None, key: PrivateKey = LOG) -> bytes:
    return Checkpoint(key.name, size, root or root_of(LEAVES[:size])).signed(key)


def call(body: bytes, *, method: str = "POST", path: str = "/add-checkpoint"):
    """Ask the witness as a server would; return status, type and body."""
    said: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "wsgi.input": io.BytesIO(body),
    }
    app = application({LOG.name: LOG.verifier_key}, WITNESS)

    def start(*told: Any) -> Any:
        said.extend(told)

    answer = b"".join(app(environ, start))
    status, headers = said
    return int(str(status)[:3]), dict(headers)["Content-Type"], answer


@pytest.fixture(autouse=True)
def _connection_stays_open(monkeypatch):
    # A server closes its thread's connection after each call; here it is the test's.
    monkeypatch.setattr(connection, "close", lambda: None)


def ask(old: int, proof: tuple[bytes, ...], signed: bytes):
    return call(AddCheckpointRequest(old, proof, signed).to_bytes())


def seen() -> list[tuple[str, int]]:
    return list(WitnessedLog.objects.values_list("origin", "size"))


def test_published_vector_is_what_the_witness_answers():
    moment = datetime.fromtimestamp(1_700_000_000, tz=UTC)
    with time_machine.travel(moment, tick=False):
        status, _, line = ask(0, (), checkpoint(3))

    assert status == 200
    assert line.decode() == (
        "\N{EM DASH} example.org/attestry-witness "
        "i/MU0wAAAABlU/EAm26SGmSdipKTMQ0Ww9/MBQZ5hxrKkvfsiajDJbmUrDPkT9ysEV45sXDuLMvthT"
        "+R3ZbOPEWuDi82C3nYQH80Dg==\n"
    )
    assert seen() == [(ORIGIN, 3)]


def test_log_that_grows_is_cosigned_again():
    assert ask(0, (), checkpoint(2))[0] == 200

    status, _, line = ask(2, (LEAVES[2],), checkpoint(3))

    assert status == 200
    note_of_log = Note.parse(checkpoint(3))
    cosigned = note_of_log.to_bytes() + line
    opened = open_checkpoint(cosigned, [LOG.verifier_key, WITNESS.verifier_key])
    assert opened.keys == {LOG.verifier_key, WITNESS.verifier_key}
    assert seen() == [(ORIGIN, 3)]


def test_witness_that_stands_elsewhere_says_where():
    ask(0, (), checkpoint(2))

    assert ask(1, (LEAVES[1],), checkpoint(3)) == (409, "text/x.tlog.size", b"2\n")
    assert seen() == [(ORIGIN, 2)]


@pytest.mark.parametrize(
    ("old", "proof", "signed", "status"),
    [
        (3, (), checkpoint(2), 400),
        (2, (LEAVES[2],), checkpoint(3, key=STRANGER), 403),
        (2, (LEAVES[2],), checkpoint(3, root=bytes(32)), 422),
        (2, (), checkpoint(3), 422),
        (2, (), checkpoint(2, root=bytes(32)), 422),
        (0, (), checkpoint(0, root=EMPTY_ROOT), 409),
    ],
    ids=["shrunk", "not signed", "forked", "unproven", "same size", "behind"],
)
def test_what_does_not_continue_is_refused_and_changes_nothing(
    old, proof, signed, status
):
    assert ask(0, (), checkpoint(2))[0] == 200

    assert ask(old, proof, signed)[0] == status

    assert list(WitnessedLog.objects.values_list("size", "root")) == [
        (2, root_of(LEAVES[:2]))
    ]


def test_empty_tree_has_one_root_only():
    assert ask(0, (), checkpoint(0, root=bytes(32)))[0] == 422
    assert ask(0, (), checkpoint(0, root=EMPTY_ROOT))[0] == 200


def test_unknown_log_is_not_found():
    other = PrivateKey("example.org/other", bytes(32))

    assert ask(0, (), checkpoint(1, key=other))[0] == 404
    assert seen() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 00\n\n" + checkpoint(1),
        b"old 0\r\n\r\n" + checkpoint(1),
        b"old 0\n" + b"AAAA\n" * 64 + b"\n" + checkpoint(1),
        b"old 0\nnot base64!\n\n" + checkpoint(1),
        b"old 0\n\n" + b"x" * 1_000_001,
        b"\xff" * 100,
    ],
)
def test_bad_form_is_refused(body):
    assert call(body)[0] == 400
    assert seen() == []


def test_only_a_post_to_add_checkpoint_is_answered():
    assert call(b"", method="GET")[0] == 405
    assert call(b"", path="/")[0] == 404


class Quiet(WSGIRequestHandler):
    """A handler that writes no lines about requests."""

    def log_message(self, *_words: object) -> None:
        pass


@dataclass
class Peer:
    """A witness somewhere else: its state is its own, so it runs without our tables."""

    key: PrivateKey
    url: str
    asked: list[bytes]
    answers: list[tuple[int, bytes]]


@pytest.fixture
def peers() -> Iterator[list[Peer]]:
    """Three witnesses that answer what a test tells them to, else cosign anything."""
    servers, found = [], []
    for number in range(3):
        key = PrivateKey(
            f"witness-{number}", bytes([number]) * 32, SignatureType.COSIGNATURE_V1
        )
        peer = Peer(key, "", [], [])

        def app(environ, start, peer=peer):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            peer.asked.append(body)
            status, answer = peer.answers.pop(0) if peer.answers else (200, b"")
            if status == 200 and not answer:
                signed = AddCheckpointRequest.parse(body).checkpoint
                text = Note(Note.parse(signed).text)
                answer = str(text.signed(peer.key, time=1).signatures[0]).encode()
            start(f"{status} Told", [("Content-Length", str(len(answer)))])
            return [answer]

        server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        peer.url = f"http://127.0.0.1:{server.server_port}"
        servers.append(server)
        found.append(peer)
    yield found
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    return tmp_path / "witness-policy"


@pytest.fixture
def two_of_three(peers, policy_file, monkeypatch):
    lines = [
        f"witness w{n} {peer.key.verifier_key} {peer.url}"
        for n, peer in enumerate(peers)
    ]
    lines += ["group any-two 2 w0 w1 w2", "quorum any-two", ""]
    policy_file.write_text("\n".join(lines))
    monkeypatch.setattr(settings, "ATTESTRY_LOG_WITNESS_POLICY", policy_file)
    return peers


def sealed_index() -> int:
    event = note(1)
    sequence_pending()
    return event.entry.index


def test_quorum_of_witnesses_makes_an_entry_witnessed(two_of_three, policy_file):
    two_of_three[2].answers = [(500, b"down")]
    index = sealed_index()
    assert entry_at(index).state == "sealed"

    assert ask_witnesses() == 2

    assert entry_at(index).state == "witnessed"
    log_key = keys.signing_keys()[0].verifier_key
    policy = Policy.parse(policy_file.read_bytes())
    proof = TlogProof.parse(inclusion_proof(index))
    proof.verify_entry(entry_at(index).body, policy.with_log(log_key))
    assert verify_log().faults == ()


def test_published_checkpoint_gets_the_cosignatures(two_of_three):
    sealed_index()
    publish()
    folder = Path(settings.ATTESTRY_LOG_PUBLISH_TO)
    before = (folder / "checkpoint").read_bytes()

    ask_witnesses()
    publish()

    after = (folder / "checkpoint").read_bytes()
    assert after.startswith(before)
    assert after == newest_checkpoint()
    assert after.count(b"\n\xe2\x80\x94 witness-") == 3


def test_entry_without_its_quorum_is_only_sealed(two_of_three):
    two_of_three[1].answers = [(403, b"no")]
    two_of_three[2].answers = [(403, b"no")]
    index = sealed_index()

    assert ask_witnesses() == 1
    assert entry_at(index).state == "sealed"


def test_witness_is_asked_from_where_it_stands(two_of_three):
    sealed_index()
    ask_witnesses()
    size = Head.objects.current().size
    sealed_index()
    two_of_three[0].answers = [(409, b"1\n")]

    assert ask_witnesses() == 3

    olds = [AddCheckpointRequest.parse(body).old_size for body in two_of_three[0].asked]
    assert olds == [0, size, 1]


def test_witness_that_has_cosigned_is_not_asked_again(two_of_three):
    sealed_index()
    ask_witnesses()
    ask_witnesses()

    assert [len(peer.asked) for peer in two_of_three] == [1, 1, 1]


@pytest.mark.parametrize(
    "answer",
    [b"garbage", b"\xff\xff", b"\xe2\x80\x94 witness-0 AAAA\n", b"x" * 200_000],
)
def test_answer_that_is_no_cosignature_is_not_stored(two_of_three, answer):
    two_of_three[0].answers = [(200, answer)]
    sealed_index()

    assert ask_witnesses() == 2
    assert not Cosignature.objects.filter(key__startswith="witness-0+").exists()


def test_silent_witness_is_said_and_delays_nothing(two_of_three, policy_file, caplog):
    lines = policy_file.read_text()
    policy_file.write_text(lines.replace(two_of_three[0].url, "http://127.0.0.1:1"))
    sealed_index()

    assert ask_witnesses() == 2
    assert "The witness w0 did not cosign" in caplog.text


def test_edited_cosignature_is_named(two_of_three):
    sealed_index()
    ask_witnesses()
    size = Head.objects.current().size
    with triggers_switched_off("audit_cosignature"):
        execute(
            "UPDATE audit_cosignature SET line = (SELECT line FROM audit_cosignature "
            "WHERE key LIKE 'witness-1%') WHERE key LIKE 'witness-0%'"
        )

    [fault] = verify_log().faults
    assert fault.sentence == (
        f"The cosignature of size {size} by witness-0: No known key has signed this "
        f"note."
    )


def test_unreadable_policy_is_refused_with_a_sentence(two_of_three, policy_file):
    policy_file.write_text("witness nobody\n")
    sealed_index()

    with pytest.raises(ConflictError, match="no witness is asked") as refusal:
        ask_witnesses()

    assert refusal.value.code == "witness_policy_unreadable"


def test_key_of_a_witness_is_made_once_and_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(settings, "ATTESTRY_WITNESS_KEY", tmp_path / "witness-key")

    call_command("witness", init="example.org/w")
    made = capsys.readouterr().out
    call_command("witness", show_key=True)

    assert made.startswith("example.org/w+")
    assert capsys.readouterr().out == made
    assert (tmp_path / "witness-key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="witness_key_exists"):
        call_command("witness", init="example.org/w")


def test_witness_without_logs_or_key_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "ATTESTRY_WITNESS_KEY", tmp_path / "witness-key")
    monkeypatch.setattr(settings, "ATTESTRY_WITNESS_LOGS", tmp_path / "logs")

    with pytest.raises(CommandError, match=r"run manage.py witness --init NAME"):
        call_command("witness")
    call_command("witness", init="example.org/w")
    with pytest.raises(CommandError, match="witnessed_logs_unreadable"):
        call_command("witness")
    (tmp_path / "logs").write_text("")
    with pytest.raises(CommandError, match="names no log"):
        call_command("witness")


def test_witness_key_that_others_can_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "witness-key"
    monkeypatch.setattr(settings, "ATTESTRY_WITNESS_KEY", path)
    call_command("witness", init="example.org/w")
    path.chmod(0o644)

    with pytest.raises(CommandError, match="witness_key_open_to_others"):
        call_command("witness", show_key=True)
