"""Tags: labels of registered models and of versions; what they were is kept."""

from typing import ClassVar

from django.db import models

from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel


class ModelTag(models.Model):
    """A label of a registered model, which may be overwritten."""

    registered_model = models.ForeignKey(
        RegisteredModel, models.PROTECT, related_name="tags", db_index=False
    )
    key = models.CharField(max_length=250)
    value = models.TextField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["registered_model", "key"],
                name="registry_a_model_tag_has_one_value",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class VersionTag(models.Model):
    """A label of a version, which may be overwritten: it is no evidence."""

    version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="tags", db_index=False
    )
    key = models.CharField(max_length=250)
    value = models.TextField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["version", "key"],
                name="registry_a_version_tag_has_one_value",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
