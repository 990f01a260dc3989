"""Models are registered, described, renamed and archived here."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import change_and_record, record, refusals_recorded
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import FormerName, ModelTag, PromotionRequest, RegisteredModel
from registry.models.edits import (
    NEW_MODEL,
    asked_name,
    locked_model,
    mark_written,
    values_of_model,
)
from registry.models.former_name import holders_of
from registry.permissions import MODEL_GRANTS, may_register_model
from tracking.models import Workspace
from tracking.people import people_seen_by, refuse_unknown
from tracking.services.roles import (
    GIVEN_TO_ROLES,
    give_roles_their_permissions,
    lock_against_grants,
    values_of_roles,
)

# They would be ambiguous in `models:/` addresses (MLflow's rule).
NOT_IN_NAMES = "/:"


def register_model(
    workspace: Workspace,
    *,
    name: str,
    purpose: str,
    owner: User | None,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    actor: User,
) -> RegisteredModel:
    """Register a model with its purpose and a person who owns it.

    Its risk tier is signed by somebody else: until then none of its versions can be
    submitted. What MLflow's clients cannot say is left open.
    """
    asked = asked_name(name, workspace=workspace, user=actor)
    if not asked.may_register:
        _refuse_stranger(actor, workspace, name)
    _refuse_odd_name(name)
    if owner and not (owner == actor and asked.is_at_home):
        refuse_unknown(owner, people_seen_by(actor), code="owner_unknown")
    if owner and is_program(owner):
        raise InvalidError(
            "owner_is_no_person",
            f"{owner.username} is a service account: name a person as the owner.",
        )
    _refuse_taken(name, is_taken=asked.is_taken, was_used=asked.was_used)
    model = RegisteredModel(
        workspace=workspace,
        name=name,
        description=description,
        purpose=purpose,
        owner=owner,
        created_by=actor,
    )
    write = _write_at_once if connection.vendor == "postgresql" else _write
    with _taken_by_one(name), transaction.atomic():
        lock_against_grants(workspace.pk)
        write(model, tags or {})
    return model


def _write(model: RegisteredModel, tags: Mapping[str, str]) -> None:
    """Write a new model with its tags, the permissions of roles on it, and its entry."""
    model.save(force_insert=True)
    ModelTag.objects.bulk_create(
        ModelTag(registered_model=model, key=key, value=value)
        for key, value in tags.items()
    )
    give_roles_their_permissions(model, MODEL_GRANTS, model.workspace)
    record(**_entry(model, tags))


def _write_at_once(model: RegisteredModel, tags: Mapping[str, str]) -> None:
    """Do what `_write` does in one statement, in which SQLite would insert nothing."""
    key = change_and_record(
        f"{NEW_MODEL}, {GIVEN_TO_ROLES}",
        [
            *values_of_model(model, tags),
            *values_of_roles(model, MODEL_GRANTS, model.workspace),
        ],
        **_entry(model, tags),
    )
    if key is None:
        raise _exists(model.name)
    mark_written(model, key)


def _entry(model: RegisteredModel, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return what the log is told of a new model."""
    return {
        "kind": RegistryEvent.MODEL_REGISTERED,
        "actor": model.created_by,
        "subject": model.subject,
        "payload": {
            "owner": f"user/{model.owner_id}" if model.owner_id else None,
            "content": digest({"tags": dict(tags)}),
        },
        "private": {"purpose": model.purpose, "description": model.description},
    }


def is_program(user: User) -> bool:
    return hasattr(user, "service_account")


def describe_model(
    model: RegisteredModel, *, description: str, actor: User
) -> RegisteredModel:
    """Say what a model is; its purpose and limits are stated elsewhere."""
    with (
        refusals_recorded(
            RegistryEvent.MODEL_REFUSED,
            actor=actor,
            subject=model.subject,
            payload={"act": "describe"},
        ),
        transaction.atomic(),
    ):
        model = editable_model(model, actor=actor)
        model.description = description
        model.save(update_fields=["description"])
        touch(model, timezone.now())
        record(
            RegistryEvent.MODEL_DESCRIBED,
            actor=actor,
            subject=model.subject,
            payload={},
            private={"description": description},
        )
    return model


def rename_model(model: RegisteredModel, *, name: str, actor: User) -> RegisteredModel:
    """Give a model a name that no other ever had in its workspace.

    Whoever may register models below a prefix only renames within it. Refused once a
    policy or a promotion request goes by the name.
    """
    with (
        refusals_recorded(
            RegistryEvent.MODEL_REFUSED,
            actor=actor,
            subject=model.subject,
            payload={"act": "rename"},
        ),
        _taken_by_one(name),
        transaction.atomic(),
    ):
        model = editable_model(model, actor=actor)
        _refuse_odd_name(name)
        if name == model.name:
            return model
        _refuse_unless_may_register(actor, model.workspace, name)
        _refuse_governed(model)
        holders = holders_of(name, workspace=model.workspace, of=model)
        _refuse_taken(name, is_taken=any(holders), was_used=bool(holders))
        subject = model.subject
        FormerName.objects.get_or_create(
            workspace=model.workspace,
            name=model.name,
            defaults={"registered_model": model, "given_up_by": actor},
        )
        model.name = name
        model.save(update_fields=["name"])
        touch(model, timezone.now())
        record(
            RegistryEvent.MODEL_RENAMED,
            actor=actor,
            subject=subject,
            payload={"name": name},
        )
    return model


def model_archived(model: RegisteredModel) -> ConflictError:
    return ConflictError(
        "model_archived",
        f"The model {model.name!r} is archived: register another model.",
    )


def editable_model(model: RegisteredModel, *, actor: User) -> RegisteredModel:
    """Return the model, locked, or refuse: first line of every edit of the catalogue."""
    locked, is_held = locked_model(model, user=actor)
    refuse_unless_editable(locked, is_held=is_held)
    return locked


def refuse_unless_editable(model: RegisteredModel, *, is_held: bool) -> None:
    if not is_held:
        raise PermissionDeniedError(
            "may_not_edit_model",
            f"You may not edit {model} or its versions: ask for the developer role.",
        )
    if model.is_archived:
        raise model_archived(model)


def touch(model: RegisteredModel, now: datetime) -> None:
    """Store when the model was last changed."""
    model.updated_at = now
    RegisteredModel.objects.filter(pk=model.pk).update(updated_at=now)


def _refuse_stranger(actor: User, workspace: Workspace, name: str) -> None:
    """Record who may not; that a name is taken is told to clients at each registration."""
    with refusals_recorded(
        RegistryEvent.MODEL_REFUSED,
        actor=actor,
        subject=RegisteredModel(workspace=workspace, name=name).subject,
        payload={"act": "register"},
    ):
        raise _may_not_register(workspace)


def _refuse_unless_may_register(actor: User, workspace: Workspace, name: str) -> None:
    if not may_register_model(actor, workspace, name=name):
        raise _may_not_register(workspace)


def _may_not_register(workspace: Workspace) -> PermissionDeniedError:
    return PermissionDeniedError(
        "may_not_register_model",
        f"You may not register models of this name in {workspace}: ask for the "
        f"developer role.",
    )


def _refuse_odd_name(name: str) -> None:
    odd = [mark for mark in NOT_IN_NAMES if mark in name]
    if odd or not name.strip() or name in {".", ".."} or not name.isprintable():
        raise InvalidError(
            "model_name_invalid",
            f"{name[:100]!r} cannot be the name of a model: write one line of text "
            f"without '/' and ':'.",
        )


def _refuse_taken(name: str, *, is_taken: bool, was_used: bool) -> None:
    """Refuse a name that another model of the workspace has or had."""
    if is_taken:
        raise _exists(name)
    if was_used:
        raise ConflictError(
            "model_name_used",
            f"{name!r} was the name of another model, which the log goes on to call so: "
            f"choose a new name.",
        )


@contextmanager
def _taken_by_one(name: str) -> Iterator[None]:
    """Say so where two ask for a name at once and the database has let one have it."""
    try:
        yield
    except IntegrityError:
        raise _exists(name) from None


def _exists(name: str) -> ConflictError:
    return ConflictError(
        "model_exists", f"The model {name!r} exists: register a version of it."
    )


def _refuse_governed(model: RegisteredModel) -> None:
    asked = PromotionRequest.objects.filter(model_version__registered_model=model)
    if model.policies.exists() or asked.exists():
        raise ConflictError(
            "model_keeps_its_name",
            f"Policies or promotion requests go by the name {model.name!r}, so the model "
            f"keeps it. Register a model with the other name.",
        )
