"""Reads what was found wrong with a model, tried beside it and validated again."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter

from registry import models
from registry.models.finding import FindingState, Severity
from registry.reports.oversight import (
    Challenger,
    DueDate,
    Finding,
    FindingMove,
    ModelCard,
    Revalidation,
    RevalidationTrigger,
    SignedRevalidation,
)
from registry.reports.people import name_of
from registry.services.due_dates import due_dates, longest_interval

_BY_SEVERITY = list(Severity)


def findings(model: models.RegisteredModel, now: datetime) -> tuple[Finding, ...]:
    """Return every finding on the model or a version of it: what is open, worst first."""
    rows = (
        models.Finding.objects.filter(registered_model=model)
        .with_subject()
        .prefetch_related("moves__moved_by", "acceptances")
    )
    ordered = sorted(
        rows,
        key=lambda row: (
            not row.is_unresolved(now),
            _BY_SEVERITY.index(Severity(row.severity)),
            row.pk,
        ),
    )
    return tuple(_finding(row, now) for row in ordered)


def _finding(row: models.Finding, now: datetime) -> Finding:
    return Finding(
        number=row.pk,
        version=row.model_version.number if row.model_version else None,
        severity=row.severity,
        cause=row.cause,
        title=row.title,
        description=row.description,
        state=row.state,
        is_unresolved=row.is_unresolved(now),
        is_overdue=row.is_overdue(now),
        owner=name_of(row.owner),
        opened_by=name_of(row.opened_by),
        opened_at=row.opened_at,
        due_at=row.due_at,
        accepted_until=row.accepted_until,
        moves=tuple(_moves(row)),
    )


def _moves(row: models.Finding) -> Iterator[FindingMove]:
    former = None
    for move in sorted(row.moves.all(), key=attrgetter("pk")):
        signed = [one for one in row.acceptances.all() if one.after_id == former]
        yield FindingMove(
            from_state=move.from_state,
            to_state=move.to_state,
            reason=move.reason,
            accepted_until=move.accepted_until,
            moved_by=move.printed_name or name_of(move.moved_by),
            signed_with=tuple(
                one.printed_name
                for one in sorted(signed, key=attrgetter("pk"))
                if move.to_state == FindingState.RISK_ACCEPTED
                and one.signer_id != move.moved_by_id
                and one.until > move.moved_at
            ),
            authentication=move.method,
            moved_at=move.moved_at,
        )
        former = move.pk


def challengers(
    slots: Iterable[models.Slot], promotions: Sequence[models.Promotion]
) -> tuple[Challenger, ...]:
    """Return every challenger that was ever tried in the slots, withdrawn ones too."""
    tried = models.Challenger.objects.filter(slot__in=slots).select_related(
        "slot", "model_version", "champion", "added_by", "removal__removed_by"
    )
    return tuple(
        _challenger(row, promotions)
        for row in tried.order_by("slot__environment", "number")
    )


def _challenger(
    row: models.Challenger, promotions: Iterable[models.Promotion]
) -> Challenger:
    removal = getattr(row, "removal", None)
    has_won = any(
        won.slot_id == row.slot_id
        and won.request.model_version_id == row.model_version_id
        and won.promoted_at >= row.added_at
        for won in promotions
    )
    standing = "took the slot" if has_won else "running"
    return Challenger(
        environment=row.slot.environment,
        number=row.number,
        version=row.model_version.number,
        champion=row.champion.number if row.champion else None,
        same_datasets=row.same_datasets,
        standing="withdrawn" if removal else standing,
        reason=row.reason,
        added_by=name_of(row.added_by),
        added_at=row.added_at,
        removal_reason=removal.reason if removal else "",
        removed_by=name_of(removal.removed_by) if removal else "",
        removed_at=removal.removed_at if removal else None,
    )


def revalidation(
    version: models.ModelVersion,
    slots: Iterable[models.Slot],
    card: ModelCard | None,
    now: datetime,
) -> Revalidation:
    """Return when the version is due where it serves, and what called for and did it."""
    months, reason = _interval(version.registered_model, card)
    return Revalidation(
        interval_months=months,
        interval_reason=reason,
        due_dates=_due_dates(version, slots, now),
        triggers=_triggers(version),
        signed=_signed(version),
    )


def _interval(
    model: models.RegisteredModel, card: ModelCard | None
) -> tuple[int | None, str]:
    longest = longest_interval(model)
    stated = card.revalidation_months if card else None
    if card and stated and (longest is None or stated <= longest):
        return stated, card.revalidation_reason
    return longest, ""


def _due_dates(
    version: models.ModelVersion, slots: Iterable[models.Slot], now: datetime
) -> tuple[DueDate, ...]:
    serving = [slot for slot in slots if slot.serving(now) == version]
    due = due_dates(serving, now)
    return tuple(
        DueDate(
            environment=slot.environment,
            validated_at=due[slot.pk].validated_at,
            due_at=due[slot.pk].at,
            why=due[slot.pk].why,
            is_due=due[slot.pk].is_due(now),
        )
        for slot in serving
    )


def _triggers(version: models.ModelVersion) -> tuple[RevalidationTrigger, ...]:
    """Return those of the whole model, and those of this version."""
    recorded = models.RevalidationTrigger.objects.filter(
        registered_model=version.registered_model
    ).select_related("model_version", "recorded_by")
    return tuple(
        RevalidationTrigger(
            version=row.model_version.number if row.model_version else None,
            kind=row.kind,
            detail=row.detail,
            recorded_by=name_of(row.recorded_by),
            recorded_at=row.recorded_at,
        )
        for row in recorded.order_by("recorded_at", "pk")
        if row.model_version_id in {None, version.pk}
    )


def _signed(version: models.ModelVersion) -> tuple[SignedRevalidation, ...]:
    signed = version.revalidations.select_related("slot").order_by("signed_at", "pk")
    return tuple(
        SignedRevalidation(
            environment=row.slot.environment,
            conclusion=row.conclusion,
            printed_name=row.printed_name,
            authentication=row.method,
            signed_at=row.signed_at,
        )
        for row in signed
    )
