"""How tests of oversight read a report, act with a signature and let time pass."""

from datetime import timedelta
from typing import Any

import time_machine
from django.utils import timezone

from audit.sequencer import sequence_pending
from registry.models import ModelVersion, Slot
from registry.reports.reading import read_lineage
from tests import factories

SIGNED: dict[str, Any] = {"password": factories.PASSWORD, "is_interactive": True}
METHOD = "password re-entered"


def read(version: ModelVersion) -> Any:
    """Return the report; untyped, because each test knows which parts are there."""
    return read_lineage(version, reader=version.created_by)


def slot() -> Slot:
    return Slot.objects.with_champion().get()


def in_days(days: float) -> Any:
    sequence_pending()
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)
