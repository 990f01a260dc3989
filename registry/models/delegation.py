"""A delegation: one person lets another sign in their role, for a while."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q

from registry.models.registered_model import RegisteredModel
from tracking.models import Workspace


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """Questions about many delegations."""

    def visible_to(self, user: User) -> Self:
        """Keep one's own, and those of models that one sees."""
        models_seen = RegisteredModel.objects.visible_to(user)
        return self.filter(
            Q(delegator=user)
            | Q(delegate=user)
            | Q(registered_model__in=models_seen)
            | Q(
                registered_model=None,
                workspace__in=Workspace.objects.worked_in_by(user),
            )
        )

    def in_force(self, now: datetime) -> Self:
        return self.filter(starts_at__lte=now, ends_at__gt=now, withdrawal=None)

    def over(self, model: RegisteredModel) -> Self:
        return self.filter(
            Q(registered_model=model)
            | Q(registered_model=None, workspace=model.workspace_id)
        )


class Delegation(models.Model):
    """Append-only and signed; it ends by itself. No model: all of the workspace."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="delegations")
    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, null=True, related_name="delegations"
    )
    role = models.CharField(max_length=20)
    delegator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="delegations_given"
    )
    delegate = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="delegations_had"
    )
    printed_name = models.CharField(max_length=300)
    reason = models.CharField(max_length=500)
    method = models.CharField(max_length=50)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    signed_at = models.DateTimeField()

    objects = DelegationQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="registry_a_delegation_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(delegate=F("delegator")),
                name="registry_nobody_delegates_to_themselves",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} for {self.printed_name}"

    @property
    def subject(self) -> str:
        return f"delegation/{self.pk}"


class DelegationWithdrawal(models.Model):
    """Append-only: the delegator took a delegation back before its end."""

    delegation = models.OneToOneField(
        Delegation, models.PROTECT, related_name="withdrawal"
    )
    withdrawn_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"withdrawal of delegation {self.delegation_id}"
