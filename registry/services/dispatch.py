"""Finds work that nobody does and hands it to a worker again.

This, not the broker's redelivery, is how work survives a crash.
"""

from collections.abc import Callable, Iterator

from django.utils import timezone

from registry.jobs import DELIVER, PRODUCE_REPORT, RUN_GATE
from registry.models import Delivery, GateRun, ReportOrder


def unfinished_work() -> Iterator[tuple[str, int]]:
    """Yield (task name, primary key) of all work that can be claimed now.

    What people wait for comes first: a receiver may take its time.
    """
    now = timezone.now()
    for task, work in (
        (RUN_GATE, GateRun.objects.all()),
        (PRODUCE_REPORT, ReportOrder.objects.all()),
        (DELIVER, Delivery.objects.all()),
    ):
        for pk in work.claimable(now).order_by("pk").values_list("pk", flat=True):
            yield task, pk


def redispatch(send: Callable[[str, int], None]) -> int:
    """Send a message for everything unfinished; doubles are harmless (claims)."""
    sent = 0
    for task, pk in unfinished_work():
        send(task, pk)
        sent += 1
    return sent
