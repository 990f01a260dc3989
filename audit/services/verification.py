"""Verifies the log, keeps what was found, and alarms when the log is not intact."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import proofs
from audit.events import AuditEvent
from audit.models import Head, Verification, VerificationMode, VerificationTurn
from audit.proofs import Fault, LogVerification
from audit.services.alarms import raise_alarm
from audit.services.recording import record, system_account
from audit.storage import keys

KEPT_FAULTS = 20
logger = logging.getLogger(__name__)


def verify_log(
    log: Head,
    *,
    mode: VerificationMode,
    found_before: Iterable[Fault] = (),
    progress: Callable[[int, int], None] | None = None,
) -> LogVerification:
    """Verify a log fully or incrementally and keep what was found.

    `found_before` are faults that the caller has met on its way here.
    """
    started_at = timezone.now()
    found = proofs.verify_log(
        progress, log=log, is_incremental=mode == VerificationMode.INCREMENTAL
    )
    faults = (*found.faults, *found_before)
    _keep(log, mode, found.head.size, faults, started_at)
    return replace(found, faults=faults)


def scrub_log() -> tuple[range, tuple[Fault, ...]]:
    """Verify one bundle of the current log, chosen at random, and keep what is bad."""
    started_at, log = timezone.now(), Head.objects.current()
    read, faults = proofs.scrub()
    _keep(log, VerificationMode.SCRUB, log.size, faults, started_at)
    return read, faults


def verify_when_due() -> VerificationMode | None:
    """Do the most thorough verification whose turn it is; return which one it was."""
    for mode, seconds in _periods().items():
        if take_turn(mode, every_seconds=seconds):
            _say_when_late()
            _verify_every_log(mode)
            return mode
    return None


def take_turn(mode: str, *, every_seconds: int) -> bool:
    """Say whether a verification is due, and that the caller does it; 0 is never."""
    period = timedelta(seconds=every_seconds)
    return bool(every_seconds) and VerificationTurn.objects.take(
        mode, now=timezone.now(), period=period
    )


def _say_when_late() -> None:
    now = proofs.soundness()
    if now.is_late:
        logger.error(
            "An event has waited %.0f seconds to be sealed: see whether manage.py "
            "sequence runs.",
            now.lag.total_seconds(),
        )
    if now.is_overdue:
        logger.error(
            "No full verification has found the log intact since %s.", now.verified_at
        )


def _periods() -> dict[VerificationMode, int]:
    return {
        VerificationMode.FULL: settings.ATTESTRY_LOG_VERIFY_FULL_EVERY_SECONDS,
        VerificationMode.INCREMENTAL: settings.ATTESTRY_LOG_VERIFY_NEW_EVERY_SECONDS,
        VerificationMode.SCRUB: settings.ATTESTRY_LOG_SCRUB_EVERY_SECONDS,
    }


def _verify_every_log(mode: VerificationMode) -> None:
    if mode == VerificationMode.SCRUB:
        scrub_log()
        return
    for log in Head.objects.order_by("pk"):
        if log.is_current or mode == VerificationMode.FULL:
            verify_log(log, mode=mode)


def _keep(
    log: Head,
    mode: VerificationMode,
    size: int,
    faults: tuple[Fault, ...],
    started_at: datetime,
) -> None:
    if not faults and mode != VerificationMode.FULL:
        return
    with transaction.atomic():
        # One at a time, so that each change of state is told once.
        VerificationTurn.objects.select_for_update().get_or_create(
            mode=VerificationMode.FULL, defaults={"taken_at": started_at}
        )
        was_intact = not Verification.objects.open_findings().exists()
        kept = Verification.objects.create(
            log=log,
            mode=mode,
            started_at=started_at,
            finished_at=timezone.now(),
            size=size,
            saw_guard=keys.may_sign(),
            is_intact=not faults,
            first_bad_index=min(
                (f.index for f in faults if f.index is not None), default=None
            ),
            faults="\n".join(fault.sentence for fault in faults[:KEPT_FAULTS]),
        )
        is_intact = not Verification.objects.open_findings().exists()
        if was_intact != is_intact:
            _tell(kept)
    if faults and was_intact:
        raise_alarm("The audit log is NOT intact.", kept.faults)


def _tell(found: Verification) -> None:
    kind = (
        AuditEvent.LOG_FOUND_INTACT if found.is_intact else AuditEvent.LOG_FOUND_ALTERED
    )
    record(
        kind,
        actor=system_account(),
        subject=f"log/{found.log.origin}",
        payload={
            "mode": found.mode,
            "size": found.size,
            "first_bad_index": found.first_bad_index,
        },
    )
