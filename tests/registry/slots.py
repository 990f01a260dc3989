"""What the tests of everything that moves a slot ask and do."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.sequencer import sequence_pending
from registry.models import Slot


def slot() -> Slot:
    return Slot.objects.with_champion().get()


def refused(act, *arguments, **options) -> str:
    """Return the code with which an act is refused."""
    with pytest.raises((ConflictError, PermissionDeniedError)) as refusal:
        act(*arguments, **options)
    return refusal.value.code


def in_days(days: float):
    sequence_pending()
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)


def challenge(act, version, actor):
    return act(version, environment="production", reason="To compare.", actor=actor)
