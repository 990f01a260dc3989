"""Says whether the log can be relied on now, and refuses what must not rest on it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import DateTimeField, Max, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from audit.errors import ConflictError
from audit.models import Event, Pending, Verification, VerificationMode

OVERDUE_PERIODS = 2


@dataclass(frozen=True)
class Soundness:
    """What was found altered and not refuted, and how long an event waits by now.

    `verified_at` is when a full verification last found the current log intact, or
    else when the first entry was made.
    """

    finding: Verification | None
    lag: timedelta
    verified_at: datetime | None

    @property
    def is_intact(self) -> bool:
        return self.finding is None

    @property
    def is_late(self) -> bool:
        return _exceeds(self.lag, settings.ATTESTRY_LOG_LAG_ALARM_SECONDS)

    @property
    def is_overdue(self) -> bool:
        """Say whether full verifications have stopped, whoever should make them."""
        period = settings.ATTESTRY_LOG_VERIFY_FULL_EVERY_SECONDS
        if not period or self.verified_at is None:
            return False
        return _exceeds(timezone.now() - self.verified_at, OVERDUE_PERIODS * period)

    @property
    def is_silent(self) -> bool:
        return _exceeds(self.lag, settings.ATTESTRY_LOG_LAG_REFUSES_SECONDS)


def soundness() -> Soundness:
    finding = Verification.objects.open_findings().first()
    return Soundness(finding, _lag(), _verified_since())


def last_verified_at() -> datetime | None:
    """Return when a full verification last found the log intact."""
    intact = Verification.objects.filter(mode=VerificationMode.FULL, is_intact=True)
    return intact.order_by("-pk").values_list("finished_at", flat=True).first()


def refuse_unsound_log() -> None:
    """Refuse a decision that would rest on a log which is altered or stands still."""
    now = soundness()
    if now.finding:
        where = now.finding.first_bad_index
        at = "" if where is None else f", first at entry {where}"
        raise ConflictError(
            "log_not_intact",
            f"The audit log was found altered{at}, so nothing is signed or promoted. "
            f"Have it put right; a full manage.py verify_log that finds it intact "
            f"lifts this.",
            first_bad_index=where,
        )
    if now.is_silent:
        raise ConflictError(
            "log_silent",
            f"The audit log has sealed nothing for {now.lag.total_seconds():.0f} "
            f"seconds, so nothing is signed or promoted. Have manage.py sequence "
            f"started, and try again.",
        )


def _verified_since() -> datetime | None:
    intact = Verification.objects.filter(
        mode=VerificationMode.FULL, is_intact=True, log__is_current=True
    )
    first = Event.objects.order_by("pk").values("recorded_at")[:1]
    since = intact.aggregate(
        at=Coalesce(Max("finished_at"), Subquery(first, output_field=DateTimeField()))
    )
    found: datetime | None = since["at"]
    return found


def _lag() -> timedelta:
    waiting = Pending.objects.order_by("event_id")
    oldest = waiting.values_list("event__recorded_at", flat=True).first()
    # A clock that was set back makes no event wait for a negative time.
    return max(timezone.now() - oldest, timedelta()) if oldest else timedelta()


def _exceeds(lag: timedelta, seconds: int) -> bool:
    """Compare with a bound of which 0 says that there is none."""
    return bool(seconds) and lag > timedelta(seconds=seconds)
