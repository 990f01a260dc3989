"""Work that a Celery worker does: claimed, leased, and found again after a crash.

A message may come twice, late or never. The row decides: a claim is one conditional
UPDATE, the lease is renewed while the work runs, and a result is fenced by the number
of the claim, so that a worker that was given up writes nothing.
"""

from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import F, Q


class WorkState(models.TextChoices):
    """Pending leads to running, running to done (or to running under a new claim)."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"


class LeasedWorkQuerySet(models.QuerySet[Any]):
    """The moves of a piece of work, each one UPDATE whose row count is the answer."""

    def unfinished(self) -> Self:
        return self.exclude(work_state=WorkState.DONE)

    def claimable(self, now: datetime) -> Self:
        """Return work that nobody does: pending, or with a lease that ran out."""
        return self.filter(
            Q(work_state=WorkState.PENDING)
            | Q(work_state=WorkState.RUNNING, lease_until__lt=now)
        )

    def claim(self, pk: int, *, now: datetime, lease: timedelta) -> int | None:
        """Take the work; return the number of the claim, None if it is not to be had."""
        claimed = (
            self.claimable(now)
            .filter(pk=pk)
            .update(
                work_state=WorkState.RUNNING,
                claims=F("claims") + 1,
                lease_until=now + lease,
            )
        )
        claims: int | None = self.values_list("claims", flat=True).get(pk=pk)
        return claims if claimed else None

    def renew(self, pk: int, *, claim: int, until: datetime) -> bool:
        return bool(self._held(pk, claim).update(lease_until=until))

    def finish(self, pk: int, *, claim: int) -> bool:
        """Close the work; False says that another claim has taken it over."""
        return bool(self._held(pk, claim).update(work_state=WorkState.DONE))

    def _held(self, pk: int, claim: int) -> Self:
        return self.filter(pk=pk, claims=claim, work_state=WorkState.RUNNING)


class LeasedWork(models.Model):
    """The columns that a piece of work needs to survive its worker."""

    work_state = models.CharField(
        max_length=10, choices=WorkState, default=WorkState.PENDING, db_index=True
    )
    claims = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
