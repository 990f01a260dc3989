#!/usr/bin/env python
"""Runs a command beside a PostgreSQL and a Redis of its own, and stops both after it.

Both listen on free ports of 127.0.0.1 only, keep their data in a throw-away folder and
run without privileges; servers that the machine already runs are not touched.
"""

import argparse
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psycopg
import redis

START_SECONDS = 60
STOP_SECONDS = 20
ATTEMPTS = 3
OWNER_OF_THE_SERVER = "bootstrap"
DATABASE = "attestry"
ROLES_OF_PROCESSES = ("attestry_app", "attestry_sequencer")


@dataclass(frozen=True)
class Services:
    """Where the two servers listen."""

    database_url: str
    broker_url: str


@dataclass(frozen=True)
class Account:
    """The system user that the servers run as; both refuse or dislike root."""

    uid: int
    gid: int

    @classmethod
    def without_privileges(cls) -> "Account":
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(entry.pw_uid, entry.pw_gid)
        raise ServiceError("root needs a system user postgres or nobody to run servers")

    def command_options(self) -> dict[str, int | list[int]]:
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


class ServiceError(Exception):
    """A server could not be started; the message says why."""


@contextlib.contextmanager
def private_services() -> Iterator[Services]:
    """Start both servers, hand out their addresses, stop them whatever happens."""
    account = Account.without_privileges()
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="attestry-services-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        os.chown(folder, account.uid, account.gid)
        broker_url = stack.enter_context(_redis(folder, account))
        database_url = stack.enter_context(_postgresql(folder, account))
        yield Services(database_url, broker_url)


@contextlib.contextmanager
def _redis(folder: Path, account: Account) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        raise ServiceError("redis-server is missing: run `make setup`")

    def command(port: int) -> list[str]:
        return [
            program,
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--appendonly", "no", "--daemonize", "no"),
        ]

    def ask(port: int) -> None:
        with redis.Redis(port=port, socket_connect_timeout=2) as client:
            client.ping()

    with _server("redis", command, ask, folder, account, signal.SIGTERM) as port:
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def _postgresql(folder: Path, account: Account) -> Iterator[str]:
    """Start a server whose role `attestry` may create databases and is no superuser.

    A superuser could switch triggers off, so tests run by one would prove less.
    """
    programs = _postgresql_programs()
    data = folder / "postgresql"
    _run_quietly(
        [
            *(programs / "initdb", "--pgdata", data, "--username", OWNER_OF_THE_SERVER),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"),
            "--no-sync",
        ],
        folder,
        account,
    )
    # Without fsync only a crash of the operating system loses data, and these data are
    # thrown away; what a transaction or a crash of the server means stays the same.
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
    }

    def command(port: int) -> list[str]:
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(programs / "postgres"), "-D", str(data), "-p", str(port), *options]

    def connect(port: int) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host="127.0.0.1",
            port=port,
            user=OWNER_OF_THE_SERVER,
            dbname="postgres",
            connect_timeout=2,
            autocommit=True,
        )

    def ask(port: int) -> None:
        connect(port).close()

    # SIGINT is the fast shutdown; SIGTERM would wait for every client to leave.
    with _server("postgresql", command, ask, folder, account, signal.SIGINT) as port:
        with connect(port) as connection:
            connection.execute(f"CREATE ROLE {DATABASE} LOGIN CREATEDB")
            for role in ROLES_OF_PROCESSES:
                connection.execute(f"CREATE ROLE {role} LOGIN")
                # So that a test which connects as the owner can become it.
                connection.execute(f"GRANT {role} TO {DATABASE}")
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {DATABASE}")
        yield f"postgres://{DATABASE}@127.0.0.1:{port}/{DATABASE}"


def _postgresql_programs() -> Path:
    """Return the folder of the newest server programs that are installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: float(path.parent.parent.name),
    )
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        raise ServiceError("PostgreSQL is missing: run `make setup`")
    return Path(initdb).resolve().parent


@contextlib.contextmanager
def _server(
    name: str,
    command: Callable[[int], list[str]],
    ask: Callable[[int], None],
    folder: Path,
    account: Account,
    stop_signal: signal.Signals,
) -> Iterator[int]:
    """Run a server on a free port until the caller is done; yield the port.

    Another process may take the port between our look and the server's start, hence
    more than one attempt.
    """
    log = folder / f"{name}.log"
    for attempt in range(1, ATTEMPTS + 1):
        port = free_port()
        with log.open("ab") as output:
            process = subprocess.Popen(
                command(port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=_plain_environment(folder),
                start_new_session=True,
                preexec_fn=lambda: _die_with_parent(stop_signal),  # noqa: PLW1509 - no thread runs here
                **account.command_options(),  # type: ignore[call-overload]  # user, group
            )
        try:
            if _answers(process, ask, port):
                yield port
                return
        finally:
            _stop(process, stop_signal)
        if attempt == ATTEMPTS:
            said = log.read_text(errors="replace")[-2000:]
            raise ServiceError(f"{name} did not start; it said:\n{said}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _answers(
    process: "subprocess.Popen[bytes]", ask: Callable[[int], None], port: int
) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            ask(port)
        except (psycopg.OperationalError, redis.RedisError):
            time.sleep(0.05)
        else:
            return True
    return False


def _stop(process: "subprocess.Popen[bytes]", stop_signal: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(stop_signal)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _die_with_parent(stop_signal: signal.Signals) -> None:
    """Ask Linux to send the signal when this script is killed without a chance to act."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(stop_signal))


def _run_quietly(command: Sequence[str | Path], folder: Path, account: Account) -> None:
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=_plain_environment(folder),
        **account.command_options(),  # type: ignore[call-overload]  # user, group
    )
    if done.returncode != 0:
        raise ServiceError(f"{command[0]} failed; it said:\n{done.stdout[-2000:]}")


def _plain_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which no PG… or LC_… variable of the caller counts."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command in the foreground; end it when this script is told to end."""
    process = subprocess.Popen(
        command,
        env=environment,
        preexec_fn=lambda: _die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - no thread runs here
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        # Ctrl-C reached the command as well; it may finish its own cleaning up.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        raise
    finally:
        if process.poll() is None:
            _stop(process, signal.SIGTERM)


def turn_signals_into_exits() -> None:
    """Let SIGTERM and SIGHUP unwind the stack, as Ctrl-C does, so that servers stop."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Run a command with ATTESTRY_DATABASE_URL and ATTESTRY_BROKER_URL "
        "of a private PostgreSQL and Redis."
    )
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    turn_signals_into_exits()
    with private_services() as services:
        environment = {
            **os.environ,
            "ATTESTRY_DATABASE_URL": services.database_url,
            "ATTESTRY_BROKER_URL": services.broker_url,
        }
        return run_command(arguments.command, environment)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServiceError as error:
        sys.exit(f"private_services: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
