"""A policy: what a version must show before it may serve; frozen from the first write.

Publishing is a row of its own, so that neither table is ever updated.
"""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from registry.models.registered_model import RegisteredModel


class PolicyQuerySet(models.QuerySet["Policy"]):
    """Questions about many policies."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            registered_model__in=RegisteredModel.objects.visible_to(user)
        )

    def in_force(self, now: datetime) -> Self:
        """Return published policies that were effective by `now`, newest first."""
        return self.filter(publication__published_at__lte=now).order_by(
            "-publication__published_at", "-pk"
        )


class Policy(models.Model):
    """The YAML as it was sent, with the digest over its canonical content."""

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="policies"
    )
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
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def subject(self) -> str:
        model = self.registered_model
        return f"policy/{model.workspace.name}/{model.name}/{self.name}/{self.version}"


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
