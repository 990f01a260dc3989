"""A registered model: one purpose, one owner, one risk tier, many versions."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils import timezone
from guardian.shortcuts import get_objects_for_user

from registry.models.tier import Tier
from tracking.models import Workspace
from tracking.models.rights import is_seen


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    """Questions about many models."""

    def visible_to(self, user: User) -> Self:
        return self.filter(
            pk__in=get_objects_for_user(user, "registry.view_registeredmodel").values(
                "pk"
            )
        )

    def seen_by(self, user: User) -> Self:
        """Keep what `visible_to` keeps, in the query itself: lists of MLflow's clients."""
        view = "view_registeredmodel"
        return self.filter(
            is_seen("registry", "registeredmodel", view, pk="pk", user=user)
        )

    def active(self) -> Self:
        return self.filter(archived_at=None)


class RegisteredModel(models.Model):
    """Permissions are granted here; versions and requests inherit them."""

    workspace = models.ForeignKey(
        Workspace, models.PROTECT, related_name="registered_models"
    )
    name = models.CharField(max_length=250)
    description = models.TextField(blank=True)
    purpose = models.TextField(blank=True)
    # Null: nobody has classified it, so that none of its versions can be submitted.
    tier = models.PositiveSmallIntegerField(choices=Tier, null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="owned_models",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = RegisteredModelQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [
            ("describe_model", "May describe this model and classify its risk"),
            ("register_version", "May register versions of this model"),
            ("request_promotion", "May ask for the promotion of a version"),
            ("run_gates", "May have the gates of a request run again"),
            ("attest", "May attest what a policy asks people or systems for"),
            ("sign_as_validator", "May sign off as independent validator"),
            ("sign_as_owner", "May sign off as model owner"),
            ("sign_as_risk", "May sign off for risk and compliance"),
            ("sign_as_ethics", "May sign off for ethics and privacy"),
            ("reject_request", "May reject a request in review"),
            ("request_waiver", "May ask for a waiver of a gate"),
            ("approve_waiver", "May approve a waiver that somebody else asked for"),
            ("open_finding", "May open a finding"),
            ("close_finding", "May close a finding that somebody else fixed"),
            ("promote_version", "May promote an approved version"),
            ("roll_back", "May roll back to a version that is still approved"),
            ("break_glass", "May promote in an emergency, together with another"),
            ("retire_version", "May retire a version"),
            ("order_report", "May order a lineage report"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="registry_model_names_are_unique_in_a_workspace",
            ),
            models.CheckConstraint(
                condition=Q(tier__gte=1) & Q(tier__lte=4),
                name="registry_a_tier_is_one_to_four",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def wants_two_factors(self) -> bool:
        """Say whether who signs for it needs a one-time code beside the password."""
        return self.tier is None or self.tier <= Tier.HIGH

    @property
    def subject(self) -> str:
        return f"model/{self.workspace.name}/{self.name}"

    @property
    def subjects(self) -> list[str]:
        """As what the log knows the model, by all names that it ever had."""
        workspace = self.workspace.name
        former = self.former_names.values_list("name", flat=True)
        return [self.subject, *(f"model/{workspace}/{name}" for name in former)]

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None
