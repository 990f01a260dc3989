"""The second factor of an account, and its failed tries, which lock it for a while."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q


class SecondFactorQuerySet(models.QuerySet["SecondFactor"]):
    """Questions about many second factors."""

    def confirmed(self) -> Self:
        """Keep those that are asked for."""
        return self.filter(removed_at=None, confirmed_at__isnull=False)


class SecondFactor(models.Model):
    """A secret for one-time codes (RFC 6238), encrypted; it counts once confirmed.

    `last_step` is the time step of the newest code that was taken: none is taken twice.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="second_factors"
    )
    encrypted_secret = models.BinaryField(max_length=300)
    last_step = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = SecondFactorQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(removed_at=None),
                name="tracking_an_account_has_one_second_factor",
            )
        ]

    def __str__(self) -> str:
        return f"second factor of user {self.user_id}"


class FailedTries(models.Model):
    """How often somebody has been wrong about an account's password or code of late."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="failed_tries"
    )
    number = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField(null=True)
    locked_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.number} failed tries of user {self.user_id}"

    def is_locked(self, now: datetime) -> bool:
        return self.locked_until is not None and now < self.locked_until
