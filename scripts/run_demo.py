#!/usr/bin/env python
"""Runs the demo from an empty installation under var/demo, or serves what it left."""

import argparse
import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from private_services import free_port, run_command, turn_signals_into_exits

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
DEMO = VAR / "demo"
CREDENTIALS = DEMO / "credentials.json"
REPORT = DEMO / "lineage-report.pdf"
SERVER_LOG = DEMO / "server.log"
START_SECONDS = 90
STOP_SECONDS = 30
LINES_OF_LOG = 30


class DemoError(Exception):
    """A part of the demo did not end as it should; the message says which."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("story", help="start over and tell the whole story")
    serving = commands.add_parser("serve", help="serve what the story left")
    serving.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    os.chdir(ROOT)
    turn_signals_into_exits()
    with _only_user_of_the_installation():
        if arguments.command == "serve":
            return _serve(arguments.port)
        _tell_story()
        return 0


@contextlib.contextmanager
def _only_user_of_the_installation() -> Iterator[None]:
    """Refuse to delete an installation that somebody is looking at."""
    VAR.mkdir(exist_ok=True)
    with (VAR / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                "another `make demo` or `make serve` uses var/demo: stop it first"
            ) from None
        yield


def _tell_story() -> None:
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir(parents=True)
    print("Making a new installation on SQLite under var/demo", flush=True)
    _manage("migrate", "--no-input", "--verbosity", "0")
    _manage("init_log")
    _manage("create_demo_accounts", "--credentials", str(CREDENTIALS))
    with _running_server() as url:
        _run(
            "the story",
            [
                *(sys.executable, "-m", "demo", "--url", url),
                *("--credentials", str(CREDENTIALS), "--report", str(REPORT)),
            ],
        )
    if not REPORT.is_file():
        raise DemoError(f"the story left no report at {REPORT}")
    print("\nVerifying the log", flush=True)
    _manage("verify_log")
    _say_how_to_look_around()


def _serve(port: int) -> int:
    if not CREDENTIALS.is_file():
        raise DemoError("there is nothing to serve yet: run `make demo` first")
    _print_accounts()
    print(f"\nhttp://127.0.0.1:{port}/admin/ (Ctrl-C stops it)", flush=True)
    return run_command(_server_command(port), _environment())


def _manage(*arguments: str) -> None:
    _run(f"manage.py {arguments[0]}", [sys.executable, "manage.py", *arguments])


def _run(title: str, command: list[str]) -> None:
    started = time.monotonic()
    code = run_command(command, _environment())
    if code != 0:
        raise DemoError(f"{title} ended with exit code {code}")
    print(f"  {title}: done in {time.monotonic() - started:.1f} s", flush=True)


def _environment() -> dict[str, str]:
    """Return the settings of the demo's installation, whatever the caller's are."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ATTESTRY_")
    }
    addresses = [kept.get("NO_PROXY", ""), "127.0.0.1", "localhost"]
    no_proxy = ",".join(filter(None, addresses))
    return {
        **kept,
        "ATTESTRY_VAR": str(DEMO),
        # Font caches of the plots and of the PDF stay inside the checkout, too.
        "MPLCONFIGDIR": str(VAR / "cache" / "matplotlib"),
        "XDG_CACHE_HOME": str(VAR / "cache"),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }


def _server_command(port: int) -> list[str]:
    return [sys.executable, "manage.py", "serve", "--port", str(port)]


@contextlib.contextmanager
def _running_server() -> Iterator[str]:
    """Run web server and worker while the caller works; stop them whatever happens."""
    port = free_port()
    with SERVER_LOG.open("wb") as log:
        server = subprocess.Popen(
            _server_command(port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(),
            # Ctrl-C shall end the story first and the server after it.
            start_new_session=True,
        )
    try:
        _wait_until_ready(server, port)
        yield f"http://127.0.0.1:{port}"
    except BaseException:
        _stop(server)
        _print_end_of_log()
        raise
    code = _stop(server)
    if code != 0:
        _print_end_of_log()
        raise DemoError(f"the server ended with exit code {code} when told to stop")


def _wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    started = time.monotonic()
    print("Starting the server", flush=True)
    while not _is_ready(port):
        if server.poll() is not None:
            raise DemoError(f"the server ended with exit code {server.returncode}")
        if time.monotonic() - started > START_SECONDS:
            raise DemoError(f"the server was not ready after {START_SECONDS} s")
        time.sleep(0.2)
    print(f"  ready in {time.monotonic() - started:.1f} s\n", flush=True)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(server: "subprocess.Popen[bytes]") -> int:
    """Stop the server and every process that it started; return its exit code."""
    if server.poll() is None:
        server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    return server.wait()


def _print_end_of_log() -> None:
    lines = SERVER_LOG.read_text(errors="replace").splitlines()[-LINES_OF_LOG:]
    print(f"\nThe end of {SERVER_LOG}:", file=sys.stderr)
    print("\n".join(f"  {line}" for line in lines), file=sys.stderr, flush=True)


def _say_how_to_look_around() -> None:
    print(f"\nThe lineage report: {REPORT}\n")
    _print_accounts()
    print(
        "\nTo look around: `make serve`, then http://127.0.0.1:8000/admin/ "
        "(another port: `make serve PORT=8080`)"
    )


def _print_accounts() -> None:
    accounts = json.loads(CREDENTIALS.read_text(encoding="utf-8"))["accounts"]
    print(f"The accounts (their API tokens too: {CREDENTIALS})")
    for role, account in accounts.items():
        password = account.get("password") or "(token only)"
        print(f"  {role:<14} {account['username']:<14} {password}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DemoError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
