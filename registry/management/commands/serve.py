"""`manage.py serve`: the whole of Attestry in one process tree, with nothing to install.

The parent starts a web server and a worker, starts again what dies, and stops both.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.proofs import refuse_altered_database

RESTART_AFTER_SECONDS = 1.0
STOP_WITHIN_SECONDS = 20.0


class Command(BaseCommand):
    """Listens on 127.0.0.1 unless told otherwise."""

    help = "Serve the web pages and APIs and run the worker, until interrupted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument(
            "--port", type=int, default=int(os.environ.get("PORT") or 8000)
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            refuse_altered_database()
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        _refuse_taken_port(options["host"], options["port"])
        commands = [_web(options["host"], options["port"])]
        if not settings.ATTESTRY_BROKER_URL:
            commands.append([sys.executable, sys.argv[0], "work"])
        self.stdout.write(
            f"Attestry listens on http://{options['host']}:{options['port']}/ "
            f"(admin: /admin/, API: /api/v1/docs/, health: /health/). "
            f"Ctrl-C stops it."
        )
        self.stdout.flush()
        _supervise(commands)


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port} ({error.strerror}): stop what listens "
                f"there, or choose another port with --port or PORT."
            ) from None


def _web(host: str, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "waitress",
        f"--listen={host}:{port}",
        "--threads=8",
        f"--max-request-body-size={settings.ATTESTRY_ARTIFACT_MAX_BYTES}",
        "config.wsgi:application",
    ]


def _supervise(commands: list[list[str]]) -> None:
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    children = [_start(command) for command in commands]
    while not stopping:
        time.sleep(0.1)
        for place, child in enumerate(children):
            if child.poll() is not None and not stopping:
                time.sleep(RESTART_AFTER_SECONDS)
                children[place] = _start(commands[place])
    _stop(children)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command)  # noqa: S603 - our own command


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_WITHIN_SECONDS
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
