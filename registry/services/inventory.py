"""The inventory of models: what each is, where it serves and what is open about it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Count, QuerySet

from registry.models import (
    Finding,
    ModelCard,
    ModelDependency,
    ModelVersion,
    RegisteredModel,
    Retirement,
    Slot,
)
from registry.services.due_dates import Due, due_dates


@dataclass(frozen=True)
class Serving:
    """Which version serves in an environment, and when it is due."""

    environment: str
    version: ModelVersion
    in_emergency: bool
    due: Due


@dataclass(frozen=True)
class InventoryLine:
    """A model as the inventory lists it; counts are of findings that are not resolved."""

    model: RegisteredModel
    card: ModelCard | None
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    serving: tuple[Serving, ...]
    open_findings: dict[str, int]
    overdue_findings: int
    is_retired: bool

    @property
    def next_revalidation(self) -> datetime | None:
        return min((s.due.at for s in self.serving if s.due.at), default=None)


def inventory(
    models: Sequence[RegisteredModel], now: datetime, *, user: User
) -> list[InventoryLine]:
    """Return a line a model, in a fixed number of queries however many models.

    Of what stands above and below them, it names what the user may see.
    """
    cards = {
        card.registered_model_id: card
        for card in ModelCard.objects.newest()
        .filter(registered_model__in=models)
        .select_related("owner", "executive", "created_by")
    }
    upstream, downstream = _dependencies(models, user)
    serving = _serving(models, now)
    findings = _findings(models, now)
    overdue = _overdue(models, now)
    retired = set(
        Retirement.objects.filter(
            registered_model__in=models, model_version=None
        ).values_list("registered_model", flat=True)
    )
    return [
        InventoryLine(
            model=model,
            card=cards.get(model.pk),
            upstream=tuple(upstream[model.pk]),
            downstream=tuple(downstream[model.pk]),
            serving=tuple(serving[model.pk]),
            open_findings=findings[model.pk],
            overdue_findings=overdue.get(model.pk, 0),
            is_retired=model.pk in retired,
        )
        for model in models
    ]


def _serving(
    models: Iterable[RegisteredModel], now: datetime
) -> dict[int, list[Serving]]:
    slots = list(
        Slot.objects.filter(registered_model__in=models)
        .with_champion()
        .order_by("environment")
    )
    due = due_dates(slots, now)
    by_model: dict[int, list[Serving]] = defaultdict(list)
    for slot in slots:
        version = slot.serving(now)
        if version:
            emergency = slot.break_glass is not None and slot.champion == version
            by_model[slot.registered_model_id].append(
                Serving(slot.environment, version, emergency, due[slot.pk])
            )
    return by_model


def _dependencies(
    models: Iterable[RegisteredModel], user: User
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Return the names of what some models stand on, and of what stands on them."""
    seen = RegisteredModel.objects.visible_to(user)
    stated = ModelDependency.objects.filter(card__in=ModelCard.objects.newest())
    above = stated.filter(card__registered_model__in=models, upstream__in=seen)
    below = stated.filter(upstream__in=models, card__registered_model__in=seen)
    return (
        _names(above, "card__registered_model", "upstream__name"),
        _names(below, "upstream", "card__registered_model__name"),
    )


def _names(
    stated: QuerySet[ModelDependency], of: str, name: str
) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for pk, other in stated.values_list(of, name).order_by(name):
        found[pk].append(other)
    return found


def _findings(
    models: Iterable[RegisteredModel], now: datetime
) -> dict[int, dict[str, int]]:
    counted = (
        Finding.objects.filter(registered_model__in=models)
        .unresolved(now)
        .values_list("registered_model", "severity")
        .annotate(count=Count("pk"))
        .order_by("registered_model", "severity")
    )
    by_model: dict[int, dict[str, int]] = defaultdict(dict)
    for pk, severity, count in counted:
        by_model[pk][severity] = count
    return by_model


def _overdue(models: Iterable[RegisteredModel], now: datetime) -> dict[int, int]:
    counted = (
        Finding.objects.filter(registered_model__in=models)
        .overdue(now)
        .values_list("registered_model")
        .annotate(count=Count("pk"))
    )
    return dict(counted.values_list("registered_model", "count"))
