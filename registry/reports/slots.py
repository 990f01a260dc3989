"""Tells who served in the slots of a model, one after the other, and how a version stands."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter

from registry import models
from registry.models import RequestState
from registry.reports.lineage import SlotChange
from registry.reports.oversight import BreakGlass, Rollback
from registry.reports.people import name_of


def history(
    promotions: Iterable[models.Promotion],
    emergencies: Sequence[BreakGlass],
    rollbacks: Iterable[Rollback],
    retirements: Sequence[models.Retirement],
) -> tuple[SlotChange, ...]:
    """Return every change of who serves, by whichever way it came, oldest first."""
    changes = [
        *map(_promotion, promotions),
        *map(_rollback, rollbacks),
        *_emergencies(emergencies, retirements),
        *_retirements(retirements, emergencies),
    ]
    return tuple(sorted(changes, key=attrgetter("changed_at")))


def _promotion(row: models.Promotion) -> SlotChange:
    return SlotChange(
        environment=row.slot.environment,
        version=row.request.model_version.number,
        how="promotion",
        changed_at=row.promoted_at,
        changed_by=name_of(row.promoted_by),
        request_number=row.request_id,
    )


def _rollback(told: Rollback) -> SlotChange:
    return SlotChange(
        environment=told.environment,
        version=told.to,
        how="rollback",
        changed_at=told.rolled_back_at,
        changed_by=told.rolled_back_by,
        request_number=told.request,
    )


def _emergencies(
    emergencies: Iterable[BreakGlass], retirements: Iterable[models.Retirement]
) -> Iterator[SlotChange]:
    for told in emergencies:
        if told.confirmed_at is None:
            continue
        yield SlotChange(
            environment=told.environment,
            version=told.version,
            how="break-glass",
            changed_at=told.confirmed_at,
            changed_by=f"{told.asked_by} and {told.confirmed_by}",
            request_number=None,
        )
        if told.ended_at is not None and told.has_lasted:
            yield SlotChange(
                environment=told.environment,
                version=_still_there(told.fallback, retirements, told.ended_at),
                how="end of the break-glass hours",
                changed_at=told.ended_at,
                changed_by="the clock",
                request_number=None,
            )


def _still_there(
    number: int | None, retirements: Iterable[models.Retirement], then: datetime
) -> int | None:
    """Return the version that a slot fell back to: none, if it had retired by then."""
    retired = any(
        row.retired_at <= then
        and (row.model_version is None or row.model_version.number == number)
        for row in retirements
    )
    return None if retired else number


def _retirements(
    retirements: Iterable[models.Retirement], emergencies: Iterable[BreakGlass]
) -> Iterator[SlotChange]:
    """Yield the slots that each retirement names; where it ended an emergency, who is back."""
    fallbacks = {
        (told.environment, told.ended_at): told.fallback for told in emergencies
    }
    for row in retirements:
        for subject in row.dependants:
            if subject.startswith("slot/"):
                environment = subject.rpartition("/")[2]
                fallback = fallbacks.get((environment, row.retired_at))
                yield SlotChange(
                    environment=environment,
                    version=_still_there(fallback, retirements, row.retired_at),
                    how="retirement",
                    changed_at=row.retired_at,
                    changed_by=row.printed_name,
                    request_number=None,
                )


def standing(
    version: models.ModelVersion,
    *,
    slots: Sequence[models.Slot],
    requests: Sequence[models.PromotionRequest],
    promotions: Iterable[models.Promotion],
    emergencies: Iterable[BreakGlass],
    is_retired: bool,
    now: datetime,
) -> str:
    """Say in a few words how a version stands; what serves in an emergency says so."""
    if is_retired:
        return "Retired"
    if serving := _serving(version, slots, now):
        return "; ".join(serving)
    if left := _left(promotions, requests):
        return "; ".join(left)
    broken = {
        told.environment
        for told in emergencies
        if told.version == version.number and told.is_confirmed
    }
    if broken:
        return f"Served in an emergency in {_listed(broken)}"
    if not requests:
        return "Registered, not proposed"
    newest = requests[0]
    state = RequestState.EXPIRED if newest.is_due(now) else RequestState(newest.state)
    return f"{state.label} for {newest.environment}"


def _serving(
    version: models.ModelVersion, slots: Iterable[models.Slot], now: datetime
) -> list[str]:
    champion: set[str] = set()
    emergency: set[str] = set()
    displaced: set[str] = set()
    for slot in slots:
        broken = slot.break_glass
        in_emergency = broken is not None and not broken.has_expired(now)
        if slot.serving(now) == version:
            (emergency if in_emergency else champion).add(slot.environment)
        elif broken and in_emergency and broken.fallback == version:
            displaced.add(slot.environment)
    told = (
        ("Serves in an emergency in", emergency),
        ("Champion in", champion),
        ("Displaced by an emergency in", displaced),
    )
    return [f"{how} {_listed(where)}" for how, where in told if where]


def _left(
    promotions: Iterable[models.Promotion],
    requests: Iterable[models.PromotionRequest],
) -> list[str]:
    """Say where the version served and how it left, by its last promotion there."""
    states = {request.pk: request.state for request in requests}
    last = {
        promotion.slot.environment: states[promotion.request_id]
        for promotion in promotions
        if promotion.request_id in states
    }
    rolled_back = {e for e, state in last.items() if state == RequestState.ROLLED_BACK}
    told = (
        ("Rolled back in", rolled_back),
        ("Superseded in", last.keys() - rolled_back),
    )
    return [f"{how} {_listed(where)}" for how, where in told if where]


def _listed(environments: Iterable[str]) -> str:
    return ", ".join(sorted(environments))
