"""Names the background tasks and hands them to the broker, after commit.

The message is a hint: without a broker nothing is sent, and the worker finds unfinished
work in the database (`registry/services/dispatch.py`).
"""

from functools import partial

from celery import current_app
from django.conf import settings
from django.db import transaction

RUN_GATE = "registry.run_gate"
PRODUCE_REPORT = "registry.produce_report"
END_WHAT_IS_OVER = "registry.end_what_is_over"
DRAW_SAMPLE_REVIEWS = "registry.draw_sample_reviews"
DELIVER = "registry.deliver"
VERIFY_SIGN_OFFS_WHEN_DUE = "registry.verify_sign_offs_when_due"
REDISPATCH_UNFINISHED_WORK = "registry.redispatch_unfinished_work"


def run_gate_later(gate_run_pk: int) -> None:
    transaction.on_commit(partial(hint, RUN_GATE, gate_run_pk), robust=True)


def produce_report_later(order_pk: int) -> None:
    transaction.on_commit(partial(hint, PRODUCE_REPORT, order_pk), robust=True)


def deliver_later(delivery_pk: int) -> None:
    transaction.on_commit(partial(hint, DELIVER, delivery_pk), robust=True)


def hint(task: str, pk: int) -> None:
    """Send a message if there is a broker; a broker that is down costs one second."""
    if settings.ATTESTRY_BROKER_URL:
        send(task, pk)


def send(task: str, pk: int) -> None:
    current_app.send_task(task, args=[pk], retry=False)
