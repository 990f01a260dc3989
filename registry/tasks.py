"""Celery tasks of the registry: doors, one line each."""

import secrets

from celery import shared_task
from django.utils import timezone

from registry import jobs
from registry.reports import production
from registry.services import (
    deliveries,
    dispatch,
    gate_runs,
    sample_reviews,
    sign_off_verification,
    timers,
)

VERIFICATION_SECONDS = 6 * 3600


@shared_task(name=jobs.RUN_GATE)
def run_gate(gate_run_pk: int) -> None:
    gate_runs.run_gate(gate_run_pk)


@shared_task(name=jobs.PRODUCE_REPORT)
def produce_report(order_pk: int) -> None:
    production.produce_report(order_pk)


@shared_task(name=jobs.DELIVER)
def deliver(delivery_pk: int) -> None:
    deliveries.deliver(delivery_pk, jitter=secrets.SystemRandom().random)


@shared_task(name=jobs.REDISPATCH_UNFINISHED_WORK)
def redispatch_unfinished_work() -> None:
    dispatch.redispatch(jobs.send)


@shared_task(name=jobs.END_WHAT_IS_OVER)
def end_what_is_over() -> None:
    timers.end_what_is_over()


@shared_task(name=jobs.DRAW_SAMPLE_REVIEWS)
def draw_sample_reviews() -> None:
    sample_reviews.draw_sample_reviews(timezone.now())


# Many requests take longer than any other task may.
@shared_task(
    name=jobs.VERIFY_SIGN_OFFS_WHEN_DUE,
    time_limit=VERIFICATION_SECONDS,
    soft_time_limit=VERIFICATION_SECONDS - 60,
)
def verify_sign_offs_when_due() -> None:
    sign_off_verification.verify_sign_offs_when_due()
