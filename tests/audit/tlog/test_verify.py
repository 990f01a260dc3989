import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import audit
from audit.tlog import verify
from audit.tlog.keys import PrivateKey, SignatureType
from audit.tlog.merkle import leaf_hash
from audit.tlog.note import Note
from audit.tlog.proof import TlogProof
from audit.tlog.published_log import PublishedLog
from audit.tlog.tiled_tree import TiledTree
from tests.audit.tlog.static_log import StaticLog

KEY = PrivateKey("example.org/log", bytes(range(32)))
WITNESS = PrivateKey("witness.example", bytes(32), SignatureType.COSIGNATURE_V1)
VKEY = str(KEY.verifier_key)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def log(tmp_path: Path) -> StaticLog:
    return StaticLog(tmp_path / "log", KEY).numbered([300, 700])


@pytest.fixture
def run(capsys) -> Run:
    def run_command(*arguments: object) -> tuple[int, str, str]:
        try:
            status = verify.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = int(str(stop.code))
        out, err = capsys.readouterr()
        return status, out, err

    return run_command


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def write_file(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write_file


@pytest.fixture
def proof(log: StaticLog) -> TlogProof:
    path = TiledTree(1_000, PublishedLog(log.directory).tile).inclusion_proof(42)
    return TlogProof(42, path, log.checkpoints[1_000])


def test_a_good_log_is_verified(log: StaticLog, run: Run, write):
    key, old = write("key", f"{VKEY}\n".encode()), write("old", log.checkpoints[300])
    for key_form in (VKEY, key):
        status, out, err = run(
            "log", "--key", key_form, "--old", old, "--old", old, log.directory
        )
        assert (status, err) == (0, "")
        assert out.startswith("verified: example.org/log, size 1000, root ")
        assert out.endswith("; all of 1000 recomputed, 2 old checkpoint(s) contained\n")


def test_an_incremental_run_reads_the_new_entries(log: StaticLog, run: Run, write):
    old = write("old", log.checkpoints[300])
    status, out, _ = run("log", "--key", VKEY, "--incremental-from", old, log.directory)
    assert status == 0
    assert out.endswith("; entries from 256 on of 1000 recomputed\n")


def test_a_bad_log_is_not_verified_and_the_place_is_named(log: StaticLog, run: Run):
    tile = log.directory / "tile/0/001"
    tile.write_bytes(bytes(8192))
    assert run("log", "--key", VKEY, log.directory) == (
        1,
        "",
        "NOT VERIFIED: Entry 256 does not hash to its leaf in tile/0/001.\n",
    )


def test_a_long_run_says_how_far_it_is(log: StaticLog, run: Run, monkeypatch):
    monkeypatch.setattr(verify, "PROGRESS_SECONDS", 0.0)
    _, _, err = run("log", "--key", VKEY, log.directory)
    assert err.splitlines()[-1] == "1000 of 1000 entries"


def test_a_good_proof_is_verified(proof: TlogProof, run: Run, write):
    file = write("proof", proof.to_bytes())
    for evidence in (
        ("--entry", write("entry", b"entry 42")),
        ("--leaf", leaf_hash(b"entry 42").hex()),
    ):
        status, out, err = run("proof", "--key", VKEY, *evidence, file)
        assert (status, err) == (0, "")
        assert out.startswith("verified: entry 42 is in example.org/log, size 1000, ")


def test_a_proof_of_another_entry_is_not_verified(proof: TlogProof, run: Run, write):
    file = write("proof", proof.to_bytes())
    entry = write("entry", b"entry 43")
    assert run("proof", "--key", VKEY, "--entry", entry, file) == (
        1,
        "",
        "NOT VERIFIED: The inclusion proof leads to another root.\n",
    )


def test_a_file_that_is_no_proof_is_not_verified(run: Run, write):
    for data in (b"", b"\xff" * 100, bytes(5_000_000)):
        file = write("proof", data)
        status, _, err = run("proof", "--key", VKEY, "--leaf", "00" * 32, file)
        assert status == 1
        assert err.startswith("NOT VERIFIED: ")


def test_a_policy_asks_for_its_witnesses(proof: TlogProof, run: Run, write):
    policy = write("policy", f"witness w {WITNESS.verifier_key}\nquorum w\n".encode())
    arguments = ("proof", "--key", VKEY, "--policy", policy)
    leaf = ("--leaf", leaf_hash(b"entry 42").hex())
    status, _, err = run(*arguments, *leaf, write("plain", proof.to_bytes()))
    assert (status, err) == (1, "NOT VERIFIED: The quorum 'w' has not cosigned.\n")

    note = Note.parse(proof.checkpoint).signed(WITNESS, time=1_700_000_000)
    cosigned = TlogProof(proof.index, proof.hashes, note.to_bytes())
    status, out, _ = run(*arguments, *leaf, write("cosigned", cosigned.to_bytes()))
    assert status == 0
    assert out.endswith(", 1 known cosignature(s)\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["log"],
        ["log", "."],
        ["log", "--key", "no key", "."],
        ["log", "--key", f"{VKEY}x", "."],
        ["log", "--key", str(WITNESS.verifier_key), "."],
        ["log", "--key", VKEY, "/nowhere/at/all"],
        ["log", "--key", VKEY, "--old", "/nowhere/at/all", "."],
        ["log", "--key", VKEY, "--policy", "/dev/null", "."],
        ["proof", "--key", VKEY, "/dev/null"],
        ["proof", "--key", VKEY, "--leaf", "00", "/dev/null"],
        ["proof", "--key", VKEY, "--leaf", "xx" * 32, "/dev/null"],
        ["proof", "--key", VKEY, "--entry", "/nowhere/at/all", "/dev/null"],
    ],
    ids=range(13),
)
def test_wrong_usage_has_its_own_exit_status(arguments: list[str], run: Run):
    assert run(*arguments)[0] == 2


def test_outsiders_need_nothing_but_cryptography(log: StaticLog):
    """The command imports no framework, and runs where none could be imported."""
    script = (
        "import sys\n"
        "for name in ('django', 'rfc8785', 'celery', 'rest_framework'):\n"
        "    sys.modules[name] = None\n"
        "from audit.tlog.verify import main\n"
        f"sys.exit(main(['log', '--key', {VKEY!r}, {str(log.directory)!r}]))"
    )
    root = Path(audit.__file__).parent.parent
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("verified: ")
