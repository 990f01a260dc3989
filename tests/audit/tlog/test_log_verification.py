from pathlib import Path

import pytest

from audit.tlog.checkpoint import Checkpoint
from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.keys import PrivateKey, VerifierKey
from audit.tlog.log_verification import verify_published_log
from audit.tlog.merkle import leaf_hash
from audit.tlog.policy import Policy
from audit.tlog.published_log import PublishedLog
from audit.tlog.tiles import write_bundle
from tests.audit.tlog.static_log import StaticLog

KEY = PrivateKey("example.org/log", bytes(range(32)))
POLICY = Policy.of_log(KEY.verifier_key)


@pytest.fixture
def log(tmp_path: Path) -> StaticLog:
    """A log of 1,000 entries, published at 0, 5, 300, 600 and 1,000."""
    return StaticLog(tmp_path, KEY).numbered([0, 5, 295, 300, 400])


def verify(log: StaticLog, **options):
    return verify_published_log(PublishedLog(log.directory), POLICY, **options)


def fault(log: StaticLog, **options) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        verify(log, **options)
    return caught.value


@pytest.mark.parametrize(
    "counts", [[0], [1], [255], [256], [257], [65_536], [3, 65_600]]
)
def test_a_published_log_verifies_at_every_size(tmp_path: Path, counts: list[int]):
    log = StaticLog(tmp_path, KEY).numbered(counts)
    calls: list[tuple[int, int]] = []
    verified = verify(log, progress=lambda done, size: calls.append((done, size)))
    assert verified.head.checkpoint.size == sum(counts)
    assert verified.first_index == 0
    assert calls[-1:] == ([(sum(counts), sum(counts))] if sum(counts) else [])


def test_a_log_of_another_implementation_is_published_alike(tmp_path: Path):
    """The first entries, roots and checkpoints of transparency-dev/tessera, testdata."""
    key = PrivateKey.parse(
        "PRIVATE+KEY+example.com/log/testdata+33d7b496"
        "+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
    )
    log = StaticLog(tmp_path, key)
    log.publish()
    for word in b"one two three four five six seven".split():
        log.publish(word)
    roots = [data.split(b"\n")[2].decode() for data in log.checkpoints.values()]
    assert roots == [
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=",
        "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=",
        "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=",
        "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
        "gy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=",
        "a6sWvsc2eEzmj72vah7mZ5dwFltivehh2b11qwlp5Jg=",
        "IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U=",
    ]
    lines = {
        size: data.decode().split("\n")[4] for size, data in log.checkpoints.items()
    }
    assert (lines[0], lines[6]) == (
        "\N{EM DASH} example.com/log/testdata M9e0lhxJACzE1KoUdqKuPa+9p6R7dSW8BlEvrg/noo8FkGg6PbJoRNOcdjqjOq89wVvTA60eubCc4oufo5BvIVEgtQc=",
        "\N{EM DASH} example.com/log/testdata M9e0ln+nHSdGSHEZBcjvqyYDXDbG8WxDwCDjbbGAMv/NTynAtJWhckSXIpuwpN3yJ4PTtzUbD34YGqIZr6RgJRn16gU=",
    )
    policy = Policy.of_log(
        VerifierKey.parse(
            "example.com/log/testdata+33d7b496"
            "+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
        )
    )
    old = log.checkpoints.values()
    verified = verify_published_log(PublishedLog(tmp_path), policy, old=old)
    assert verified.head.checkpoint.size == 7


def test_every_old_checkpoint_is_contained(log: StaticLog):
    old = log.checkpoints.values()
    assert verify(log, old=old).head.checkpoint.size == 1_000


@pytest.mark.parametrize("size", [0, 5, 300, 600, 1_000])
def test_an_incremental_verification_starts_at_the_bundle_of_the_old_size(
    log: StaticLog, size: int
):
    for index in range(size // 256):
        (log.directory / f"tile/entries/{index:03}").unlink()
    verified = verify(log, since=log.checkpoints[size], old=log.checkpoints.values())
    assert verified.first_index == size // 256 * 256


def test_a_changed_entry_is_named(log: StaticLog):
    entries = log.entries[512:768]
    entries[600 - 512] = b"entry 6O0"
    (log.directory / "tile/entries/002").write_bytes(write_bundle(entries))
    found = fault(log)
    assert (found.index, found.path) == (600, "tile/0/002")
    assert str(found) == "Entry 600 does not hash to its leaf in tile/0/002."


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("tile/0/000", 0),
        ("tile/0/003.p/232", 768),
        ("tile/1/000.p/3", None),
        ("tile/0/000.p/5", 0),
        ("tile/0/001.p/44", 256),
        ("tile/1/000.p/1", None),
        ("tile/entries/000.p/5", 0),
        ("tile/entries/001.p/44", 256),
    ],
)
def test_a_changed_file_is_named_even_a_superseded_one(
    log: StaticLog, path: str, index: int | None
):
    data = bytearray((log.directory / path).read_bytes())
    data[5] ^= 1
    (log.directory / path).write_bytes(data)
    found = fault(log)
    assert (found.path, found.index) == (path, index)


@pytest.mark.parametrize(
    "path",
    [
        "checkpoint",
        "tile/entries/000",
        "tile/entries/003.p/232",
        "tile/0/002",
        "tile/0/003.p/232",
        "tile/1/000.p/3",
    ],
)
@pytest.mark.parametrize("content", [None, b"", b"\0", bytes(9_000), bytes(20_000_000)])
def test_a_missing_cut_or_bloated_file_is_named(
    log: StaticLog, path: str, content: bytes | None
):
    file = log.directory / path
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises((VerificationError, MalformedError)) as caught:
        verify(log)
    if isinstance(caught.value, VerificationError):
        assert caught.value.path == path


def test_a_directory_in_the_place_of_a_file_is_refused(log: StaticLog):
    (log.directory / "tile/0/002").unlink()
    (log.directory / "tile/0/002").mkdir()
    assert fault(log).path == "tile/0/002"


def test_partial_tiles_may_go_once_the_full_one_is_there(log: StaticLog):
    size_600 = log.checkpoints[600]
    for file in log.directory.glob("tile/*/002.p/*"):
        file.unlink()
    (log.directory / "checkpoint").write_bytes(size_600)
    assert verify(log).head.checkpoint.size == 600


def test_files_of_a_later_size_and_of_others_are_left_alone(log: StaticLog):
    """A publisher may be at work: its checkpoint comes last."""
    for name in ("003.p/250", "003.p/999", "003.p/x", "003.p/.tmp-1"):
        (log.directory / "tile/0" / name).write_bytes(b"unfinished")
    assert verify(log).head.checkpoint.size == 1_000


def test_a_log_rewritten_as_a_whole_is_caught_by_an_old_checkpoint(
    log: StaticLog, tmp_path: Path
):
    forged = StaticLog(tmp_path / "forged", KEY)
    forged.publish(*log.entries[:4], b"forged", *log.entries[5:])
    assert verify(forged).head.checkpoint.size == 1_000
    assert "tree of size 300" in str(fault(forged, old=[log.checkpoints[300]]))
    assert "tree of size 300" in str(fault(forged, since=log.checkpoints[300]))
    assert "tree of size 1000" in str(fault(forged, old=[log.checkpoints[1_000]]))


def test_a_log_that_shrank_is_refused(log: StaticLog, tmp_path: Path):
    restored = StaticLog(tmp_path / "restored", KEY)
    restored.publish(*log.entries[:600])
    for options in (
        {"old": [log.checkpoints[1_000]]},
        {"since": log.checkpoints[1_000]},
    ):
        assert str(fault(restored, **options)) == "The log shrank from 1000 to 600."


def test_a_rewrite_without_the_key_is_refused(log: StaticLog):
    head = Checkpoint(KEY.name, 1_000, bytes(32))
    thief = PrivateKey(KEY.name, bytes(32))
    (log.directory / "checkpoint").write_bytes(head.signed(thief))
    assert str(fault(log)) == "No known key has signed this note."


def test_a_root_that_is_not_that_of_the_entries_is_refused(log: StaticLog):
    """The log itself may be the liar."""
    head = Checkpoint(KEY.name, 1_000, bytes(32))
    (log.directory / "checkpoint").write_bytes(head.signed(KEY))
    assert str(fault(log)) == "The root over all entries is not the signed root."


def test_an_old_checkpoint_of_another_key_or_log_is_refused(log: StaticLog):
    thief = PrivateKey(KEY.name, bytes(32))
    other = PrivateKey("example.org/other", KEY.seed)
    head = Checkpoint(KEY.name, 5, leaf_hash(b""))
    fault(log, old=[head.signed(thief)])
    fault(log, old=[Checkpoint(other.name, 5, leaf_hash(b"")).signed(other)])
    with pytest.raises(MalformedError):
        verify(log, old=[b"not a checkpoint"])
