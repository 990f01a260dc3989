"""`make` alone prints the targets; the servers of `make test` never outlive it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_make_alone_prints_every_target():
    printed = subprocess.run(
        ["make"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    phony = re.findall(
        r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert [line.split()[0] for line in printed.splitlines()] == phony
    assert {"setup", "demo", "serve", "check", "test"} < set(phony)


@pytest.mark.slow
@pytest.mark.skipif(  # it starts the servers that `make test-sqlite` does without
    "ATTESTRY_TEST_POSTGRESQL_URL" not in os.environ,
    reason="`make test-sqlite` does without the servers",
)
def test_private_services_stop_when_their_script_is_terminated():
    script = subprocess.Popen(
        [
            *(sys.executable, "scripts/private_services.py"),
            *("sh", "-c", "echo $ATTESTRY_DATABASE_URL && exec sleep 60"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with script:
        assert script.stdout is not None
        address = script.stdout.readline().strip()
        url = address.replace("postgres://", "postgresql://")
        psycopg.connect(url).close()
        started = time.monotonic()
        script.send_signal(signal.SIGTERM)
        assert script.wait(20) == 128 + signal.SIGTERM
    assert time.monotonic() - started < 20
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
