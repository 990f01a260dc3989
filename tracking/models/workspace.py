"""A workspace: a team's namespace of experiments, datasets, models and policies."""

from typing import ClassVar, Self

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.shortcuts import get_objects_for_user

DEFAULT_WORKSPACE = "default"
# How the names of groups end that keep accounts and machines (`permissions.KEEPERS`).
KEEPER_GROUPS = (":administrator", ":operator")


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    """Questions about many workspaces."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            pk__in=get_objects_for_user(user, "tracking.view_workspace").values("pk")
        )

    def worked_in_by(self, user: User) -> Self:
        """Keep those whose content somebody sees: not whoever only keeps accounts there."""
        visible = self.visible_to(user)
        if user.has_perm("tracking.view_workspace"):
            return visible
        groups = user.groups.all()
        for keeper in KEEPER_GROUPS:
            groups = groups.exclude(name__endswith=keeper)
        wanted = {"permission__codename": "view_workspace"}
        key = Cast("object_pk", models.BigIntegerField())
        by_group = GroupObjectPermission.objects.filter(group__in=groups, **wanted)
        alone = UserObjectPermission.objects.filter(user=user, **wanted)
        return visible.filter(
            Q(pk__in=by_group.annotate(key=key).values("key"))
            | Q(pk__in=alone.annotate(key=key).values("key"))
        )


class Workspace(models.Model):
    """Names are unique inside it and roles are granted in it."""

    name = models.SlugField(max_length=100, unique=True)
    # For a migration: versions without a source run, which can never be submitted.
    allow_unlinked_versions = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        # A permission belongs to the model that it is granted on, so what the registry
        # lets people do inside a workspace has its name here.
        permissions: ClassVar = [
            ("create_experiment", "May create experiments here"),
            ("describe_dataset", "May register and describe datasets here"),
            ("register_model", "May register models here"),
            ("draft_policy", "May draft policies here"),
            ("publish_policy", "May publish policies here"),
            ("grant_role", "May ask for and approve grants of roles here"),
            ("export_log", "May export what the log says of this workspace"),
            ("operate_log", "May rotate keys, back up and verify"),
            ("connect_systems", "May connect webhooks and tickets here"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def subject(self) -> str:
        return f"workspace/{self.name}"
