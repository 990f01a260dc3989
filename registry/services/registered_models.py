"""Models are registered here."""

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import record
from registry.events import RegistryEvent
from registry.models import RegisteredModel
from registry.permissions import MODEL_GRANTS, may_register_model
from tracking.models import ServiceAccount, Workspace
from tracking.services.roles import give_roles_their_permissions


def register_model(
    workspace: Workspace,
    *,
    name: str,
    tier: int,
    purpose: str,
    owner: User,
    actor: User,
) -> RegisteredModel:
    """Register a model with its purpose, risk tier and a person who owns it."""
    if not may_register_model(actor, workspace, name=name):
        raise PermissionDeniedError(
            "may_not_register_model",
            f"You may not register models in {workspace}: ask for the developer role.",
        )
    if ServiceAccount.objects.filter(user=owner).exists():
        raise InvalidError(
            "owner_is_no_person",
            f"{owner.username} is a service account: name a person as the owner.",
        )
    with transaction.atomic():
        if RegisteredModel.objects.filter(workspace=workspace, name=name).exists():
            raise ConflictError(
                "model_exists",
                f"The model {name!r} exists: register a version of it.",
            )
        model = RegisteredModel.objects.create(
            workspace=workspace,
            name=name,
            tier=tier,
            purpose=purpose,
            owner=owner,
            created_by=actor,
        )
        give_roles_their_permissions(model, MODEL_GRANTS, workspace)
        record(
            RegistryEvent.MODEL_REGISTERED,
            actor=actor,
            subject=model.subject,
            payload={"tier": tier, "owner": f"user/{owner.pk}"},
            private={"purpose": purpose},
        )
    return model
