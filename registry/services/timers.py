"""What ends by itself is ended here: requests, approvals, emergencies, waived gates.

What is about to end, or is overdue, is told of at the same time, and what calls for
another validation of a champion is recorded.

The timer only tidies up. Whoever decides asks the clock again, so that a timer that is
late lets nothing through.
"""

from django.db import transaction
from django.utils import timezone

from audit.services import system_account
from registry.models import PromotionRequest
from registry.models.promotion_request import PromotionRequestQuerySet
from registry.services.break_glass import end_emergencies
from registry.services.closings import expire_if_due
from registry.services.conclusions import reconsider
from registry.services.reminders import remind
from registry.services.revalidation_triggers import call_by_time


def end_what_is_over() -> int:
    """Expire what is due, reconsider what rests on nothing, end emergencies; count them."""
    now = timezone.now()
    ended = 0
    for pk in _keys(PromotionRequest.objects.due(now)):
        ended += expire_if_due(pk, now=now)
    for pk in _keys(PromotionRequest.objects.to_be_reconsidered(now)):
        with transaction.atomic():
            reconsider(pk, cause="time", actor=system_account(), now=now)
        ended += 1
    ended += end_emergencies()
    call_by_time(now)
    remind()
    return ended


def _keys(requests: PromotionRequestQuerySet) -> list[int]:
    return list(requests.order_by("pk").values_list("pk", flat=True))
