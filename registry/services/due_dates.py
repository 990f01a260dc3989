"""When the champions of slots must be validated again; reading only."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from registry.models import (
    ModelCard,
    Promotion,
    RegisteredModel,
    Revalidation,
    RevalidationTrigger,
    Slot,
)
from registry.models.tier import Tier

# Governance table of tiers; None: only when something calls for it.
INTERVAL_MONTHS: dict[Tier, int | None] = {
    Tier.CRITICAL: 12,
    Tier.HIGH: 12,
    Tier.MODERATE: 24,
    Tier.LOW: None,
}
# How long a champion that is due may go on serving while somebody validates it.
GRACE = timedelta(days=30)
INTERVAL_END = "interval_end"


@dataclass(frozen=True)
class Due:
    """When a champion is due, and what called for it; `at` None says that nothing does."""

    validated_at: datetime | None
    at: datetime | None
    why: str

    def is_due(self, now: datetime) -> bool:
        return self.at is not None and self.at <= now

    def is_denied(self, now: datetime) -> bool:
        return self.at is not None and self.at + GRACE <= now


def due_dates(slots: Iterable[Slot], now: datetime) -> dict[int, Due]:
    """Return by slot when its champion is due, in four queries however many slots.

    What was validated when its approval was given, or revalidated since, is due when the
    interval ends, or at once when a trigger was recorded later than that.
    """
    serving = {slot.pk: slot for slot in slots if slot.serving(now)}
    validated = _validated_at(serving, now)
    months = _months(serving.values())
    triggers = _triggers(serving.values())
    return {
        pk: _due(slot, validated.get(pk), months, triggers, now)
        for pk, slot in serving.items()
    }


def add_months(moment: datetime, months: int) -> datetime:
    """Return the same day some months later, or the last day of a shorter month."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _due(
    slot: Slot,
    validated_at: datetime | None,
    months: dict[int, int | None],
    triggers: dict[int, list[RevalidationTrigger]],
    now: datetime,
) -> Due:
    version = slot.serving(now)
    if validated_at is None or version is None:
        return Due(None, None, "")
    interval = months[slot.registered_model_id]
    calls = [
        (trigger.recorded_at, str(trigger.kind))
        for trigger in triggers[slot.registered_model_id]
        if trigger.recorded_at > validated_at
        and trigger.model_version_id in {None, version.pk}
    ]
    if interval:
        calls.append((add_months(validated_at, interval), INTERVAL_END))
    at, why = min(calls, default=(None, ""))
    return Due(validated_at, at, why)


def _validated_at(serving: dict[int, Slot], now: datetime) -> dict[int, datetime]:
    newest: dict[int, datetime] = {}
    approved = Promotion.objects.filter(slot__in=serving).values_list(
        "slot", "request__model_version", Max("request__approved_at")
    )
    signed = Revalidation.objects.filter(slot__in=serving).values_list(
        "slot", "model_version", Max("signed_at")
    )
    for slot_pk, version_pk, moment in (*approved, *signed):
        version = serving[slot_pk].serving(now)
        if version and version.pk == version_pk and moment:
            newest[slot_pk] = max(moment, newest.get(slot_pk, moment))
    return newest


def longest_interval(model: RegisteredModel) -> int | None:
    """Return after how many months a model is validated again at the latest.

    None: whenever something calls for it. Who has no tier is judged as critical.
    """
    return INTERVAL_MONTHS[Tier(model.tier or Tier.CRITICAL)]


def _months(slots: Iterable[Slot]) -> dict[int, int | None]:
    """Return the interval by model: that of its tier, or a shorter one of its card."""
    models = {slot.registered_model_id: slot.registered_model for slot in slots}
    stated = ModelCard.objects.newest().filter(
        registered_model__in=models, revalidation_months__isnull=False
    )
    own = dict(stated.values_list("registered_model", "revalidation_months"))
    return {
        pk: min(filter(None, (own.get(pk), longest_interval(model))), default=None)
        for pk, model in models.items()
    }


def _triggers(slots: Iterable[Slot]) -> dict[int, list[RevalidationTrigger]]:
    found: dict[int, list[RevalidationTrigger]] = defaultdict(list)
    models = {slot.registered_model_id for slot in slots}
    recorded = RevalidationTrigger.objects.filter(registered_model__in=models)
    for trigger in recorded.order_by("recorded_at"):
        found[trigger.registered_model_id].append(trigger)
    return found
