"""What an experiment asks of its runs: a dictionary of fields, and a template."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef

from tracking.models.experiment import Experiment
from tracking.models.rows import fetched
from tracking.models.workspace import Workspace

# Of an experiment; no row, if nothing is asked for.
BLOCKS_REGISTRATION = """
SELECT blocks_registration FROM tracking_metadatatemplate
WHERE experiment_id = %s ORDER BY number DESC LIMIT 1
"""


class FieldKind(models.TextChoices):
    """Which part of a run a field is."""

    PARAM = "param"
    TAG = "tag"
    METRIC = "metric"


class FieldType(models.TextChoices):
    """How the value of a field reads."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


class FieldDefinitionQuerySet(models.QuerySet["FieldDefinition"]):
    """Questions about many definitions."""

    def in_force(self) -> Self:
        """Keep the newest definition of each field; older ones stay as history."""
        newer = FieldDefinition.objects.filter(
            workspace=OuterRef("workspace"),
            kind=OuterRef("kind"),
            key=OuterRef("key"),
            number__gt=OuterRef("number"),
        )
        return self.filter(~Exists(newer)).order_by("kind", "key")


class FieldDefinition(models.Model):
    """Append-only: what a param, tag or metric means in a workspace, and its values."""

    workspace = models.ForeignKey(
        Workspace, models.PROTECT, related_name="field_definitions"
    )
    kind = models.CharField(max_length=6, choices=FieldKind)
    key = models.CharField(max_length=250)
    number = models.PositiveIntegerField()
    type = models.CharField(max_length=7, choices=FieldType)
    allowed_values = models.JSONField(null=True)
    minimum = models.FloatField(null=True)
    maximum = models.FloatField(null=True)
    description = models.CharField(max_length=1000, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FieldDefinitionQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "kind", "key", "number"],
                name="tracking_definitions_of_a_field_count_up",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}, definition {self.number}"


class MetadataTemplateQuerySet(models.QuerySet["MetadataTemplate"]):
    """Questions about many templates."""

    def newest_of(self, experiment: Experiment) -> "MetadataTemplate":
        """Return what the experiment asks for; an unsaved, empty one if nothing."""
        newest = self._newest_first(experiment).first()
        return newest or MetadataTemplate(experiment=experiment, number=0)

    def blocks_registration(self, experiment: Experiment) -> bool:
        """Say whether runs must have all that is asked; by hand for registrations."""
        found = fetched(BLOCKS_REGISTRATION, [experiment.pk])
        return any(blocks for (blocks,) in found)

    def _newest_first(self, experiment: Experiment) -> Self:
        return self.filter(experiment=experiment).order_by("-number")


class MetadataTemplate(models.Model):
    """Append-only: which fields and files the runs of an experiment must have.

    `fields` holds `{"kind", "key", "required"}` and refers to the dictionary of the
    workspace; `artifacts` holds patterns of paths.
    """

    experiment = models.ForeignKey(
        Experiment, models.PROTECT, related_name="metadata_templates"
    )
    number = models.PositiveIntegerField()
    fields = models.JSONField(default=list)
    artifacts = models.JSONField(default=list)
    blocks_registration = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MetadataTemplateQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment", "number"],
                name="tracking_templates_of_an_experiment_count_up",
            )
        ]

    def __str__(self) -> str:
        return f"template {self.number} of {self.experiment_id}"

    @property
    def is_empty(self) -> bool:
        return not self.fields and not self.artifacts

    def definitions(self) -> models.QuerySet[FieldDefinition]:
        """Return the definitions in force of the fields that are named here."""
        keys = {field["key"] for field in self.fields}
        return FieldDefinition.objects.in_force().filter(
            workspace=self.experiment.workspace_id, key__in=keys
        )

    def required(self, kind: FieldKind) -> list[str]:
        """Return the keys of a kind that a run must have."""
        wanted: list[dict[str, Any]] = self.fields
        return [
            field["key"]
            for field in wanted
            if field["kind"] == kind and field["required"]
        ]
