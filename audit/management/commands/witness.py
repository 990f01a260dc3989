"""`manage.py witness`: cosign the logs of other installations (C2SP tlog-witness)."""

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import waitress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from audit.errors import (
    ConflictError,
    DomainError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from audit.services.witness import PROOF_WRONG, SIZE_DIFFERS, add_checkpoint
from audit.storage.durable_files import SECRET, write_durably
from audit.storage.keys import witness_key
from audit.tlog.errors import MalformedError
from audit.tlog.keys import PrivateKey, SignatureType, VerifierKey

LARGEST_BODY_BYTES = 1_000_000
STATUS: dict[type[DomainError], str] = {
    InvalidError: "400 Bad Request",
    PermissionDeniedError: "403 Forbidden",
    NotFoundError: "404 Not Found",
    ConflictError: "409 Conflict",
}
Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


class Command(BaseCommand):
    """Answers POST /add-checkpoint until stopped; makes its key with --init."""

    help = "Witness other installations' logs: cosign what continues what was seen."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--init", metavar="NAME", help="make the witness's key")
        parser.add_argument(
            "--show-key", action="store_true", help="print the verifier key"
        )
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8100)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            if options["init"]:
                _make_key(options["init"])
            key = witness_key()
            if options["init"] or options["show_key"]:
                self.stdout.write(str(key.verifier_key))
                return
            logs = _witnessed_logs()
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        names = ", ".join(sorted(logs))
        self.stdout.write(
            f"{key.name} witnesses {names} on "
            f"http://{options['host']}:{options['port']}/add-checkpoint"
        )
        self.stdout.flush()
        waitress.serve(
            application(logs, key),
            host=options["host"],
            port=options["port"],
            threads=4,
            max_request_body_size=LARGEST_BODY_BYTES,
        )


def application(logs: dict[str, VerifierKey], key: PrivateKey) -> Application:
    """Return the WSGI application of a witness."""

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        kind = "text/plain; charset=utf-8"
        if environ["PATH_INFO"] != "/add-checkpoint":
            status, body = "404 Not Found", b"POST to /add-checkpoint.\n"
        elif environ["REQUEST_METHOD"] != "POST":
            status, body = "405 Method Not Allowed", b"POST to /add-checkpoint.\n"
        else:
            try:
                sent = environ["wsgi.input"].read()
                status = "200 OK"
                body = add_checkpoint(sent, logs=logs, key=key, now=timezone.now())
            except DomainError as error:
                status, body, kind = _refusal(error)
            finally:
                connection.close()
        start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def _refusal(error: DomainError) -> tuple[str, bytes, str]:
    """Return status, body and type of a refusal (tlog-witness, add-checkpoint)."""
    if error.code == SIZE_DIFFERS:
        return STATUS[ConflictError], b"%d\n" % error.extra["size"], "text/x.tlog.size"
    status = STATUS[type(error)]
    if error.code == PROOF_WRONG:
        status = "422 Unprocessable Entity"
    return status, f"{error.detail}\n".encode(), "text/plain; charset=utf-8"


def _make_key(name: str) -> None:
    path = settings.ATTESTRY_WITNESS_KEY
    if not isinstance(path, Path) or path.exists():
        raise ConflictError(
            "witness_key_exists", "This witness has its key already: go on using it."
        )
    try:
        key = PrivateKey(name, secrets.token_bytes(32), SignatureType.COSIGNATURE_V1)
    except MalformedError as error:
        raise InvalidError("witness_name_invalid", str(error)) from None
    write_durably(path, f"{key.to_text()}\n".encode(), mode=SECRET)


def _witnessed_logs() -> dict[str, VerifierKey]:
    path: Path = settings.ATTESTRY_WITNESS_LOGS
    try:
        lines = path.read_text(encoding="utf-8").split()
        logs = {key.name: key for key in map(VerifierKey.parse, lines)}
    except (OSError, UnicodeDecodeError, MalformedError) as error:
        raise ConflictError(
            "witnessed_logs_unreadable",
            f"The file {path} cannot be read ({error}): write the verifier key of each "
            f"log that is to be witnessed into it, one a line.",
        ) from None
    if not logs:
        raise ConflictError(
            "witnessed_logs_missing", f"The file {path} names no log: add one."
        )
    return logs
