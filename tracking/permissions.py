"""Who may do what on this floor, as predicates; and the roles that both floors grant.

Django's `has_perm` says yes to every superuser. `holds` does not: what is governed is
decided by permissions that somebody was really given.
"""

from django.contrib.auth.models import Group, User
from django.db import connection, models
from guardian.shortcuts import get_objects_for_user

from audit.services.recording import SYSTEM_USERNAME
from tracking.models.experiment import Experiment
from tracking.models.rights import given
from tracking.models.role_grant import NamePrefix
from tracking.models.workspace import DEFAULT_WORKSPACE, Workspace


class Role(models.TextChoices):
    """The roles of a workspace; each is a Django group named `<workspace>:<role>`."""

    DEVELOPER = "developer"
    OWNER = "owner"
    VALIDATOR = "validator"
    RISK = "risk"
    ETHICS = "ethics"
    STEWARD = "steward"
    RELEASE = "release"
    POLICY_AUTHOR = "policy_author"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    BOT = "bot"


EVERY_ROLE = frozenset(Role)
# These keep accounts and machines; what is decided about models is not theirs to see.
KEEPERS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})

# On which kind of object a role holds which permission (the registry adds its own).
WORKSPACE_GRANTS: dict[str, frozenset[Role]] = {
    "view_workspace": EVERY_ROLE,
    "create_experiment": frozenset({Role.DEVELOPER, Role.BOT}),
    "describe_dataset": frozenset(
        {Role.DEVELOPER, Role.ETHICS, Role.STEWARD, Role.BOT}
    ),
    "register_model": frozenset({Role.DEVELOPER, Role.BOT}),
    "draft_policy": frozenset({Role.POLICY_AUTHOR, Role.VALIDATOR, Role.RISK}),
    "publish_policy": frozenset({Role.RISK}),
    "grant_role": frozenset({Role.ADMINISTRATOR, Role.RISK}),
    "export_log": frozenset({Role.VALIDATOR, Role.RISK, Role.AUDITOR}),
    "operate_log": frozenset({Role.OPERATOR}),
    "connect_systems": frozenset({Role.ADMINISTRATOR}),
}
EXPERIMENT_GRANTS: dict[str, frozenset[Role]] = {
    "view_experiment": EVERY_ROLE - KEEPERS,
    "log_run": frozenset({Role.DEVELOPER, Role.BOT}),
}


_HELD = "SELECT " + given("%s", "%s", "%s", pk="%s", user="%s")


def holds(user: User, permission: str, subject: models.Model) -> bool:
    """Say whether the user was given the permission on the subject, alone or by group.

    Superusers hold only what they were given (governance rule R4).
    """
    if not user.is_active or user.pk is None:
        return False
    wanted = [subject._meta.app_label, subject._meta.model_name, permission]
    held_by = [*wanted, subject.pk, user.pk]
    with connection.cursor() as cursor:
        cursor.execute(_HELD, held_by * 2)  # alone, or by a group
        (is_held,) = cursor.fetchone()
        return bool(is_held)


def has_role(user: User, role: Role, workspace_name: str) -> bool:
    """Say whether somebody is in a role on everything in a workspace."""
    is_in_it = groups_in_role(user, role, workspace_name).exists
    return bool(user.is_active) and is_in_it()


def groups_in_role(
    user: User, role: Role, workspace_name: str
) -> models.QuerySet[Group]:
    """Return the group that `has_role` looks for, if they are in it, to ask in SQL."""
    return user.groups.filter(name=f"{workspace_name}:{role}")


def keeps_accounts(user: User) -> bool:
    """Say whether somebody administers or operates anywhere, and so never signs (R4)."""
    suffixes = models.Q()
    for role in KEEPERS:
        suffixes |= models.Q(name__endswith=f":{role}")
    return user.groups.filter(suffixes).exists()


def may_administer_accounts(user: User) -> bool:
    """Say who makes and closes accounts, which belong to the installation.

    The default workspace's administrators, and the installation itself by its commands.
    """
    return acts_as_installation(user) or has_role(
        user, Role.ADMINISTRATOR, DEFAULT_WORKSPACE
    )


def acts_as_installation(user: User) -> bool:
    return user.username == SYSTEM_USERNAME


def may_create_workspace(user: User) -> bool:
    return may_administer_accounts(user)


def may_ask_for_grants(user: User, workspace: Workspace) -> bool:
    """Administrators ask, of the workspace or of the installation; risk only approves."""
    administers = has_role(user, Role.ADMINISTRATOR, workspace.name) or has_role(
        user, Role.ADMINISTRATOR, DEFAULT_WORKSPACE
    )
    return administers and may_approve_grants(user, workspace)


def may_approve_grants(user: User, workspace: Workspace) -> bool:
    return holds(user, "grant_role", workspace)


def may_create_experiment(
    user: User, workspace: Workspace, *, name: str | None = None
) -> bool:
    """Say whether they may create any experiment, or one of this name."""
    return holds_for_name(user, "create_experiment", workspace, name=name)


def holds_for_name(
    user: User, permission: str, workspace: Workspace, *, name: str | None
) -> bool:
    """Say whether they hold it in the workspace, or below a prefix that names have."""
    return holds(user, permission, workspace) or any(
        holds(user, permission, prefix)
        for prefix in NamePrefix.objects.filter(workspace=workspace)
        if name is not None and name.startswith(prefix.prefix)
    )


def may_describe_dataset(user: User, workspace: Workspace) -> bool:
    return holds(user, "describe_dataset", workspace)


def may_acknowledge_sensitive_data(user: User, workspace: Workspace) -> bool:
    """Say who takes note of it: who describes datasets, and logs in no experiment there."""
    logs = get_objects_for_user(
        user,
        "tracking.log_run",
        Experiment,
        with_superuser=False,
        accept_global_perms=False,
    )
    return (
        may_describe_dataset(user, workspace)
        and not may_create_experiment(user, workspace)
        and not logs.filter(workspace=workspace).exists()
    )


def may_log_in(user: User, experiment: Experiment) -> bool:
    return holds(user, "log_run", experiment)


def may_define_fields(user: User, workspace: Workspace) -> bool:
    """Say who keeps the dictionary: authors of policies, unless they log runs as well.

    Whoever made experiments there could otherwise loosen what holds up their own runs.
    """
    return holds(user, "draft_policy", workspace) and not may_create_experiment(
        user, workspace
    )


def may_ask_for_metadata(user: User, experiment: Experiment) -> bool:
    """Say who sets an experiment's template: likewise, and nobody who logs in it."""
    return may_define_fields(user, experiment.workspace) and not may_log_in(
        user, experiment
    )
