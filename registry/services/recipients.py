"""Who gets an e-mail: people who can act on something, or whom it concerns."""

from collections.abc import Iterable
from typing import cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from guardian.shortcuts import get_users_with_perms

from registry.duties import duties_of_signer
from registry.models import (
    ModelVersion,
    NotificationType,
    PromotionRequest,
    RegisteredModel,
)
from registry.models.sign_off import SignerRole
from registry.services.waiting import roles_open_to
from tracking.models import Workspace
from tracking.permissions import Role, holds
from tracking.services.roles import group_of

# How a request came to its end is for who asked and who owns the model.
_ENDS = frozenset(
    {
        NotificationType.REQUEST_REJECTED,
        NotificationType.REQUEST_WITHDRAWN,
        NotificationType.REQUEST_INVALIDATED,
        NotificationType.REQUEST_EXPIRED,
        NotificationType.VERSION_PROMOTED,
    }
)
_SIGNING = [f"sign_as_{role}" for role in SignerRole]


def people_to_tell(kind: NotificationType, request: PromotionRequest) -> list[User]:
    """Return the people of one kind of notification, each once."""
    model = request.model_version.registered_model
    if kind == NotificationType.SIGN_OFF_WANTED:
        return [
            person
            for person in _holders(model, _SIGNING)
            if roles_open_to(person, request)
        ]
    if kind == NotificationType.REQUEST_APPROVED:
        return list(_holders(model, ["promote_version"]))
    people = []
    if kind == NotificationType.GATES_FINISHED:
        people = [request.requested_by]
    if kind in _ENDS:
        people = [request.requested_by, *([model.owner] if model.owner else [])]
    # Whoever has lost the role that they asked in is told no more.
    return who_see(model, people)


def who_see(model: RegisteredModel, people: Iterable[User]) -> list[User]:
    """Keep those of the people who see a model, each once."""
    return [
        person
        for person in dict.fromkeys(people)
        if holds(person, "view_registeredmodel", model)
    ]


def holders_of(role: Role, workspace: Workspace) -> QuerySet[User]:
    """Return who has a role in the workspace, such as its data stewards."""
    return User.objects.filter(groups=group_of(role, workspace)).order_by("pk")


def has_mailbox(person: User) -> bool:
    return person.is_active and bool(person.email)


def signers_of(model: RegisteredModel, *roles: SignerRole) -> QuerySet[User]:
    """Return who signs for a model in one of some roles, and has an address."""
    return _holders(model, [f"sign_as_{role}" for role in roles])


def validators_of(model: RegisteredModel, version: ModelVersion | None) -> list[User]:
    """Return who may validate a version, or the model whichever version it is."""
    role = SignerRole.VALIDATOR
    return [
        person
        for person in signers_of(model, role)
        if version is None or not duties_of_signer(person, role, version)
    ]


def _holders(model: RegisteredModel, permissions: list[str]) -> QuerySet[User]:
    """Return who was given one of the permissions on the model, and has an address."""
    holders = get_users_with_perms(
        model,
        only_with_perms_in=permissions,
        with_group_users=True,
        with_superusers=False,
    )
    return cast("QuerySet[User]", holders).exclude(email="").order_by("pk")
