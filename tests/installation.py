"""A whole installation for tests: a fresh database and the real processes, over HTTP.

On SQLite it is `manage.py serve`; with ATTESTRY_DATABASE_URL and ATTESTRY_BROKER_URL it
is the production topology: granian, a Celery worker, beat and the sequencer, none of
which connects as the owner of the tables.
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from benchmarks.two_servers import ALLOCATORS

ROOT = Path(__file__).resolve().parent.parent
SEQUENCER = "sequencer"
START_SECONDS = 90
STOP_SECONDS = 20
LINES_OF_LOG = 40
GRANT = (
    *("grant_database_rights", "--application", "attestry_app"),
    *("--sequencer", "attestry_sequencer"),
)


@dataclass(frozen=True)
class Account:
    """What somebody needs to get in; a service account has no password."""

    username: str
    password: str
    token: str


@dataclass(frozen=True)
class Installation:
    """Where a running installation listens, and ways to look behind it."""

    url: str
    folder: Path
    environment: Mapping[str, str]
    of_the_owner: Mapping[str, str]
    of_the_sequencer: Mapping[str, str]

    def account(self, role: str) -> Account:
        """Return a demo account: developer, owner, validator, …, or ci."""
        written = json.loads((self.folder / "credentials.json").read_text("utf-8"))
        return Account(**written["accounts"][role])

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `manage.py` in this installation and return what it said."""
        return self._manage(self.environment, *arguments)

    def manage_as_owner(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._manage(self.of_the_owner, *arguments)

    def verify_log(self) -> "subprocess.CompletedProcess[str]":
        """Verify where the key and the guard are."""
        return self._manage(self.of_the_sequencer, "verify_log")

    def _manage(
        self, environment: Mapping[str, str], *arguments: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Start an installation once; what its processes say stays in its folder."""
    folder = tmp_path_factory.mktemp("installation")
    with contextlib.ExitStack() as stack:
        embedded = _plain_environment() | {"ATTESTRY_VAR": str(folder)}
        environments = (embedded, embedded, embedded)
        if os.environ.get("ATTESTRY_DATABASE_URL"):
            url, broker = (
                stack.enter_context(_database()),
                stack.enter_context(_broker()),
            )
            environments = _of_the_roles(embedded, url, broker)
        port = _free_port()
        installed = Installation(f"http://127.0.0.1:{port}", folder, *environments)
        _set_up(installed)
        processes = [
            stack.enter_context(_running(name, command, installed))
            for name, command in _commands(port, installed.environment).items()
        ]
        _wait_until_ready(installed, processes)
        yield installed


def _plain_environment() -> dict[str, str]:
    """Return our environment without the settings of the tests themselves."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ATTESTRY_", "MLFLOW_"))
    }
    return kept | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ATTESTRY_WEBHOOK_INTERNAL_HOSTS": "127.0.0.0/8",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


def _of_the_roles(
    embedded: Mapping[str, str], url: str, broker: str
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return what the application, the owner and the sequencer get to know."""
    production = {
        **embedded,
        "ATTESTRY_BROKER_URL": broker,
        "ATTESTRY_LOG_SEQUENCER": "own-process",
    }

    def as_role(name: str) -> dict[str, str]:
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        return {
            **production,
            "ATTESTRY_DATABASE_URL": parts._replace(netloc=f"{name}@{place}").geturl(),
        }

    without_key = {"ATTESTRY_LOG_KEY_FILE": f"{embedded['ATTESTRY_VAR']}/not-given"}
    return (
        as_role("attestry_app") | without_key,
        production | {"ATTESTRY_DATABASE_URL": url},
        as_role("attestry_sequencer"),
    )


@contextlib.contextmanager
def _database() -> Iterator[str]:
    url = os.environ["ATTESTRY_DATABASE_URL"]
    name = f"installation_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.contextmanager
def _broker() -> Iterator[str]:
    """Yield a Redis database of our own: number 0 is the tests', then one a process."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = f"{os.environ['ATTESTRY_BROKER_URL'].rpartition('/')[0]}/{int(worker) + 1}"
    with redis.Redis.from_url(url) as connection:
        connection.flushdb()
        try:
            yield url
        finally:
            connection.flushdb()


def _set_up(installed: Installation) -> None:
    credentials = str(installed.folder / "credentials.json")
    accounts = ("create_demo_accounts", "--credentials", credentials)
    _succeed(installed.manage_as_owner("migrate", "--no-input", "--verbosity", "0"))
    _succeed(installed.manage_as_owner("init_log"))
    if installed.environment != installed.of_the_owner:
        _succeed(installed.manage_as_owner(*GRANT))
    _succeed(installed.manage(*accounts))


def _succeed(done: "subprocess.CompletedProcess[str]") -> None:
    if done.returncode != 0:
        pytest.fail(f"{done.args}:\n{done.stdout}{done.stderr}")


def _commands(port: int, environment: Mapping[str, str]) -> dict[str, list[str]]:
    if "ATTESTRY_BROKER_URL" not in environment:
        return {"serve": [sys.executable, "manage.py", "serve", "--port", str(port)]}
    celery = [sys.executable, "-m", "celery", "--app", "config"]
    return {
        "web": [
            *("env", *ALLOCATORS),
            *(sys.executable, "-m", "granian", "config.wsgi:application"),
            *("--interface", "wsgi", "--http", "1", "--no-ws", "--port", str(port)),
            *("--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers"),
        ],
        "worker": [*celery, "worker", "--concurrency", "1", "--loglevel", "INFO"],
        "beat": [*celery, "beat", "--pidfile=", "--loglevel", "INFO"],
        SEQUENCER: [sys.executable, "manage.py", "sequence"],
    }


@contextlib.contextmanager
def _running(
    name: str, command: list[str], installed: Installation
) -> Iterator["subprocess.Popen[bytes]"]:
    environment = installed.environment
    if name == SEQUENCER:
        environment = installed.of_the_sequencer
    with (installed.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(
    installed: Installation, processes: list["subprocess.Popen[bytes]"]
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(installed.url):
        has_died = any(process.poll() is not None for process in processes)
        if has_died or time.monotonic() > deadline:
            pytest.fail(f"The installation did not start.\n{_said(installed.folder)}")
        time.sleep(0.1)


def _is_ready(url: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (http.client.HTTPException, OSError):
        return False
    finally:
        connection.close()


def _said(folder: Path) -> str:
    """Return the end of what each process said, and where the rest is."""
    parts = []
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text("utf-8", errors="replace").splitlines()[-LINES_OF_LOG:]
        parts.append("\n".join([f"--- {log}", *lines]))
    return "\n".join(parts)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
