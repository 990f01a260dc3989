"""A log on a PostgreSQL of its own, with the processes that a test starts and kills."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60


@dataclass
class RunningLog:
    """An installation whose log is sequenced by processes of its own."""

    folder: Path
    environment: dict[str, str]
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def published(self) -> Path:
        return self.folder / "published-log"

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(
        self, *command: str, preexec=None, **variables: str
    ) -> "subprocess.Popen[bytes]":
        with (self.folder / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=preexec,  # noqa: PLW1509 - no thread runs here
            )
        self.processes.append(process)
        return process

    def sequencer(self, *, kill_at: str = "", **options) -> "subprocess.Popen[bytes]":
        return self.start("manage.py", "sequence", **options, ATTESTRY_KILL_AT=kill_at)

    def writers(self, threads: int) -> "subprocess.Popen[bytes]":
        """Start writers, who were not given the log's key."""
        return self.start(
            "-m",
            "tests.faults.writers",
            str(self.folder / "stop"),
            str(self.folder / "committed"),
            str(threads),
            ATTESTRY_LOG_KEY_FILE=str(self.folder / "none"),
        )

    def committed(self) -> list[tuple[int, int]]:
        return self._lines("committed.*")

    def in_doubt(self) -> set[tuple[int, int]]:
        """Return what a writer never learnt the fate of."""
        return set(self._lines("in-doubt.*"))

    def _lines(self, pattern: str) -> list[tuple[int, int]]:
        lines = [
            line.split()
            for path in sorted(self.folder.glob(pattern))
            for line in path.read_text().splitlines()
        ]
        return [(int(writer), int(number)) for writer, number in lines]

    def said(self) -> str:
        return (self.folder / "processes.log").read_text()[-3000:]


@pytest.fixture
def running_log(tmp_path: Path) -> Iterator[RunningLog]:
    url = os.environ.get("ATTESTRY_TEST_POSTGRESQL_URL")
    if not url:
        pytest.skip("needs the private PostgreSQL of scripts/run_tests.py")
    name = f"faults_{os.getpid()}"
    plain = {k: v for k, v in os.environ.items() if not k.startswith("ATTESTRY_")}
    log = RunningLog(
        tmp_path,
        plain
        | {
            "ATTESTRY_VAR": str(tmp_path),
            "ATTESTRY_DATABASE_URL": f"{url.rpartition('/')[0]}/{name}",
            "ATTESTRY_LOG_SEQUENCER": "own-process",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
    )
    _on_the_server(url, f'CREATE DATABASE "{name}"')
    try:
        for arguments in (("migrate", "--verbosity", "0"), ("init_log",)):
            done = log.manage(*arguments)
            assert done.returncode == 0, done.stderr
        yield log
    finally:
        for process in log.processes:
            process.kill()
            process.wait()
        _on_the_server(url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _on_the_server(url: str, statement: LiteralString) -> None:
    # A connection of its own: a test may have crashed the server meanwhile.
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
