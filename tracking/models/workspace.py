"""A workspace: a team's namespace of experiments, datasets, models and policies."""

from typing import ClassVar, Self

from django.contrib.auth.models import User
from django.db import models
from guardian.shortcuts import get_objects_for_user

DEFAULT_WORKSPACE = "default"


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    """Questions about many workspaces."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            pk__in=get_objects_for_user(user, "tracking.view_workspace").values("pk")
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
