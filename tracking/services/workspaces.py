"""Workspaces are created here, with their groups and permissions."""

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import ConflictError, PermissionDeniedError
from audit.services import record
from tracking.events import TrackingEvent
from tracking.models import Workspace
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.permissions import WORKSPACE_GRANTS, may_create_workspace
from tracking.services.roles import (
    create_groups,
    give_roles_their_permissions,
    let_administrators_grant,
)


def create_workspace(
    name: str, *, allow_unlinked_versions: bool = False, actor: User
) -> Workspace:
    """Create a team's namespace; its roles are empty until somebody grants them.

    With unlinked versions, models can be brought along from elsewhere; whether a
    workspace takes them is settled with its creation.
    """
    if not may_create_workspace(actor):
        raise PermissionDeniedError(
            "may_not_create_workspace",
            f"You may not create workspaces: ask an administrator of the workspace "
            f"{DEFAULT_WORKSPACE}.",
        )
    with transaction.atomic():
        if Workspace.objects.filter(name=name).exists():
            raise ConflictError(
                "workspace_exists", f"The workspace {name} exists: choose another name."
            )
        workspace = Workspace.objects.create(
            name=name, allow_unlinked_versions=allow_unlinked_versions
        )
        create_groups(workspace)
        give_roles_their_permissions(workspace, WORKSPACE_GRANTS, workspace)
        let_administrators_grant(workspace)
        record(
            TrackingEvent.WORKSPACE_CREATED,
            actor=actor,
            subject=workspace.subject,
            payload={"name": name, "allow_unlinked_versions": allow_unlinked_versions},
        )
    return workspace
