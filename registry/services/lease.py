"""Keeps a worker's lease while it works, so that nobody else starts the same work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from registry.models.leased_work import LeasedWorkQuerySet


def lease() -> timedelta:
    return timedelta(seconds=settings.ATTESTRY_LEASE_SECONDS)


@contextmanager
def lease_kept(work: LeasedWorkQuerySet, pk: int, *, claim: int) -> Iterator[None]:
    """Renew the lease three times within its life, from a thread of its own."""
    stopped = threading.Event()

    def renew() -> None:
        while not stopped.wait(lease().total_seconds() / 3):
            work.renew(pk, claim=claim, until=timezone.now() + lease())
        connection.close()

    thread = threading.Thread(target=renew, name=f"lease-{pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
