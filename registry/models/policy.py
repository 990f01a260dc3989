"""A policy: what a version must show before it may serve; frozen from the first write.

Publishing is a row of its own, so that neither table is ever updated.
"""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from registry.models.registered_model import RegisteredModel
from tracking.models import Workspace


class PolicyQuerySet(models.QuerySet["Policy"]):
    """Questions about many policies."""

    def visible_to(self, user: User) -> Self:
        """Whoever works in a workspace sees what it demands of all its models."""
        return self.filter(
            Q(registered_model__in=RegisteredModel.objects.visible_to(user))
            | Q(workspace__in=Workspace.objects.worked_in_by(user))
        )

    def of_workspace(self, workspace: Workspace) -> Self:
        return self.filter(
            Q(registered_model__workspace=workspace) | Q(workspace=workspace)
        )

    def with_home(self) -> Self:
        return self.select_related("registered_model__workspace", "workspace")

    def in_force(self, now: datetime) -> Self:
        """Return published policies that were effective by `now`, newest first."""
        return self.filter(publication__published_at__lte=now).order_by(
            "-publication__published_at", "-pk"
        )


class Policy(models.Model):
    """The YAML as it was sent, with the digest over its canonical content.

    It binds one model, or all models of some tiers of a workspace.
    """

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, null=True, related_name="policies"
    )
    workspace = models.ForeignKey(
        Workspace, models.PROTECT, null=True, related_name="policies"
    )
    tiers = models.JSONField(default=list)
    environment = models.SlugField(max_length=50)
    name = models.CharField(max_length=250)
    version = models.PositiveIntegerField()
    document = models.TextField()
    digest = models.CharField(max_length=71)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "policies"
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["registered_model", "name", "version"],
                name="registry_policy_versions_are_unique",
            ),
            models.UniqueConstraint(
                fields=["workspace", "name", "version"],
                name="registry_policy_versions_of_a_workspace_are_unique",
            ),
            models.CheckConstraint(
                condition=Q(registered_model__isnull=False, workspace__isnull=True)
                | Q(registered_model__isnull=True, workspace__isnull=False),
                name="registry_a_policy_binds_a_model_or_tiers_of_a_workspace",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def home(self) -> Workspace:
        """Return the workspace whose people draft and publish it."""
        if self.registered_model is not None:
            return self.registered_model.workspace
        assert self.workspace is not None  # noqa: S101 - the database's constraint
        return self.workspace

    @property
    def subject(self) -> str:
        model = self.registered_model
        whose = f"{self.home.name}/{model.name}" if model else self.home.name
        return f"policy/{whose}/{self.name}/{self.version}"


class PolicyPublication(models.Model):
    """Somebody other than the author put the policy into force."""

    policy = models.OneToOneField(Policy, models.PROTECT, related_name="publication")
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    published_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.policy} since {self.published_at:%Y-%m-%d}"
