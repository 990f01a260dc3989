"""Each month a sample of what nobody had to sign is called for validation.

Models of tier 4 are approved automatically (governance, section 3); a validator looks at
a part of that afterwards. Nobody knows before what is drawn, as that depends on the root
of the log when the month was over; whoever knows that root draws the same sample.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from math import ceil

from django.db import transaction
from django.db.models import Exists, OuterRef

from audit.proofs import log_head, trail
from audit.services import record, system_account
from registry.events import RegistryEvent
from registry.models import (
    PromotionRequest,
    RequestState,
    SignOff,
    Slot,
)
from registry.models.promotion_request import PromotionRequestQuerySet
from registry.models.revalidation import TriggerKind
from registry.services.due_dates import add_months
from registry.services.revalidation_triggers import add_trigger
from tracking.models import Workspace

DRAWN_OF = 10
# So that a worker that stood still for a while leaves no month out.
MONTHS_LOOKED_BACK = 3


def draw_sample_reviews(now: datetime) -> int:
    """Draw the samples of months that are over and were not drawn; return how many were.

    Safe to call any number of times. What has no sample yet is looked at again, because a
    rollback may let a version serve again that was promoted in that month.
    """
    return sum(
        _drawn(workspace, month, now)
        for month in _last_months(now)
        for workspace in _workspaces_to_draw_in(month)
    )


def drawn_from(requests: Iterable[int], *, root: str) -> list[int]:
    """Return a tenth of some requests, and at least one, as numbers in ascending order.

    Those of which the SHA-256 of `<root>/<number>` is lowest; the root is the log's when
    it is drawn, in hexadecimal.
    """
    ranked = sorted(requests, key=lambda pk: sha256(f"{root}/{pk}".encode()).digest())
    return sorted(ranked[: ceil(len(ranked) / DRAWN_OF)])


def digest_of_requests(requests: Iterable[int]) -> str:
    """Return the SHA-256 of the numbers, ascending, each with a line feed."""
    lines = "".join(f"{pk}\n" for pk in sorted(requests))
    return f"sha256:{sha256(lines.encode()).hexdigest()}"


def _workspaces_to_draw_in(month: datetime) -> list[Workspace]:
    found = _approved_by_nobody(month).values(
        "model_version__registered_model__workspace"
    )
    return list(Workspace.objects.filter(pk__in=found).order_by("pk"))


def _drawn(workspace: Workspace, month: datetime, now: datetime) -> bool:
    """Draw for a month in one workspace, unless the log tells that it was done."""
    name = f"{month:%Y-%m}"
    with transaction.atomic():
        # Two workers may look at once, and rows of append-only tables are not locked.
        # Not its key, which whoever inserts a notification wants as well.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        drawn_before = trail(
            [workspace.subject], kinds=[RegistryEvent.SAMPLE_REVIEW_DRAWN]
        )
        if any(entry.payload["month"] == name for entry in drawn_before):
            return False
        found = _approved_by_nobody(month).filter(
            model_version__registered_model__workspace=workspace
        )
        requests = {request.pk: request for request in found.with_subject()}
        head = log_head()
        drawn = drawn_from(requests, root=head.root)
        record(
            RegistryEvent.SAMPLE_REVIEW_DRAWN,
            actor=system_account(),
            subject=workspace.subject,
            payload={
                "month": name,
                "population": len(requests),
                "population_digest": digest_of_requests(requests),
                "tree": {"size": head.size, "root": head.root},
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
                cause=f"sample-review/{workspace.name}/{name}",
                detail=f"It was drawn from {len(requests)} that were approved "
                f"automatically and promoted in {name}.",
                actor=system_account(),
                now=now,
            )
    return True


def _approved_by_nobody(month: datetime) -> PromotionRequestQuerySet:
    """Return a month's promotions that nobody signed and that serve still.

    They are of tier 4: at every other somebody has to sign (`tier.rules_of`).
    """
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
        promotion__promoted_at__gte=month,
        promotion__promoted_at__lt=add_months(month, 1),
    ).order_by("pk")


def _last_months(now: datetime) -> list[datetime]:
    """Return when each of the last calendar months began, in UTC, the oldest first."""
    begun = now.astimezone(UTC).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    return [add_months(begun, -back) for back in range(MONTHS_LOOKED_BACK, 0, -1)]
