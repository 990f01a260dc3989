"""A former name of a registered model, which no other model of the workspace may take."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from registry.models.registered_model import RegisteredModel
from tracking.models import Workspace


class FormerName(models.Model):
    """Append-only; entries of the log name the model by it."""

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="former_names"
    )
    workspace = models.ForeignKey(
        Workspace, models.PROTECT, related_name="+", db_index=False
    )
    name = models.CharField(max_length=250)
    given_up_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    given_up_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="registry_a_former_name_is_of_one_model",
            )
        ]

    def __str__(self) -> str:
        return self.name
