"""Who may do what on this floor, as predicates; and the roles that both floors grant.

Django's `has_perm` says yes to every superuser. `holds` does not: what is governed is
decided by permissions that somebody was really given.
"""

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models

from tracking.models.experiment import Experiment
from tracking.models.run import Run
from tracking.models.workspace import Workspace


class Role(models.TextChoices):
    """The roles of a workspace; each is a Django group named `<workspace>:<role>`."""

    DEVELOPER = "developer"
    OWNER = "owner"
    VALIDATOR = "validator"
    RISK = "risk"
    POLICY_AUTHOR = "policy_author"
    AUDITOR = "auditor"
    RELEASE = "release"
    ADMINISTRATOR = "administrator"
    BOT = "bot"


EVERY_ROLE = frozenset(Role)

# On which kind of object a role holds which permission (the registry adds its own).
WORKSPACE_GRANTS: dict[str, frozenset[Role]] = {
    "view_workspace": EVERY_ROLE,
    "create_experiment": frozenset({Role.DEVELOPER, Role.BOT}),
    "describe_dataset": frozenset({Role.DEVELOPER, Role.BOT}),
    "register_model": frozenset({Role.DEVELOPER, Role.BOT}),
    "draft_policy": frozenset({Role.POLICY_AUTHOR, Role.VALIDATOR, Role.RISK}),
    "publish_policy": frozenset({Role.RISK}),
}
EXPERIMENT_GRANTS: dict[str, frozenset[Role]] = {
    "view_experiment": EVERY_ROLE - {Role.ADMINISTRATOR},
    "log_run": frozenset({Role.DEVELOPER, Role.BOT}),
}


# Asked for every call of a training run, so it is one query and not the three of an
# ObjectPermissionChecker.
_HELD = """
SELECT 1 FROM auth_permission p
WHERE p.content_type_id = %s AND p.codename = %s AND (
    EXISTS (
        SELECT 1 FROM guardian_groupobjectpermission o
        JOIN auth_user_groups m ON m.group_id = o.group_id
        WHERE o.permission_id = p.id AND o.object_pk = %s AND m.user_id = %s)
    OR EXISTS (
        SELECT 1 FROM guardian_userobjectpermission o
        WHERE o.permission_id = p.id AND o.object_pk = %s AND o.user_id = %s))
"""


def holds(user: User, permission: str, subject: models.Model) -> bool:
    """Say whether the user was given the permission on the subject, alone or by group.

    Superusers hold only what they were given (governance rule R4).
    """
    if not user.is_active or user.pk is None:
        return False
    content_type = ContentType.objects.get_for_model(subject)
    held_by: list[str | int] = [str(subject.pk), user.pk]
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [content_type.pk, permission, *held_by, *held_by])
        return cursor.fetchone() is not None


def may_see(user: User, permission: str, subject: models.Model) -> bool:
    """Say of one subject what `visible_to` says of many; superusers see everything."""
    app = subject._meta.app_label
    return user.is_active and (
        user.is_superuser
        or holds(user, permission, subject)
        or user.has_perm(f"{app}.{permission}")
    )


def may_create_experiment(user: User, workspace: Workspace) -> bool:
    return holds(user, "create_experiment", workspace)


def may_describe_dataset(user: User, workspace: Workspace) -> bool:
    return holds(user, "describe_dataset", workspace)


def may_log_in(user: User, experiment: Experiment) -> bool:
    return holds(user, "log_run", experiment)


def may_write(user: User, run: Run) -> bool:
    return may_log_in(user, run.experiment)
