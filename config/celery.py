"""The Celery application; its settings are the `CELERY_…` ones of `config.settings`."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("attestry")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def refuse_altered_database(**_worker: Any) -> None:
    """Start no worker on a database that is not as the migrations made it."""
    from audit import proofs  # noqa: PLC0415 - Django is set up by now
    from audit.errors import DomainError  # noqa: PLC0415

    try:
        proofs.refuse_altered_database()
    except DomainError as refusal:
        # Celery would log any other exception of a receiver and go on.
        raise SystemExit(f"{refusal.detail} ({refusal.code})") from refusal
