"""A former name of a registered model, which no other model of the workspace may take."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from registry.models.registered_model import RegisteredModel
from tracking.models import Workspace
from tracking.models.rows import fetched

_HOLDERS = """
SELECT archived_at IS NULL FROM registry_registeredmodel
WHERE workspace_id = %s AND name = %s
UNION ALL
SELECT FALSE FROM registry_formername
WHERE workspace_id = %s AND name = %s AND registered_model_id <> %s
"""


def holders_of(
    name: str, *, workspace: Workspace, of: RegisteredModel | None = None
) -> list[bool]:
    """Return of each model that has a name, or gave it up, whether it goes by it now.

    What the model `of` gave up does not count. By hand, for registrations.
    """
    asked = [workspace.pk, name]
    no_key = 0
    found = fetched(_HOLDERS, [*asked, *asked, of.pk if of else no_key])
    return [bool(is_active) for (is_active,) in found]


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
