"""Models and versions are archived here: MLflow calls it deleting, nothing goes away."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.errors import ConflictError
from audit.services import record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import (
    Challenger,
    ModelVersion,
    PromotionRequest,
    RegisteredModel,
    Slot,
)
from registry.services.registered_models import editable_model, touch
from registry.services.version_listings import editable_listing


def archive_model(model: RegisteredModel, *, actor: User) -> None:
    """Take a model out of the catalogue with all its versions; its name stays taken.

    Refused while a version of it serves or runs beside, or while a request is open.
    """
    with (
        refusals_recorded(
            RegistryEvent.MODEL_REFUSED,
            actor=actor,
            subject=model.subject,
            payload={"act": "archive"},
        ),
        transaction.atomic(),
    ):
        model = editable_model(model, actor=actor)
        _refuse_while_in_use(model.versions.all())
        now = timezone.now()
        RegisteredModel.objects.filter(pk=model.pk).update(
            archived_at=now, updated_at=now
        )
        record(
            RegistryEvent.MODEL_ARCHIVED,
            actor=actor,
            subject=model.subject,
            payload={},
        )


def archive_version(version: ModelVersion, *, actor: User) -> None:
    """Take a version out of the catalogue.

    Its number is never used again. Refused while it serves or runs beside who does, or
    while a request is open; what serves again after an emergency serves.
    """
    with (
        refusals_recorded(
            RegistryEvent.VERSION_REFUSED,
            actor=actor,
            subject=version.subject,
            payload={"act": "archive"},
        ),
        transaction.atomic(),
    ):
        listing = editable_listing(version, actor=actor)
        _refuse_while_in_use(ModelVersion.objects.filter(pk=version.pk))
        now = timezone.now()
        version.aliases.all().delete()
        listing.touch(now, archived_at=now)
        touch(version.registered_model, now)
        record(
            RegistryEvent.VERSION_ARCHIVED,
            actor=actor,
            subject=version.subject,
            payload={},
        )


def _refuse_while_in_use(versions: QuerySet[ModelVersion]) -> None:
    """Refuse if one of the versions serves, or has an open request, under its model's lock."""
    serves = Q(champion__in=versions) | Q(break_glass__fallback__in=versions)
    slot = Slot.objects.with_champion().filter(serves).first()
    if slot is not None:
        serving = versions.filter(slots=slot).first() or slot.approved_champion
        raise ConflictError(
            "version_serves",
            f"{serving} serves in {slot.environment}, or will again when the emergency "
            f"there is over: have it superseded, rolled back or retired first.",
            environment=slot.environment,
        )
    running = Challenger.objects.running().filter(model_version__in=versions)
    challenger = running.select_related("model_version", "slot").first()
    if challenger is not None:
        raise ConflictError(
            "version_is_challenger",
            f"{challenger.model_version} runs beside the champion of "
            f"{challenger.slot.environment}: withdraw it there first.",
            environment=challenger.slot.environment,
        )
    request = PromotionRequest.objects.open().filter(model_version__in=versions).first()
    if request is not None:
        raise ConflictError(
            "request_open",
            f"{request.model_version} has an open request for {request.environment}: "
            f"have it concluded first.",
            request=request.pk,
        )
