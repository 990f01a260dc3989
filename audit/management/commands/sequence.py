"""`manage.py sequence`: index, sign and publish what is recorded, until stopped."""

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from audit.errors import DomainError
from audit.models import Head
from audit.proofs import refuse_altered_database
from audit.sequencer import ask_witnesses, publish, seal_pending, succeeds
from audit.storage.guard import path_of, write_guard
from audit.storage.keys import signing_keys

PERIOD_SECONDS = 0.1
# Each pass writes whole files anew; what is signed is safe before it is published.
PUBLISH_SECONDS = 0.5
# After a refusal somebody has to act; asking again ten times a second helps nobody.
REFUSED_SECONDS = 5.0
FAILED_SECONDS = 1.0
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Runs in production as a process of its own, the only one with the log's key.

    Several may run: they take turns at the lock of the head.
    """

    help = "Give recorded events their index, sign and publish the log, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--period-ms", type=int, default=int(PERIOD_SECONDS * 1000), metavar="MS"
        )
        parser.add_argument(
            "--new-guard",
            action="store_true",
            help="believe the database once, where the guard is lost for good",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            refuse_altered_database()
            signing_keys()
            head = Head.objects.current()
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        except Head.DoesNotExist:
            raise CommandError("There is no log yet: run manage.py init_log.") from None
        if options["new_guard"]:
            _write_new_guard(head)
        _sequence_until_stopped(options["period_ms"] / 1000)


def _write_new_guard(head: Head) -> None:
    if path_of(head).exists():
        raise CommandError(
            f"The guard {path_of(head)} is there: it is not lost, so it counts."
        )
    write_guard(head, head.size, bytes(head.root))


def _sequence_until_stopped(period_seconds: float) -> None:
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    # A slow disk under the published folder, or a slow witness, delays no signature.
    beside = [(publish, max(period_seconds, PUBLISH_SECONDS))]
    if settings.ATTESTRY_LOG_WITNESS_POLICY:
        beside.append((ask_witnesses, settings.ATTESTRY_LOG_WITNESS_EVERY_SECONDS))
    threads = [
        threading.Thread(target=_repeat, args=(step, stopped, period), daemon=True)
        for step, period in beside
    ]
    for thread in threads:
        thread.start()
    _repeat(seal_pending, stopped, period_seconds)
    for thread in threads:
        thread.join()


def _repeat(
    step: Callable[[], object], stopped: threading.Event, period_seconds: float
) -> None:
    pause = period_seconds
    while not stopped.wait(pause):
        try:
            pause = period_seconds if succeeds(step) else REFUSED_SECONDS
        except (DatabaseError, OSError):
            logger.exception("A pass of the sequencer failed; the next one repeats it.")
            connection.close()
            pause = FAILED_SECONDS
    connection.close()
