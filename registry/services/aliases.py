"""Aliases are given to versions and taken away here."""

import re

from django.contrib.auth.models import User
from django.db import connection, transaction

from audit.errors import ConflictError, InvalidError
from audit.services import change_and_record, record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import Alias, ModelVersion, RegisteredModel, Stage
from registry.models.alias import ALIAS_OF_LISTING
from registry.models.edits import LISTING_TO_EDIT
from registry.services.redeeming import take_slot
from registry.services.registered_models import editable_model
from registry.services.standing import standing_of
from registry.services.version_listings import editable_listing

# MLflow's rules: these words name versions in `models:/` addresses.
PLAIN_ALIAS = re.compile(r"[\w-]{1,255}")
RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)
STAGE_WORDS = frozenset(stage.casefold() for stage in Stage)


def set_alias(version: ModelVersion, *, name: str, actor: User) -> None:
    """Let an alias mean a version; one of a governed environment takes an approval."""
    refuse_odd_alias(name)
    standing = standing_of(version.registered_model)
    environment = standing.environment_of(name)
    if environment is not None:
        if not standing.serves(version.pk, environment):
            take_slot(version, environment=environment, actor=actor)
        return
    if name.casefold() in STAGE_WORDS:
        raise InvalidError(
            "alias_is_a_stage",
            f"The alias {name!r} would be taken for the stage: move the version there, "
            f"or choose another name.",
        )
    # Should somebody govern it meanwhile, the stored one counts for nothing.
    if not _set_at_once(version, name=name, actor=actor):
        _set(version, name=name, actor=actor)


def _set(version: ModelVersion, *, name: str, actor: User) -> None:
    with (
        refusals_recorded(
            RegistryEvent.VERSION_REFUSED,
            actor=actor,
            subject=version.subject,
            payload={"act": "set alias"},
        ),
        transaction.atomic(),
    ):
        editable_listing(version, actor=actor)
        Alias.objects.bulk_create(
            [
                Alias(
                    registered_model_id=version.registered_model_id,
                    name=name,
                    version=version,
                )
            ],
            update_conflicts=True,
            unique_fields=["registered_model", "name"],
            update_fields=["version"],
        )
        record(
            RegistryEvent.ALIAS_SET,
            actor=actor,
            subject=version.registered_model.subject,
            payload={"alias": name, "version": version.number},
        )


def _set_at_once(version: ModelVersion, *, name: str, actor: User) -> bool:
    """Set an alias in one statement, entry and all; return whether it was.

    It asks all that `_set` asks, which is the way where one answer is no, and says why.
    """
    if connection.vendor != "postgresql":
        return False
    changed = change_and_record(
        f"{LISTING_TO_EDIT}, {ALIAS_OF_LISTING}",
        [actor.pk, version.pk, name],
        kind=RegistryEvent.ALIAS_SET,
        actor=actor,
        subject=version.registered_model.subject,
        payload={"alias": name, "version": version.number},
    )
    return changed is not None


def remove_alias(model: RegisteredModel, *, name: str, actor: User) -> None:
    """Take an alias away; without it nothing happens, as with MLflow."""
    with (
        refusals_recorded(
            RegistryEvent.MODEL_REFUSED,
            actor=actor,
            subject=model.subject,
            payload={"act": "remove alias"},
        ),
        transaction.atomic(),
    ):
        model = editable_model(model, actor=actor)
        _refuse_governed(model, name)
        deleted, _ = model.aliases.filter(name=name).delete()
        if deleted:
            record(
                RegistryEvent.ALIAS_REMOVED,
                actor=actor,
                subject=model.subject,
                payload={"alias": name},
            )


def refuse_odd_alias(name: str) -> None:
    if not PLAIN_ALIAS.fullmatch(name) or RESERVED_ALIAS.fullmatch(name):
        raise InvalidError(
            "alias_invalid",
            f"{name[:100]!r} cannot be an alias: write at most 255 letters, digits, '_' "
            f"and '-', and neither 'latest' nor a version such as 'v1'.",
        )


def _refuse_governed(model: RegisteredModel, name: str) -> None:
    """Refuse what a slot decides."""
    environment = standing_of(model).environment_of(name)
    if environment is not None:
        raise ConflictError(
            "alias_governed",
            f"The alias {name!r} says which version of {model} serves in {environment}: "
            f"it moves by promotion, rollback or retirement only.",
            environment=environment,
        )
