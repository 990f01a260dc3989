"""Lets one act overtake another, each in a transaction and on a connection of its own."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import connection, connections, transaction

from audit.errors import ConflictError

SECONDS = 60
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
Act = Callable[[], Any]


def outcome_of(act: Act) -> str:
    try:
        act()
    except ConflictError as refusal:
        return refusal.code
    return "done"


def overtaken(slower: Act, quicker: Act) -> tuple[str, str]:
    """Return what comes of two acts, the second of which begins while the first goes on.

    The first is not committed before the second is through or waits for it.
    """

    def second() -> str:
        try:
            return outcome_of(quicker)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first = outcome_of(slower)
            future = pool.submit(second)
            until_done_or_waiting(future)
        return first, future.result(timeout=SECONDS)


def until_done_or_waiting(future: Future[str]) -> None:
    deadline = time.monotonic() + SECONDS
    while not future.done() and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
