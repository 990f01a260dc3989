"""Reads waivers, attestations, and how requests, emergencies and versions ended."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from registry import models
from registry.reports.lineage import Attestation, Closing, Waiver
from registry.reports.oversight import BreakGlass, Retirement, Rollback
from registry.reports.people import name_of
from registry.reports.sight import Sight

IN_FORCE = "in force"


def waivers(version: models.ModelVersion, now: datetime) -> tuple[Waiver, ...]:
    """Return every waiver of the version, ended ones and those not granted too."""
    asked = models.Waiver.objects.filter(request__model_version=version)
    return tuple(
        Waiver(
            number=row.pk,
            gate=row.gate,
            scope=row.get_scope_display(),
            standing=row.standing(now),
            reason=row.reason,
            compensating_control=row.compensating_control,
            residual_risk=row.residual_risk,
            requested_by=name_of(row.requested_by),
            starts_at=row.starts_at,
            expires_at=row.expires_at,
            renews=row.renews_id,
            approved_by=tuple(given.printed_name for given in row.approvals.all()),
            **_withdrawal(row),
        )
        for row in asked.with_people().order_by("pk")
    )


def attestations(
    version: models.ModelVersion, now: datetime
) -> tuple[Attestation, ...]:
    given = models.Attestation.objects.filter(model_version=version)
    return tuple(
        Attestation(
            kind=row.kind,
            source=row.source,
            standing=row.standing(now),
            statement=row.statement,
            link=row.link,
            evidence_sha256=row.evidence_sha256,
            attested_by=row.printed_name,
            attested_at=row.attested_at,
            expires_at=row.expires_at,
            **_withdrawal(row),
        )
        for row in given.with_people().order_by("pk")
    )


def closings(requests: Iterable[models.PromotionRequest]) -> tuple[Closing, ...]:
    ended = [request for request in requests if hasattr(request, "closing")]
    return tuple(
        Closing(
            request=request.pk,
            state=request.closing.state,
            reason=request.closing.reason,
            closed_by=request.closing.printed_name
            or name_of(request.closing.closed_by),
            role=request.closing.role,
            closed_at=request.closing.closed_at,
            authentication=request.closing.method,
            subject_digest=request.closing.subject_digest,
        )
        for request in ended
    )


def break_glasses(
    slots: Iterable[models.Slot], now: datetime
) -> tuple[BreakGlass, ...]:
    """Return every emergency of the slots, those that nobody confirmed too."""
    by_key = {slot.pk: slot for slot in slots}
    asked = models.BreakGlass.objects.filter(slot__in=by_key).select_related(
        "model_version",
        "confirmation__fallback",
        "confirmation__end",
    )
    return tuple(
        _break_glass(row, by_key[row.slot_id], now) for row in asked.order_by("pk")
    )


def _break_glass(
    row: models.BreakGlass, slot: models.Slot, now: datetime
) -> BreakGlass:
    confirmed = getattr(row, "confirmation", None)
    standing = _standing(row, confirmed, slot, now)
    return BreakGlass(
        number=row.pk,
        environment=slot.environment,
        version=row.model_version.number,
        standing=standing,
        is_in_force=standing == IN_FORCE,
        reason=row.reason,
        hours=row.hours,
        asked_by=row.printed_name,
        asked_as=row.asked_as,
        asked_at=row.asked_at,
        asked_authentication=row.method,
        lapses_at=row.lapses_at,
        **_confirmation(confirmed),
    )


def _standing(
    row: models.BreakGlass,
    confirmed: models.BreakGlassConfirmation | None,
    slot: models.Slot,
    now: datetime,
) -> str:
    """Say how an emergency stands; the clock ends it, whether the timer has run or not."""
    if confirmed is None:
        return "never confirmed" if row.lapses_at <= now else "waits for confirmation"
    if slot.break_glass_id == confirmed.pk:
        return "over" if confirmed.has_expired(now) else IN_FORCE
    lasted = hasattr(confirmed, "end") and confirmed.has_expired(confirmed.end.ended_at)
    return "over" if lasted else "ended early"


def _confirmation(confirmed: models.BreakGlassConfirmation | None) -> dict[str, Any]:
    if confirmed is None:
        return {}
    return {
        "confirmed_by": confirmed.printed_name,
        "confirmed_as": confirmed.confirmed_as,
        "confirmed_at": confirmed.confirmed_at,
        "confirmed_authentication": confirmed.method,
        "expires_at": confirmed.expires_at,
        "ended_at": confirmed.end.ended_at if hasattr(confirmed, "end") else None,
        "fallback": confirmed.fallback.number if confirmed.fallback else None,
        "finding": confirmed.finding_id,
    }


def rollbacks(slots: Iterable[models.Slot], now: datetime) -> tuple[Rollback, ...]:
    """Return every rollback of the slots, with the review that lifted its freeze."""
    undone = models.Rollback.objects.filter(slot__in=slots).select_related(
        "slot",
        "rolled_back",
        "promotion__request__model_version",
        "rolled_back_by",
        "freeze__lifting",
    )
    return tuple(_rollback(row, now) for row in undone.order_by("pk"))


def _rollback(row: models.Rollback, now: datetime) -> Rollback:
    lifting = getattr(row.freeze, "lifting", None)
    return Rollback(
        number=row.pk,
        environment=row.slot.environment,
        rolled_back=row.rolled_back.number,
        to=row.promotion.request.model_version.number,
        request=row.promotion.request_id,
        reason=row.reason,
        rolled_back_by=name_of(row.rolled_back_by),
        rolled_back_at=row.rolled_back_at,
        finding=row.finding_id,
        freeze=row.freeze.pk,
        review_due_at=row.freeze.review_due_at,
        is_frozen=lifting is None,
        is_review_overdue=lifting is None and row.freeze.is_review_overdue(now),
        **_lifting(lifting),
    )


def _lifting(lifting: models.FreezeLifting | None) -> dict[str, Any]:
    if lifting is None:
        return {}
    return {
        "conclusion": lifting.conclusion,
        "lifted_by": lifting.printed_name,
        "lifted_at": lifting.lifted_at,
        "authentication": lifting.method,
    }


def retirements(
    rows: Iterable[models.Retirement], sight: Sight
) -> Iterator[Retirement]:
    for row in rows:
        dependants, unnamed = sight.subjects(row.dependants)
        yield Retirement(
            version=row.model_version.number if row.model_version else None,
            reason=row.reason,
            printed_name=row.printed_name,
            authentication=row.method,
            retired_at=row.retired_at,
            dependants=dependants,
            dependants_unnamed=unnamed,
        )


def _withdrawal(row: models.Waiver | models.Attestation) -> dict[str, Any]:
    if not hasattr(row, "withdrawal"):
        return {}
    return {
        "withdrawn_by": name_of(row.withdrawal.withdrawn_by),
        "withdrawn_at": row.withdrawal.withdrawn_at,
        "withdrawal_reason": row.withdrawal.reason,
    }
