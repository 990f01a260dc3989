"""SIGKILL at every step of the sequencer: nothing lost, doubled, forked or reordered."""

import json
import os
import random
import signal
import subprocess
from itertools import groupby
from pathlib import Path

import psycopg
import pytest

from audit.sequencer.kill_points import POINTS
from audit.tlog.checkpoint import parse_checkpoint
from audit.tlog.verify import main as verify
from tests.faults.conftest import WAIT_SECONDS, RunningLog

# `make soak` asks for 15 rounds: 210 kills.
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "1"))
WRITERS = 8 if ROUNDS > 1 else 4

pytestmark = pytest.mark.slow


def test_killed_sequencers_lose_double_fork_and_reorder_nothing(
    running_log: RunningLog,
):
    chance = random.Random(20)  # noqa: S311 - to be repeated, not to be secret
    writers = running_log.writers(WRITERS)
    seen = Checkpoints(running_log)
    killed = 0
    for _ in range(ROUNDS):
        for first, second in zip(POINTS[::2], POINTS[1::2], strict=True):
            victims = [
                running_log.sequencer(kill_at=f"{point}:{chance.randint(1, 3)}")
                for point in (first, second)
            ]
            for victim in victims:
                killed += killed_in_time(victim, running_log)
                seen.keep()
    assert killed == ROUNDS * len(POINTS)

    (running_log.folder / "stop").touch()
    assert writers.wait(WAIT_SECONDS) == 0, running_log.said()
    verified = running_log.manage("verify_log")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    seen.keep()

    assert logged(running_log) == committed_in_order(running_log)
    published, key = running_log.published, running_log.published / "key"
    old = [word for path in seen.paths for word in ("--old", str(path))]
    assert verify(["log", str(published), "--key", str(key), *old]) == 0


class Checkpoints:
    """Every published checkpoint that an outsider saw."""

    def __init__(self, log: RunningLog) -> None:
        self._published = log.published / "checkpoint"
        self._folder = log.folder / "seen"
        self._folder.mkdir()
        self.paths: list[Path] = []

    def keep(self) -> None:
        if not self._published.exists():
            return
        note = self._published.read_bytes()
        path = self._folder / f"{parse_checkpoint(note).size}-{len(self.paths)}"
        path.write_bytes(note)
        self.paths.append(path)


def killed_in_time(victim: "subprocess.Popen[bytes]", log: RunningLog) -> bool:
    try:
        code = victim.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.fail(f"A sequencer never reached its kill point.\n{log.said()}")
    assert code == -signal.SIGKILL, log.said()
    return True


def committed_in_order(log: RunningLog) -> dict[int, list[int]]:
    told = sorted(log.committed())
    return {
        writer: [number for _, number in lines]
        for writer, lines in groupby(told, key=lambda line: line[0])
    }


def logged(log: RunningLog) -> dict[int, list[int]]:
    """Every number that the log holds, by writer, in the order of the log."""
    found: dict[int, list[int]] = {}
    with psycopg.connect(log.environment["ATTESTRY_DATABASE_URL"]) as connection:
        rows = connection.execute(
            "SELECT body FROM audit_entry JOIN audit_event ON id = event_id "
            "WHERE kind = 'tests.number.written' ORDER BY index"
        )
        for (body,) in rows:
            said = json.loads(bytes(body))
            writer = int(said["subject"].removeprefix("writer/"))
            found.setdefault(writer, []).append(said["payload"]["number"])
    return found
