"""A retirement: a version, or a whole model, will not serve again."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel


class RetirementQuerySet(models.QuerySet["Retirement"]):
    """Questions about many retirements."""

    def of_version(self, version: ModelVersion) -> Self:
        """Keep what retires a version: its own retirement, or that of its model."""
        return self.filter(
            Q(model_version=version)
            | Q(registered_model=version.registered_model_id, model_version=None)
        )


class Retirement(models.Model):
    """Signed and append-only; all evidence stays.

    `dependants` names the slots that it left and the models that were left standing.
    """

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="retirements"
    )
    model_version = models.OneToOneField(
        ModelVersion, models.PROTECT, null=True, related_name="retirement"
    )
    reason = models.CharField(max_length=2000)
    dependants = models.JSONField(default=list)
    retired_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    printed_name = models.CharField(max_length=300)
    method = models.CharField(max_length=50)
    retired_at = models.DateTimeField()

    objects = RetirementQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["registered_model"],
                condition=Q(model_version__isnull=True),
                name="registry_a_model_retires_once",
            )
        ]

    def __str__(self) -> str:
        return f"retirement of {self.model_version or self.registered_model}"
