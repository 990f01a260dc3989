"""A slot's champion changes here, and only here; challengers run beside it."""

from contextlib import AbstractContextManager
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, PermissionDeniedError
from audit.services import record, refusals_recorded, system_account
from registry.events import RegistryEvent
from registry.models import (
    BreakGlassConfirmation,
    BreakGlassEnd,
    Challenger,
    ChallengerRemoval,
    Freeze,
    ModelVersion,
    RegisteredModel,
    Slot,
)
from registry.permissions import may_request_promotion
from registry.services.out_of_use import is_out_of_use, refuse_out_of_use
from tracking.lineage import datasets_of


def locked_slot(model: RegisteredModel, environment: str) -> Slot:
    """Return the slot, made if need be; whoever comes second waits for the first.

    It is locked with its model, as whoever retires or archives locks that: what was asked
    of a version under the lock still holds when the version serves. An emergency that is
    over ends first, however late the timer is.
    """
    RegisteredModel.objects.select_for_update().get(pk=model.pk)
    made, _ = Slot.objects.get_or_create(
        registered_model=model, environment=environment
    )
    return _locked(made.pk)


def locked_slots(model: RegisteredModel) -> list[Slot]:
    """Return every slot of a model, each as `locked_slot` returns it."""
    RegisteredModel.objects.select_for_update().get(pk=model.pk)
    slots = Slot.objects.filter(registered_model=model).order_by("pk")
    return [_locked(pk) for pk in slots.values_list("pk", flat=True)]


def fill(
    slot: Slot,
    champion: ModelVersion | None,
    *,
    break_glass: BreakGlassConfirmation | None = None,
    actor: User,
    now: datetime,
) -> None:
    """Let a version serve; whoever calls holds the slot's lock and records it.

    If that ends an emergency, its end is an entry of its own.
    """
    if slot.break_glass is not None:
        _end(slot, slot.break_glass, champion, actor=actor, now=now)
    Slot.objects.filter(pk=slot.pk).update(champion=champion, break_glass=break_glass)


def fallback_of(slot: Slot) -> ModelVersion | None:
    """Return who serves when an emergency ends by itself; nobody who is out of use."""
    fallback = slot.break_glass.fallback if slot.break_glass else None
    return None if fallback is None or is_out_of_use(fallback) else fallback


def _locked(pk: int) -> Slot:
    slots = Slot.objects.with_champion()
    slot = slots.select_for_update(of=("self",)).get(pk=pk)
    emergency = slot.break_glass
    if emergency is None or not emergency.has_expired(timezone.now()):
        return slot
    # Decisions have said so since that minute, however late this is.
    then = emergency.expires_at
    fill(slot, fallback_of(slot), actor=system_account(), now=then)
    return slots.get(pk=pk)


def _end(
    slot: Slot,
    confirmed: BreakGlassConfirmation,
    champion: ModelVersion | None,
    *,
    actor: User,
    now: datetime,
) -> None:
    BreakGlassEnd.objects.create(confirmation=confirmed, ended_at=now)
    record(
        RegistryEvent.BREAK_GLASS_ENDED,
        actor=actor,
        subject=confirmed.break_glass.subject,
        payload={
            "slot": slot.subject,
            "champion": champion.subject if champion else None,
        },
    )


def may_add_challenger(actor: User, version: ModelVersion) -> bool:
    """Say whether somebody may let a version run beside a champion, wherever."""
    return may_request_promotion(actor, version.registered_model) and not is_out_of_use(
        version
    )


def may_remove_challenger(actor: User, version: ModelVersion) -> bool:
    """Say whether somebody may withdraw a version from where it runs beside a champion."""
    running = Challenger.objects.running().filter(model_version=version)
    return may_request_promotion(actor, version.registered_model) and running.exists()


def is_frozen(model: RegisteredModel, environment: str) -> bool:
    """Say whether a rollback there waits for its review, so that nothing is promoted."""
    in_force = Freeze.objects.in_force().filter(slot__registered_model=model)
    return in_force.filter(slot__environment=environment).exists()


def refuse_frozen(slot: Slot) -> None:
    freeze = Freeze.objects.in_force().filter(slot=slot).first()
    if freeze is not None:
        raise ConflictError(
            "frozen",
            f"{slot} was rolled back, so nothing is promoted there until a validator or "
            f"somebody with the risk role has reviewed that and lifted freeze "
            f"{freeze.pk}.",
            freeze=freeze.pk,
        )


def add_challenger(
    version: ModelVersion, *, environment: str, reason: str, actor: User
) -> Challenger:
    """Let a version run beside the champion; every one that was tried is counted."""
    model = version.registered_model
    with _guarded("add", version, environment, actor), transaction.atomic():
        _refuse_strangers(actor, model)
        slot = locked_slot(model, environment)
        refuse_out_of_use(version)
        if slot.champion == version:
            raise ConflictError(
                "version_is_champion", f"{version} serves in {environment} already."
            )
        if slot.challengers.running().filter(model_version=version).exists():
            raise ConflictError(
                "version_is_challenger",
                f"{version} is a challenger in {environment} already.",
            )
        challenger = Challenger.objects.create(
            slot=slot,
            number=slot.challengers.count() + 1,
            model_version=version,
            champion=slot.champion,
            same_datasets=_have_same_datasets(version, slot.champion),
            reason=reason,
            added_by=actor,
            added_at=timezone.now(),
        )
        record(
            RegistryEvent.CHALLENGER_ADDED,
            actor=actor,
            subject=slot.subject,
            payload={
                "version": version.subject,
                "number": challenger.number,
                "champion": slot.champion.subject if slot.champion else None,
                "same_datasets": challenger.same_datasets,
            },
            private={"reason": reason},
        )
    return challenger


def remove_challenger(
    version: ModelVersion, *, environment: str, reason: str, actor: User
) -> ChallengerRemoval:
    """Withdraw a challenger; that it was tried stays on record."""
    model = version.registered_model
    with _guarded("remove", version, environment, actor), transaction.atomic():
        _refuse_strangers(actor, model)
        slot = locked_slot(model, environment)
        challenger = slot.challengers.running().filter(model_version=version).first()
        if challenger is None:
            raise ConflictError(
                "version_is_no_challenger",
                f"{version} is no challenger in {environment}: there is nothing to "
                f"withdraw.",
            )
        return withdraw(challenger, reason=reason, actor=actor, now=timezone.now())


def withdraw(
    challenger: Challenger, *, reason: str, actor: User, now: datetime
) -> ChallengerRemoval:
    """Withdraw a challenger in the transaction of whoever holds its model's lock."""
    removal = ChallengerRemoval.objects.create(
        challenger=challenger, reason=reason, removed_by=actor, removed_at=now
    )
    record(
        RegistryEvent.CHALLENGER_REMOVED,
        actor=actor,
        subject=challenger.slot.subject,
        payload={
            "version": challenger.model_version.subject,
            "number": challenger.number,
        },
        private={"reason": reason},
    )
    return removal


def _guarded(
    act: str, version: ModelVersion, environment: str, actor: User
) -> AbstractContextManager[None]:
    return refusals_recorded(
        RegistryEvent.CHALLENGER_REFUSED,
        actor=actor,
        subject=version.subject,
        payload={"act": act, "environment": environment},
    )


def _refuse_strangers(actor: User, model: RegisteredModel) -> None:
    if not may_request_promotion(actor, model):
        raise PermissionDeniedError(
            "may_not_challenge",
            f"You may not choose challengers of {model}: ask for the developer or owner "
            f"role.",
        )


def _have_same_datasets(
    version: ModelVersion, champion: ModelVersion | None
) -> bool | None:
    """Compare by digest what both source runs worked with, in whatever context."""
    if champion is None:
        return None
    return _digests(version) == _digests(champion)


def _digests(version: ModelVersion) -> set[str]:
    if version.source_run is None:
        return set()
    return {use.dataset.digest for use in datasets_of(version.source_run).used}
