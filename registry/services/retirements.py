"""Versions and models are retired here, by a signature; all evidence stays."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.errors import (
    ConflictError,
    InvalidError,
    PermissionDeniedError,
    would_refuse,
)
from audit.services import record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import (
    Challenger,
    ModelCard,
    ModelVersion,
    NotificationType,
    RegisteredModel,
    Retirement,
    Slot,
)
from registry.models.sign_off import SignerRole
from registry.permissions import may_retire
from registry.services.authority import refuse_untold_signer
from registry.services.notifications import announce, page_url
from registry.services.reauthentication import reauthenticate_for
from registry.services.recipients import who_see
from registry.services.slots import fallback_of, fill, locked_slots, withdraw
from registry.signing import printed_name
from tracking.lineage import runs_that_came_of
from tracking.services.log_ins import tries_counted


def retire(
    model: RegisteredModel,
    *,
    version: ModelVersion | None = None,
    reason: str,
    password: str,
    is_interactive: bool,
    actor: User,
    code: str = "",
) -> Retirement:
    """Sign that a version, or without one the whole model, will not serve again.

    It leaves the slots that it holds at once: an emergency falls back to who served
    before, any other slot is empty. It runs beside no champion either. What stands on it
    is named, not stopped.
    """
    reason = reason.strip()
    if not reason:
        raise InvalidError("reason_missing", "Say why, in a sentence for the record.")
    subject = version.subject if version else model.subject
    with (
        refusals_recorded(
            RegistryEvent.RETIREMENT_REFUSED, actor=actor, subject=subject, payload={}
        ),
        tries_counted(actor),
        transaction.atomic(),
    ):
        _refuse_strangers(model, actor)
        now = timezone.now()
        proof = reauthenticate_for(
            model,
            actor,
            password=password,
            code=code,
            is_interactive=is_interactive,
            now=now,
        )
        slots = _slots_held(model, version)
        _refuse_second_retirement(model, version)
        dependants = [slot.subject for slot in slots]
        dependants += [other.subject for other in models_that_stand_on(model)]
        retirement = Retirement.objects.create(
            registered_model=model,
            model_version=version,
            reason=reason,
            dependants=dependants,
            retired_by=actor,
            printed_name=printed_name(actor),
            method=proof.method,
            retired_at=now,
        )
        for slot in slots:
            fill(slot, fallback_of(slot), actor=actor, now=now)
        for challenger in _running(model, version):
            withdraw(challenger, reason=reason, actor=actor, now=now)
        record(
            RegistryEvent.RETIREMENT_SIGNED,
            actor=actor,
            subject=subject,
            payload={
                "dependants": dependants,
                "method": proof.method,
                "signed_at": now.isoformat(),
            },
            private={"reason": reason, "printed_name": retirement.printed_name},
        )
        _warn_dependants(retirement)
    return retirement


def may_retire_still(
    actor: User, model: RegisteredModel, version: ModelVersion | None = None
) -> bool:
    """Say whether somebody may retire what is not retired yet."""
    return not (
        would_refuse(_refuse_strangers, model, actor)
        or would_refuse(_refuse_second_retirement, model, version)
    )


def models_that_stand_on(model: RegisteredModel) -> list[RegisteredModel]:
    """Return the models whose newest card says that they work with this one's output."""
    naming = ModelCard.objects.newest().filter(dependencies__upstream=model)
    return list(
        RegisteredModel.objects.filter(cards__in=naming)
        .select_related("workspace")
        .order_by("name")
    )


def _models_made_with(model: RegisteredModel, version: ModelVersion | None) -> set[int]:
    """Return the keys of models of which a version came of this one's data or models."""
    retired = ModelVersion.objects.filter(
        registered_model=model, source_run__isnull=False
    )
    if version is not None:
        retired = retired.filter(pk=version.pk)
    runs = set(retired.values_list("source_run", flat=True))
    came_of = ModelVersion.objects.filter(source_run__in=runs_that_came_of(runs))
    return set(came_of.values_list("registered_model", flat=True)) - {model.pk}


def _warn_dependants(retirement: Retirement) -> None:
    """Tell the owners of what stands on it, as far as they see what is retired."""
    model, version = retirement.registered_model, retirement.model_version
    standing = {other.pk for other in models_that_stand_on(model)}
    standing |= _models_made_with(model, version)
    owners = User.objects.filter(owned_models__in=standing).distinct().order_by("pk")
    announce(
        NotificationType.RETIREMENT_SIGNED,
        workspace=model.workspace,
        subject=(version or model).subject,
        data={
            "registered_model": model.name,
            "version": version.number if version else None,
            "dependants": len(standing),
            "url": page_url(version or model),
        },
        people=who_see(model, owners),
    )


def _refuse_strangers(model: RegisteredModel, actor: User) -> None:
    if not may_retire(actor, model):
        raise PermissionDeniedError(
            "may_not_retire",
            f"You may not retire versions of {model}: its owner must, and sign.",
        )
    refuse_untold_signer(actor, SignerRole.OWNER, model)


def _refuse_second_retirement(
    model: RegisteredModel, version: ModelVersion | None
) -> None:
    whole = Retirement.objects.filter(registered_model=model, model_version=None)
    is_gone = version.is_retired if version else whole.exists()
    if is_gone:
        raise ConflictError(
            "version_retired", f"{version or model} is retired already."
        )


def _running(
    model: RegisteredModel, version: ModelVersion | None
) -> QuerySet[Challenger]:
    running = Challenger.objects.running().filter(slot__registered_model=model)
    if version is not None:
        running = running.filter(model_version=version)
    return running.select_related(
        "model_version__registered_model__workspace",
        "slot__registered_model__workspace",
    ).order_by("pk")


def _slots_held(model: RegisteredModel, version: ModelVersion | None) -> list[Slot]:
    held = (slot for slot in locked_slots(model) if slot.champion is not None)
    return [slot for slot in held if version is None or slot.champion == version]
