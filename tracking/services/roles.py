"""Roles are granted here: a Django group a role, guardian permissions a group."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils import timezone
from guardian.models import GroupObjectPermission
from guardian.shortcuts import assign_perm

from audit.errors import ConflictError, PermissionDeniedError
from audit.services import record
from tracking.authority import refuse_untold_person
from tracking.events import TrackingEvent
from tracking.models import (
    GrantState,
    NamePrefix,
    RoleGrant,
    ServiceAccount,
    Workspace,
)
from tracking.models.role_grant import GrantedOn
from tracking.models.rows import fetched
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.permissions import (
    KEEPERS,
    Role,
    acts_as_installation,
    keeps_accounts,
    may_approve_grants,
)

# By hand, because whoever registers a model or makes an experiment waits for some sixty
# rows. Of a prefix, only roles that somebody was given there have a group.
_GIVE = """
INSERT INTO guardian_groupobjectpermission
    (content_type_id, object_pk, permission_id, group_id)
SELECT p.content_type_id, {key}, p.id, g.id FROM {pairs}
CROSS JOIN (
    SELECT %s AS place UNION ALL
    SELECT %s || '/' || n.id FROM tracking_nameprefix n
    WHERE n.workspace_id = %s AND substr(%s, 1, length(n.prefix)) = n.prefix) places
JOIN auth_permission p ON p.content_type_id = %s AND p.codename = wanted.codename
JOIN auth_group g ON g.name = places.place || ':' || wanted.role
"""
# All pairs are one parameter: psycopg takes longer over a list than over a text.
_PAIRS = {
    "postgresql": "json_to_recordset(%s::json) AS wanted (codename text, role text)",
    "sqlite": """(
    SELECT json_extract(value, '$.codename') AS codename,
        json_extract(value, '$.role') AS role FROM json_each(%s)) AS wanted""",
}
# The same for the row that what comes before calls `subject`, with `values_of_roles`.
GIVEN_TO_ROLES = "given AS ({})".format(
    _GIVE.format(key="subject.id::text", pairs=f"subject, {_PAIRS['postgresql']}")
)
_WORKSPACE = "SELECT id FROM tracking_workspace WHERE id = %s"
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


def let_administrators_grant(workspace: Workspace) -> None:
    """Let the installation's administrators see a new workspace and grant roles in it.

    Nobody else could be its first. What is in it they do not see.
    """
    group = Group.objects.filter(
        name=f"{DEFAULT_WORKSPACE}:{Role.ADMINISTRATOR}"
    ).first()
    if group is None or workspace.name == DEFAULT_WORKSPACE:
        return
    for permission in ("view_workspace", "grant_role"):
        assign_perm(f"tracking.{permission}", group, workspace)


def give_roles_their_permissions(
    subject: models.Model, grants: Mapping[str, frozenset[Role]], workspace: Workspace
) -> None:
    """Give each role's group its permissions on one new object.

    Groups of a prefix that its name begins with get them as well. The workspace is
    locked against a grant that goes into effect meanwhile.
    """
    if not isinstance(subject, Workspace):
        lock_against_grants(workspace.pk)
    sql = _GIVE.format(key="%s", pairs=_PAIRS[connection.vendor])
    with connection.cursor() as cursor:
        values = values_of_roles(subject, grants, workspace)
        cursor.execute(sql, [str(subject.pk), *values])


def values_of_roles(
    subject: models.Model, grants: Mapping[str, frozenset[Role]], workspace: Workspace
) -> list[Any]:
    """Return the parameters of `GIVEN_TO_ROLES` for a subject, which needs no key yet."""
    is_below_prefixes = not isinstance(subject, Workspace)
    name = str(getattr(subject, "name", "")) if is_below_prefixes else ""
    return [
        _pairs(tuple(grants.items())),
        *(workspace.name, f"{workspace.name}:{GrantedOn.PREFIX}", workspace.pk, name),
        ContentType.objects.get_for_model(subject).pk,
    ]


@cache
def _pairs(grants: tuple[tuple[str, frozenset[Role]], ...]) -> str:
    """Return grants as JSON, once: each kind of object has the same ones every time."""
    return json.dumps(
        [
            {"codename": codename, "role": role}
            for codename, roles in grants
            for role in roles
        ]
    )


def lock_against_grants(workspace: int) -> None:
    """Let grants below prefixes wait for what is made in a workspace, and this for them."""
    locks = " FOR NO KEY UPDATE" if connection.features.has_select_for_update else ""
    fetched(f"{_WORKSPACE}{locks}", [workspace])


def grant_role(user: User, *, role: Role, workspace: Workspace, actor: User) -> None:
    """Put somebody into a role at once: the installation's own act, by its commands.

    People grant roles by `ask_for_role` and `approve_role`. Combinations that rule R4
    forbids are refused here too.
    """
    if not acts_as_installation(actor):
        raise PermissionDeniedError(
            "two_people_grant",
            "Nobody grants a role alone: ask for it, and let somebody else approve.",
        )
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        refuse_forbidden_combination(user, role)
        grant = RoleGrant(workspace=workspace, role=role, account=user)
        if RoleGrant.objects.open().filter(**_same(grant)).exists():
            return
        now = timezone.now()
        grant.object_name = workspace.name
        grant.by_installation, grant.state = True, GrantState.EFFECTIVE
        grant.asked_by = grant.approved_by = actor
        grant.approved_at = grant.effective_at = now
        grant.save()
        enter_group(grant, actor=actor)


def enter_group(grant: RoleGrant, *, actor: User) -> None:
    """Put the account into the grant's group, in the caller's transaction."""
    group_to_enter(grant).user_set.add(grant.account)
    record(
        TrackingEvent.ROLE_GRANTED,
        actor=actor,
        subject=grant.workspace.subject,
        payload=told(grant),
    )


def told(grant: RoleGrant) -> dict[str, Any]:
    """Return what entries tell of a grant."""
    return {
        "role": grant.role,
        "account": f"user/{grant.account_id}",
        "on": grant.covers,
    }


def group_to_enter(grant: RoleGrant) -> Group:
    """Return the group, made and given its permissions if it is not there yet."""
    if grant.granted_on == GrantedOn.WORKSPACE:
        return group_of(Role(grant.role), grant.workspace)
    lock_against_grants(grant.workspace_id)
    group, _ = Group.objects.get_or_create(name=grant.group_name)
    of_role = GroupObjectPermission.objects.filter(
        group=group_of(Role(grant.role), grant.workspace)
    )
    in_place = Q(
        content_type=ContentType.objects.get_for_model(Workspace),
        permission__codename="view_workspace",
    )
    wanted = Q(pk=None)
    for content_type, keys in _covered(grant, of_role):
        wanted |= Q(content_type=content_type, object_pk__in=[str(key) for key in keys])
    copies = [
        GroupObjectPermission(
            permission_id=row.permission_id,
            group=group,
            content_type_id=row.content_type_id,
            object_pk=row.object_pk,
        )
        for row in of_role.filter(in_place | wanted)
    ]
    if grant.granted_on == GrantedOn.PREFIX:
        copies += _below_prefix(grant, group, of_role)
    GroupObjectPermission.objects.bulk_create(copies, ignore_conflicts=True)
    return group


def _covered(
    grant: RoleGrant, of_role: models.QuerySet[GroupObjectPermission]
) -> Iterator[tuple[ContentType, list[int]]]:
    """Yield what the grant covers of what the role is granted on in the workspace.

    Whatever stands in a workspace under a name counts, of this floor or of one above.
    """
    for pk in of_role.values_list("content_type", flat=True).distinct():
        content_type = ContentType.objects.get_for_id(pk)
        model = content_type.model_class()
        if model is None or not hasattr(model, "workspace"):
            continue
        if grant.granted_on == content_type.model:
            yield content_type, [grant.object_pk]
        elif grant.granted_on == GrantedOn.PREFIX and model is not NamePrefix:
            rows = model._default_manager.filter(workspace=grant.workspace)
            names = rows.values_list("pk", "name")
            yield (
                content_type,
                [key for key, name in names if name.startswith(grant.object_name)],
            )


def _below_prefix(
    grant: RoleGrant, group: Group, of_role: models.QuerySet[GroupObjectPermission]
) -> list[GroupObjectPermission]:
    """Let the group make new things below the prefix, if its role may in general."""
    content_type = ContentType.objects.get_for_model(NamePrefix)
    held = of_role.values("permission__codename")
    return [
        GroupObjectPermission(
            permission=permission,
            group=group,
            content_type=content_type,
            object_pk=str(grant.object_pk),
        )
        for permission in Permission.objects.filter(
            content_type=content_type, codename__in=held
        )
    ]


def revoke_grant(grant: RoleGrant, *, actor: User) -> None:
    """End a grant, in effect or not; one person is enough, and so is its holder."""
    is_theirs = actor.pk == grant.account_id or acts_as_installation(actor)
    if not is_theirs and not may_approve_grants(actor, grant.workspace):
        raise PermissionDeniedError(
            "may_not_revoke_role",
            f"You may not take roles away in {grant.workspace}: ask an administrator.",
        )
    with transaction.atomic():
        if not RoleGrant.objects.move(
            grant.pk, to=GrantState.REVOKED, ended_at=timezone.now()
        ):
            raise ConflictError(
                "grant_ended", "This grant has ended already: there is nothing to do."
            )
        grant.account.groups.remove(*Group.objects.filter(name=grant.group_name))
        record(
            TrackingEvent.ROLE_REVOKED,
            actor=actor,
            subject=grant.workspace.subject,
            payload=told(grant),
        )


def revoke_role(user: User, *, role: Role, workspace: Workspace, actor: User) -> None:
    """Take a role in the whole workspace away; who does not hold it keeps not holding it."""
    grants = RoleGrant.objects.open().with_people()
    for grant in grants.filter(
        **_same(RoleGrant(workspace=workspace, role=role, account=user))
    ):
        revoke_grant(grant, actor=actor)


def _same(grant: RoleGrant) -> dict[str, Any]:
    """Return what two grants have in common if there may be one of them at a time."""
    return {
        "workspace": grant.workspace,
        "role": grant.role,
        "account": grant.account,
        "granted_on": grant.granted_on,
        "object_pk": grant.object_pk,
    }


def refuse_forbidden_combination(user: User, role: Role) -> None:
    if ServiceAccount.objects.filter(user=user).exists() and role != Role.BOT:
        raise ConflictError(
            "service_accounts_are_bots",
            f"A service account cannot be {role}: give the role to a person.",
        )
    if role != Role.BOT:
        refuse_untold_person(user)
    administers = user.is_superuser or keeps_accounts(user)
    if role in SIGNING_ROLES and administers:
        raise ConflictError(
            "administrators_do_not_sign",
            f"An administrator cannot also be {role}: give the role to somebody else.",
        )
    if role in KEEPERS and signs(user):
        raise ConflictError(
            "signers_do_not_administer",
            f"Somebody who signs cannot be {role} as well: take the signing role away "
            f"first.",
        )


def signs(user: User) -> bool:
    suffixes = models.Q()
    for role in SIGNING_ROLES:
        suffixes |= models.Q(name__endswith=f":{role}")
    return user.groups.filter(suffixes).exists()
