"""Starts what `make bench-tracking` compares: MLflow's own server and this one.

Both have two worker processes and a database of their own on the same PostgreSQL, and keep
artifacts in a folder. This one runs as in production: granian, and a sequencer that has
the log's key; its client is a developer with an API token.
"""

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.side_by_side import Client, Side

ROOT = Path(__file__).resolve().parent.parent
MLFLOW = ROOT / "var" / "mlflow" / "bin"
START_SECONDS = 180
# From several connections, so that each worker gives some of them.
ANSWERS_OF_A_READY_SERVER = 20
STOP_SECONDS = 20
# As in the Dockerfile, which says why.
ALLOCATORS = (
    "MALLOC_ARENA_MAX=1",
    "MALLOC_MMAP_THRESHOLD_=131072",
    "_RJEM_MALLOC_CONF=dirty_decay_ms:1000,muzzy_decay_ms:0",
)


@contextmanager
def mlflow_server(programs: Path = MLFLOW) -> Iterator[Side]:
    """Run a real MLflow server on a database of its own."""
    import psycopg

    ours = os.environ["ATTESTRY_DATABASE_URL"]
    with psycopg.connect(ours, autocommit=True) as connection:
        connection.execute("CREATE DATABASE mlflow")
    url, port = f"{ours.rpartition('/')[0]}/mlflow", _free_port()
    with tempfile.TemporaryDirectory(prefix="attestry-bench-") as folder:
        command = [
            *(str(programs / "mlflow"), "server", "--port", str(port)),
            *("--workers", "2", "--artifacts-destination", folder),
            *("--backend-store-uri", f"postgresql+psycopg2:{url.partition(':')[2]}"),
        ]
        with _running(command) as server:
            _wait_for(server, port)
            yield _ready(Side("MLflow", port, url, {"web": server.pid}, {}))


@contextmanager
def attestry_server() -> Iterator[Side]:
    """Run this server on the PostgreSQL of ATTESTRY_DATABASE_URL."""
    with tempfile.TemporaryDirectory(prefix="attestry-bench-") as var:
        token, port = _install(Path(var)), _free_port()
        web = [
            *("env", *ALLOCATORS),
            *(sys.executable, "-m", "granian", "config.wsgi:application"),
            *("--interface", "wsgi", "--http", "1", "--no-ws", "--port", str(port)),
            *("--workers", "2", "--blocking-threads", "4", "--log-level", "warning"),
            *("--blocking-threads-idle-timeout", "600"),
        ]
        sequencer = [sys.executable, str(ROOT / "manage.py"), "sequence"]
        with _running(web) as server, _running(sequencer) as log:
            _wait_for(server, port)
            side = Side(
                "Attestry",
                port,
                os.environ["ATTESTRY_DATABASE_URL"],
                {"web": server.pid, "log": log.pid},
                {"Authorization": f"Bearer {token}"},
            )
            yield _ready(side)


def _install(var: Path) -> str:
    """Make an installation and return the token of a developer."""
    os.environ |= {
        "ATTESTRY_VAR": str(var),
        "ATTESTRY_LOG_SEQUENCER": "own-process",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    import django

    django.setup()
    from django.core.management import call_command

    accounts = var / "accounts.json"
    call_command("migrate", verbosity=0)
    call_command("init_log", stdout=io.StringIO())
    call_command("create_demo_accounts", credentials=accounts, stdout=io.StringIO())
    token: str = json.loads(accounts.read_text())["accounts"]["developer"]["token"]
    return token


def _ready(side: Side) -> Side:
    """Wait until the workers answer; MLflow's supervisor kills those that are slow to."""
    answers, end = 0, time.monotonic() + START_SECONDS
    while answers < ANSWERS_OF_A_READY_SERVER:
        try:
            Client(side).post("experiments/search", max_results=1)
        except (OSError, http.client.HTTPException):
            if time.monotonic() > end:
                raise
            answers = 0
            time.sleep(0.2)
        else:
            answers += 1
    made = Client(side).post("experiments/create", name="benchmark")
    side.experiment_id = made["experiment_id"]
    return side


@contextmanager
def _running(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program until the caller is done; what it said is shown if that fails."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        except BaseException:
            log.seek(0)
            print(log.read().decode(errors="replace")[-3000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(server: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{server.args!r} did not start") from None
            time.sleep(0.2)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
