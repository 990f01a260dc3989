"""A full disk under the published folder: the last size stays valid, and it goes on."""

import resource
import time
from pathlib import Path

import pytest

from audit.tlog.checkpoint import parse_checkpoint
from audit.tlog.verify import main as verify
from tests.faults.conftest import WAIT_SECONDS, RunningLog

FULL_BYTES = 8192

pytestmark = pytest.mark.slow


def test_full_disk_stops_publishing_at_a_valid_size_until_there_is_space(
    running_log: RunningLog,
):
    assert running_log.manage("verify_log").returncode == 0
    size = published_size(running_log)
    writers = running_log.writers(4)
    # A bundle of some dozen entries is larger than a file may be; the database is
    # another process, for which the limit does not hold.
    starved = running_log.sequencer(preexec=limit_files)
    wait_until(lambda: "File too large" in running_log.said(), running_log)
    starved.terminate()
    assert starved.wait(WAIT_SECONDS) == 0
    stopped_at = published_size(running_log)
    assert stopped_at >= size
    assert verifies(running_log)

    (running_log.folder / "stop").touch()
    assert writers.wait(WAIT_SECONDS) == 0
    assert running_log.manage("verify_log").returncode == 0
    assert published_size(running_log) > stopped_at
    assert verifies(running_log)
    assert leftovers(running_log.published) == []


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, FULL_BYTES))


def published_size(log: RunningLog) -> int:
    return parse_checkpoint((log.published / "checkpoint").read_bytes()).size


def verifies(log: RunningLog) -> bool:
    key = log.published / "key"
    return verify(["log", str(log.published), "--key", str(key)]) == 0


def leftovers(folder: Path) -> list[Path]:
    """Temporary files that a failed write has left."""
    return [path for path in folder.rglob(".*") if path.name != ".lock"]


def wait_until(condition, log: RunningLog) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(log.said())
        time.sleep(0.1)
