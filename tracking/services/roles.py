"""Roles are granted here: a Django group a role, guardian permissions a group."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from guardian.models import GroupObjectPermission

from audit.errors import ConflictError
from audit.services import record
from tracking.events import TrackingEvent
from tracking.models import ServiceAccount, Workspace
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.permissions import KEEPERS, Role

SIGNING_ROLES = frozenset({Role.OWNER, Role.VALIDATOR, Role.RISK, Role.ETHICS})


def group_of(role: Role, workspace: Workspace) -> Group:
    return Group.objects.get(name=f"{workspace.name}:{role}")


def create_groups(workspace: Workspace) -> None:
    """Make the groups of a new workspace.

    The log belongs to the installation, so the default workspace's auditors read it.
    """
    for role in Role:
        Group.objects.create(name=f"{workspace.name}:{role}")
    if workspace.name == DEFAULT_WORKSPACE:
        group_of(Role.AUDITOR, workspace).permissions.add(
            Permission.objects.get(
                content_type__app_label="audit", codename="view_event"
            )
        )


def give_roles_their_permissions(
    subject: models.Model, grants: Mapping[str, frozenset[Role]], workspace: Workspace
) -> None:
    """Give each role's group its permissions on one new object, in three queries."""
    content_type = ContentType.objects.get_for_model(subject)
    permissions = Permission.objects.filter(content_type=content_type)
    by_codename = {permission.codename: permission for permission in permissions}
    groups = Group.objects.in_bulk(
        [f"{workspace.name}:{role}" for role in Role], field_name="name"
    )
    GroupObjectPermission.objects.bulk_create(
        GroupObjectPermission(
            permission=by_codename[codename],
            group=groups[f"{workspace.name}:{role}"],
            content_type=content_type,
            object_pk=str(subject.pk),
        )
        for codename, roles in grants.items()
        for role in sorted(roles)
    )


def grant_role(user: User, *, role: Role, workspace: Workspace, actor: User) -> None:
    """Put somebody into a role; combinations that rule R4 forbids are refused."""
    with transaction.atomic():
        _refuse_forbidden_combination(user, role)
        group_of(role, workspace).user_set.add(user)
        payload: dict[str, Any] = {"role": role, "account": f"user/{user.pk}"}
        record(
            TrackingEvent.ROLE_GRANTED,
            actor=actor,
            subject=workspace.subject,
            payload=payload,
        )


def revoke_role(user: User, *, role: Role, workspace: Workspace, actor: User) -> None:
    """Take a role away; somebody who does not hold it keeps not holding it."""
    group = group_of(role, workspace)
    with transaction.atomic():
        if not user.groups.filter(pk=group.pk).exists():
            return
        group.user_set.remove(user)
        record(
            TrackingEvent.ROLE_REVOKED,
            actor=actor,
            subject=workspace.subject,
            payload={"role": role, "account": f"user/{user.pk}"},
        )


def _refuse_forbidden_combination(user: User, role: Role) -> None:
    if ServiceAccount.objects.filter(user=user).exists() and role != Role.BOT:
        raise ConflictError(
            "service_accounts_are_bots",
            f"A service account cannot be {role}: give the role to a person.",
        )
    administers = user.is_superuser or _holds_any(user, KEEPERS)
    if role in SIGNING_ROLES and administers:
        raise ConflictError(
            "administrators_do_not_sign",
            f"An administrator cannot also be {role}: give the role to somebody else.",
        )
    if role in KEEPERS and _holds_any(user, SIGNING_ROLES):
        raise ConflictError(
            "signers_do_not_administer",
            f"Somebody who signs cannot be {role} as well: take the signing role away "
            f"first.",
        )


def _holds_any(user: User, roles: frozenset[Role] | set[Role]) -> bool:
    suffixes = models.Q()
    for role in roles:
        suffixes |= models.Q(name__endswith=f":{role}")
    return user.groups.filter(suffixes).exists()
