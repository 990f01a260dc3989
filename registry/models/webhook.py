"""A webhook: a program that a workspace tells of what happens, and the keys it knows."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from guardian.shortcuts import get_objects_for_user

from tracking.models import Workspace


class Scheme(models.TextChoices):
    """How a receiver checks who sent a message (Standard Webhooks)."""

    HMAC = "v1", "HMAC-SHA256"
    ED25519 = "v1a", "Ed25519"


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """Questions about many webhooks."""

    def enabled(self) -> Self:
        return self.filter(disabled_at=None)

    def visible_to(self, user: User) -> Self:
        """Return those that the user may manage: an address may hold a secret itself."""
        return self.filter(
            workspace__in=get_objects_for_user(
                user, "tracking.connect_systems", Workspace
            ).values("pk")
        )


class Webhook(models.Model):
    """Where messages of some kinds are posted to; `event_types` are CloudEvents types."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="webhooks")
    url = models.CharField("URL", max_length=2000)
    event_types = models.JSONField()
    disabled_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"webhook {self.pk} of {self.workspace}"

    @property
    def subject(self) -> str:
        return f"webhook/{self.pk}"

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None


class WebhookKeyQuerySet(models.QuerySet["WebhookKey"]):
    """Questions about many keys."""

    def signing(self, now: datetime) -> Self:
        """Return the keys that sign now, newest first."""
        return self.filter(Q(retires_at=None) | Q(retires_at__gt=now)).order_by("-pk")


class WebhookKey(models.Model):
    """One signing key, sealed; the one before it signs on for a while."""

    webhook = models.ForeignKey(Webhook, models.PROTECT, related_name="keys")
    scheme = models.CharField(max_length=3, choices=Scheme)
    sealed = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    retires_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookKeyQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["webhook"],
                condition=Q(retires_at=None),
                name="registry_a_webhook_has_one_newest_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_scheme_display()} key {self.pk} of webhook {self.webhook_id}"
