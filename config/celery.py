"""
The Celery application: Redis in production, this process's memory without a broker.

The message is only a hint. What is to be done, and whether it was, stands in the
database (`registry/models/leased_work.py`), so nothing is lost with a message.
"""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("attestry")
app.conf.update(
    broker_url=settings.ATTESTRY_BROKER_URL or "memory://",
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        # Longer than the longest task; kombu looks for expired messages only every
        # unacked_restore_interval times throttle seconds.
        "visibility_timeout": 1800,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        **({} if settings.ATTESTRY_BROKER_URL else {"polling_interval": 0.05}),
    },
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_time_limit=900,
    task_soft_time_limit=840,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=100,
    worker_hijack_root_logger=False,
    beat_schedule={
        "redispatch unfinished work": {
            "task": "registry.redispatch_unfinished_work",
            "schedule": 10.0,
        },
        "sequence what a crash left pending": {
            "task": "audit.sequence_pending",
            "schedule": 10.0,
        },
    },
    beat_schedule_filename=str(settings.VAR / "celerybeat-schedule"),
)
app.autodiscover_tasks()
