"""`manage.py work`: the worker of an installation without a broker.

One process: a thread finds unfinished work in the database and hands it to a Celery
worker (pool `solo`) over memory. With a broker, run `celery -A config worker` instead.
"""

import logging
import threading
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.utils import timezone

from audit.errors import DomainError
from audit.sequencer import ask_witnesses, sequence_in_background
from audit.services import send_copies_when_due, verify_when_due
from registry.jobs import send
from registry.services.dispatch import unfinished_work
from registry.services.sample_reviews import draw_sample_reviews
from registry.services.sign_off_verification import verify_sign_offs_when_due
from registry.services.timers import end_what_is_over
from tracking.services.role_grants import put_roles_into_effect
from tracking.services.sealing import seal_what_was_written_to

POLL_SECONDS = 0.25
VERIFY_SECONDS = 10.0
END_SECONDS = 10.0
SEAL_SECONDS = 30.0
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Runs until a signal stops it."""

    help = "Run gates and reports in this process (installations without a broker)."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if settings.ATTESTRY_BROKER_URL:
            raise CommandError(
                "ATTESTRY_BROKER_URL is set: run `celery -A config worker` instead."
            )
        stopped = threading.Event()
        threads = [
            threading.Thread(target=target, args=(stopped,), daemon=True)
            for target in (_relay, _verify, _end_what_is_over, _seal)
        ]
        for thread in threads:
            thread.start()
        worker = current_app.Worker(
            pool="solo",
            concurrency=1,
            loglevel=settings.LOG_LEVEL,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        worker.start()
        stopped.set()
        for thread in threads:
            thread.join()


def _relay(stopped: threading.Event) -> None:
    """Send each piece of work once while it waits; again when its lease has run out."""
    sent: set[tuple[str, int]] = set()
    while not stopped.wait(POLL_SECONDS):
        try:
            waiting = list(unfinished_work())
            sequence_in_background()
        except (DatabaseError, OSError):
            connection.close()
            continue
        for task, pk in waiting:
            if (task, pk) not in sent:
                send(task, pk)
        sent = set(waiting)
    connection.close()


def _end_what_is_over(stopped: threading.Event) -> None:
    """Expire and reconsider beside the work, as beat has it done elsewhere."""
    while not stopped.wait(END_SECONDS):
        try:
            end_what_is_over()
            draw_sample_reviews(timezone.now())
        except Exception:
            # Whoever decides asks the clock as well, so that being late is no harm.
            logger.exception("Ending what is over failed; it goes on.")
            connection.close()
    connection.close()


def _seal(stopped: threading.Event) -> None:
    """Seal again what was written to, beside the work, as beat has it done elsewhere."""
    while not stopped.wait(SEAL_SECONDS):
        try:
            seal_what_was_written_to()
        except Exception:
            # What was not sealed is found again.
            logger.exception("Sealing runs again failed; it goes on.")
            connection.close()
    connection.close()


def _verify(stopped: threading.Event) -> None:
    """Do what is due by the clock, beside the work, as beat has it done elsewhere."""
    while not stopped.wait(VERIFY_SECONDS):
        try:
            verify_when_due()
            verify_sign_offs_when_due()
            send_copies_when_due()
            put_roles_into_effect()
            if settings.ATTESTRY_LOG_WITNESS_POLICY:
                ask_witnesses()
        except DomainError as refusal:
            logger.error("%s (%s)", refusal.detail, refusal.code)  # noqa: TRY400 - the sentence says what to do, a traceback would not
        except Exception:
            # Whatever it was, the log must not go unwatched from now on.
            logger.exception("Watching the log failed; it goes on.")
            connection.close()
    connection.close()
