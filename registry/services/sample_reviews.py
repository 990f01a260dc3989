"""Each month a sample of what nobody had to sign is called for validation.

Models of tier 4 are approved automatically (governance, section 3); a validator looks at
a part of that afterwards. Who knows the month and the requests draws the same sample.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from math import ceil

from django.db import transaction
from django.db.models import Exists, OuterRef

from audit.services import record, system_account
from registry.events import RegistryEvent
from registry.models import (
    PromotionRequest,
    RequestState,
    RevalidationTrigger,
    SignOff,
    Slot,
)
from registry.models.promotion_request import PromotionRequestQuerySet
from registry.models.revalidation import TriggerKind
from registry.services.due_dates import add_months
from registry.services.revalidation_triggers import add_trigger
from tracking.models import Workspace

DRAWN_OF = 10


def draw_sample_reviews(now: datetime) -> int:
    """Draw last month's sample wherever it was not drawn; return how many were.

    Safe to call any number of times. What has no sample yet is looked at again, because a
    rollback may let a version serve again that was promoted in that month.
    """
    return sum(_drawn(workspace, now) for workspace in _workspaces_to_draw_in(now))


def drawn_from(requests: Iterable[int], *, month: str) -> list[int]:
    """Return a tenth of some requests, and at least one, as numbers in ascending order.

    Those of which the SHA-256 of `<month>/<number>` is lowest, the month as `2026-03`.
    """
    ranked = sorted(requests, key=lambda pk: sha256(f"{month}/{pk}".encode()).digest())
    return sorted(ranked[: ceil(len(ranked) / DRAWN_OF)])


def digest_of_requests(requests: Iterable[int]) -> str:
    """Return the SHA-256 of the numbers, ascending, each with a line feed."""
    lines = "".join(f"{pk}\n" for pk in sorted(requests))
    return f"sha256:{sha256(lines.encode()).hexdigest()}"


def _workspaces_to_draw_in(now: datetime) -> list[Workspace]:
    found = _approved_by_nobody(now).values(
        "model_version__registered_model__workspace"
    )
    return list(Workspace.objects.filter(pk__in=found).order_by("pk"))


def _drawn(workspace: Workspace, now: datetime) -> bool:
    """Draw in one workspace, unless that was done."""
    month = f"{_last_month(now)[0]:%Y-%m}"
    cause = f"sample-review/{workspace.name}/{month}"
    with transaction.atomic():
        # Two workers may look at once, and rows of append-only tables are not locked.
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        if RevalidationTrigger.objects.filter(cause=cause).exists():
            return False
        found = _approved_by_nobody(now).filter(
            model_version__registered_model__workspace=workspace
        )
        requests = {request.pk: request for request in found.with_subject()}
        drawn = drawn_from(requests, month=month)
        record(
            RegistryEvent.SAMPLE_REVIEW_DRAWN,
            actor=system_account(),
            subject=workspace.subject,
            payload={
                "month": month,
                "population": len(requests),
                "population_digest": digest_of_requests(requests),
                "drawn": drawn,
            },
        )
        # A version that serves in several environments is looked at once.
        versions = dict.fromkeys(requests[pk].model_version for pk in drawn)
        for version in versions:
            add_trigger(
                version.registered_model,
                version=version,
                kind=TriggerKind.SAMPLE_REVIEW,
                cause=cause,
                detail=f"It was drawn from {len(requests)} that were approved "
                f"automatically and promoted in {month}.",
                actor=system_account(),
                now=now,
            )
    return True


def _approved_by_nobody(now: datetime) -> PromotionRequestQuerySet:
    """Return last month's promotions that nobody signed and that serve still.

    They are of tier 4: at every other somebody has to sign (`tier.rules_of`).
    """
    begin, end = _last_month(now)
    signed = SignOff.objects.filter(
        request=OuterRef("pk"), subject_digest=OuterRef("subject_digest")
    )
    serves = Slot.objects.filter(
        champion=OuterRef("model_version"), environment=OuterRef("environment")
    )
    return PromotionRequest.objects.filter(
        ~Exists(signed),
        Exists(serves),
        state=RequestState.PROMOTED,
        promotion__promoted_at__gte=begin,
        promotion__promoted_at__lt=end,
    ).order_by("pk")


def _last_month(now: datetime) -> tuple[datetime, datetime]:
    """Return when the last calendar month began and when it ended, in UTC."""
    end = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return add_months(end, -1), end
