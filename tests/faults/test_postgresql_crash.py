"""The database server crashes under load, again and again: no fork, nothing lost."""

import os
import random
import signal
import time

import psycopg
import pytest

from tests.faults.conftest import WAIT_SECONDS, RunningLog
from tests.faults.test_disk_full import verifies
from tests.faults.test_killed_sequencers import committed_in_order, logged

# Every test on the server suffers, so this one runs in `make soak`, alone.
CRASHES = int(os.environ.get("SOAK_CRASHES", "0"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CRASHES, reason="crashes the server: `make soak`"),
]


def test_crashed_server_loses_nothing_that_was_committed_and_forks_nothing(
    running_log: RunningLog,
):
    chance = random.Random(4)  # noqa: S311 - to be repeated, not to be secret
    writers = running_log.writers(8)
    running_log.sequencer()
    running_log.sequencer()
    for _ in range(CRASHES):
        time.sleep(chance.uniform(0.5, 2))
        crash(running_log)
        wait_until_up(running_log)

    (running_log.folder / "stop").touch()
    assert writers.wait(WAIT_SECONDS) == 0, running_log.said()
    verified = running_log.manage("verify_log")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert verifies(running_log)
    in_doubt = running_log.in_doubt()
    found = {
        writer: [n for n in numbers if (writer, n) not in in_doubt]
        for writer, numbers in logged(running_log).items()
    }
    assert found == committed_in_order(running_log)


def crash(log: RunningLog) -> None:
    """Kill a backend: the server ends all others and recovers from its journal."""
    with psycopg.connect(log.environment["ATTESTRY_DATABASE_URL"]) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


def wait_until_up(log: RunningLog) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            psycopg.connect(log.environment["ATTESTRY_DATABASE_URL"]).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(log.said())
