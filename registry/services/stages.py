"""Versions are moved between MLflow's stages here."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError
from audit.services import record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import ModelVersion, Stage, VersionListing
from registry.models.version_listing import ENVIRONMENT_OF
from registry.services.redeeming import take_slot
from registry.services.registered_models import touch
from registry.services.standing import Standing, standing_of
from registry.services.version_listings import editable_listing


def move_version(
    version: ModelVersion, *, to: Stage, archives_others: bool, actor: User
) -> None:
    """Move a version to a stage; that of a governed environment takes an approval.

    The champion of a slot leaves it by another's promotion and not by a stage, so
    `archives_others` says nothing there.
    """
    environment = ENVIRONMENT_OF.get(to)
    if archives_others and environment is None:
        raise InvalidError(
            "stage_not_active",
            f"Versions that stand in {to} are not archived: ask for that with the "
            f"stages Staging and Production only.",
        )
    standing = standing_of(version.registered_model)
    if environment is not None and standing.is_governed(environment):
        if not standing.serves(version.pk, environment):
            take_slot(version, environment=environment, actor=actor)
        return
    _move_plainly(version, standing, to, archives_others=archives_others, actor=actor)


def _move_plainly(
    version: ModelVersion,
    standing: Standing,
    to: Stage,
    *,
    archives_others: bool,
    actor: User,
) -> None:
    """Store a stage; should somebody govern it meanwhile, it counts for nothing."""
    with (
        refusals_recorded(
            RegistryEvent.VERSION_REFUSED,
            actor=actor,
            subject=version.subject,
            payload={"act": f"move to {to}"},
        ),
        transaction.atomic(),
    ):
        listing = version.listing = editable_listing(version, actor=actor)
        _refuse_champion(version, standing)
        now = timezone.now()
        archived = (
            _archive_others(version, to, standing, now) if archives_others else []
        )
        listing.touch(now, stage=to)
        touch(version.registered_model, now)
        record(
            RegistryEvent.VERSION_MOVED,
            actor=actor,
            subject=version.subject,
            payload={"stage": to, "archived": archived},
        )


def _refuse_champion(version: ModelVersion, standing: Standing) -> None:
    for serving in sorted(standing.champions):
        if standing.serves(version.pk, serving):
            raise ConflictError(
                "version_serves",
                f"{version} serves in {serving}, and leaves it by the promotion of "
                f"another version, by rollback or by retirement; no stage says so.",
                environment=serving,
            )


def _archive_others(
    version: ModelVersion, stage: Stage, standing: Standing, now: datetime
) -> list[int]:
    """Archive what stands in an ungoverned stage beside the version."""
    serving = [pk for pk, _ in standing.champions.values()]
    others = (
        VersionListing.objects.active()
        .filter(registered_model=version.registered_model_id, stage=stage)
        .exclude(pk__in=[version.pk, *serving])
    )
    numbers = sorted(others.values_list("version__number", flat=True))
    others.update(stage=Stage.ARCHIVED, updated_at=now)
    return numbers
