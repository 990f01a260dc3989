"""An alias: a name that stands for one version of a model and can be given to another."""

from typing import ClassVar

from django.db import models

from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel

# Lets a name mean the version of the row that what comes before calls `listing`.
ALIAS_OF_LISTING = """
changed AS (
    INSERT INTO registry_alias (registered_model_id, name, version_id)
    SELECT registered_model_id, %s, version_id FROM listing
    ON CONFLICT (registered_model_id, name)
        DO UPDATE SET version_id = excluded.version_id
    RETURNING id)
"""


class Alias(models.Model):
    """Counts only where nothing governs its name; there a slot says what it means."""

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="aliases", db_index=False
    )
    name = models.CharField(max_length=255)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="aliases")

    class Meta:
        verbose_name_plural = "aliases"
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["registered_model", "name"],
                name="registry_an_alias_means_one_version",
            )
        ]

    def __str__(self) -> str:
        return self.name
