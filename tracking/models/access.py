"""How programs get in: service accounts, and tokens of which only a digest is kept."""

from datetime import datetime

from django.conf import settings
from django.db import models


class Scope(models.TextChoices):
    """What a token may be for; each includes reading what its account may see."""

    READ = "read"
    TRACKING_WRITE = "tracking:write"
    REGISTRY_WRITE = "registry:write"
    GATES_RUN = "gates:run"
    PROMOTE = "promote"
    ACCESS_WRITE = "access:write"


class ServiceAccount(models.Model):
    """Marks a user as a program: it holds tokens, has no password and never signs."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="service_account"
    )
    purpose = models.CharField(max_length=500)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"service account of user {self.user_id}"


class ApiToken(models.Model):
    """A named, expiring secret of one user; its SHA-256 stands here, not the secret.

    `scopes` are words with blanks between, as OAuth writes them (RFC 6749 section 3.3);
    none: all that the account may do.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="api_tokens"
    )
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    scopes = models.CharField(max_length=200, blank=True)

    class Meta:
        default_permissions = ("view",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def subject(self) -> str:
        return f"api-token/{self.pk}"

    def is_usable(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at and self.user.is_active

    def may_write_under(self, scopes: frozenset[Scope]) -> bool:
        """Say whether one of the scopes is the token's; without any it has them all."""
        return not self.scopes or bool(scopes & frozenset(self.scopes.split()))

    def was_used_since(self, moment: datetime) -> bool:
        return self.last_used_at is not None and self.last_used_at >= moment
