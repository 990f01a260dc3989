"""Whom somebody may name: who has a role in a workspace that they see.

Of anybody else they do not learn whether there is an account.
"""

from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Exists, Q, QuerySet, Value
from django.db.models.functions import Concat, Left, StrIndex

from audit.errors import InvalidError
from tracking.models import Workspace
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.permissions import Role, groups_in_role


def groups_seen_by(user: User) -> QuerySet[Group]:
    """Return the groups of the roles in the workspaces that somebody sees."""
    return _groups_in(Workspace.objects.visible_to(user))


def people_seen_by(user: User) -> QuerySet[User]:
    """Return who shares a workspace with somebody; all, for who administers accounts."""
    if user.has_perm("auth.view_user"):
        return User.objects.all()
    administers = groups_in_role(user, Role.ADMINISTRATOR, DEFAULT_WORKSPACE)
    shares = Q(pk__in=_members(groups_seen_by(user)))
    return User.objects.filter(shares | Exists(administers))


def people_of(workspace: Workspace) -> QuerySet[User]:
    """Return who has a role in a workspace, or on anything in it."""
    groups = _groups_in(Workspace.objects.filter(pk=workspace.pk))
    return User.objects.filter(pk__in=_members(groups))


def account_named(username: str) -> User:
    """Return the account, or one that was never saved: a service refuses it.

    So the door asks for nothing, and who may not act learns nothing of the accounts.
    """
    return User.objects.filter(username=username).first() or User(username=username)


def refuse_unknown(person: User, people: QuerySet[User], *, code: str) -> None:
    """Refuse whoever is none of the people, has left, or is nobody, in the same words.

    Ask for the permission to act first.
    """
    if not people.filter(pk=person.pk, is_active=True).exists():
        raise InvalidError(
            code,
            f"There is no active account {person.username!r} that you may name here: "
            f"check the name, or name somebody with a role in the workspace.",
        )


def _groups_in(workspaces: QuerySet[Workspace]) -> QuerySet[Group]:
    """Return the groups whose names begin with that of a workspace and a colon."""
    begins = workspaces.annotate(begins=Concat("name", Value(":"))).values("begins")
    begin = Left("name", StrIndex("name", Value(":")))
    return Group.objects.annotate(begin=begin).filter(begin__in=begins)


def _members(groups: QuerySet[Group]) -> QuerySet[Any, Any]:
    return User.groups.through.objects.filter(group__in=groups).values("user")
