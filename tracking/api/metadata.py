"""The dictionary of a workspace, templates of experiments, and what a run lacks."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from tracking.api.workspace_views import StrictInput, WorkspaceView, parsed
from tracking.completeness import Category, completeness
from tracking.evidence import read_content
from tracking.metadata_rules import ViolationCode, violations_of
from tracking.models import FieldDefinition, MetadataTemplate
from tracking.models.metadata import FieldKind, FieldType
from tracking.reproduction import open_claim
from tracking.services.metadata import (
    LONGEST_DESCRIPTION,
    LONGEST_KEY,
    MOST_FIELDS,
    MOST_PATTERNS,
    MOST_VALUES,
    define_field,
    set_template,
)


class FieldDefinitionInput(StrictInput):
    """A field of the dictionary; bounds are for numbers."""

    kind = serializers.ChoiceField(FieldKind.choices)
    key = serializers.CharField(max_length=LONGEST_KEY, trim_whitespace=False)
    type = serializers.ChoiceField(FieldType.choices, source="field_type")
    allowed_values = serializers.ListField(
        child=serializers.JSONField(),
        max_length=MOST_VALUES,
        allow_null=True,
        default=None,
    )
    minimum = serializers.FloatField(allow_null=True, default=None)
    maximum = serializers.FloatField(allow_null=True, default=None)
    description = serializers.CharField(
        max_length=LONGEST_DESCRIPTION, allow_blank=True, default=""
    )


class FieldDefinitionOutput(serializers.ModelSerializer[FieldDefinition]):
    """A field as the workspace means it now."""

    class Meta:
        model = FieldDefinition
        fields = (
            "kind",
            "key",
            "number",
            "type",
            "allowed_values",
            "minimum",
            "maximum",
            "description",
            "created_at",
        )


class TemplateFieldInput(StrictInput):
    """A field of the dictionary; what is not required is only checked if it is there."""

    kind = serializers.ChoiceField(FieldKind.choices)
    key = serializers.CharField(max_length=LONGEST_KEY, trim_whitespace=False)
    required = serializers.BooleanField(default=True)  # type: ignore[assignment]  # the template's own word


class MetadataTemplateInput(StrictInput):
    """What runs must have; `artifacts` are patterns of paths, `*` also matches `/`."""

    fields = serializers.ListField(  # type: ignore[assignment]  # the template's own word
        child=TemplateFieldInput(), max_length=MOST_FIELDS, default=list
    )
    artifacts = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_KEY),
        max_length=MOST_PATTERNS,
        default=list,
    )
    blocks_registration = serializers.BooleanField(default=False)


class MetadataTemplateOutput(serializers.ModelSerializer[MetadataTemplate]):
    """A template; number 0 asks for nothing and was never set."""

    class Meta:
        model = MetadataTemplate
        fields = ("number", "fields", "artifacts", "blocks_registration", "created_at")


class ViolationOutput(serializers.Serializer[Any]):
    """One thing that is not as the template wants it."""

    code = serializers.ChoiceField([code.value for code in ViolationCode])
    kind = serializers.CharField()
    key = serializers.CharField()
    sentence = serializers.CharField()


class CategoryOutput(serializers.Serializer[Any]):
    """One category, from 0 (nothing is there) to 1."""

    category = serializers.ChoiceField([category.value for category in Category])
    score = serializers.FloatField()
    present = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(child=serializers.CharField())


class RunCompletenessOutput(serializers.Serializer[Any]):
    """How complete a run is, and what it lacks by name; template 0 asks for nothing."""

    run_id = serializers.CharField()
    template = serializers.IntegerField()
    score = serializers.FloatField(source="completeness.score")
    categories = CategoryOutput(many=True, source="completeness.categories")
    is_dirty = serializers.BooleanField(allow_null=True, source="completeness.is_dirty")
    is_diff_kept = serializers.BooleanField(source="completeness.is_diff_kept")
    violations = ViolationOutput(many=True)
    claim = serializers.CharField(
        allow_null=True,
        help_text="why a run that it claims to reproduce was not compared",
    )


class MetadataFields(WorkspaceView, ListAPIView[FieldDefinition]):
    """List the dictionary as it is in force, define a field."""

    serializer_class = FieldDefinitionOutput

    def get_queryset(self) -> QuerySet[FieldDefinition]:
        return FieldDefinition.objects.in_force().filter(workspace=self.workspace)

    @extend_schema(request=FieldDefinitionInput, responses={201: FieldDefinitionOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(FieldDefinitionInput, request)
        definition = define_field(self.workspace, **fields, actor=self.user)
        return Response(FieldDefinitionOutput(definition).data, status=201)


class MetadataTemplateOfExperiment(WorkspaceView):
    """What the experiment asks of its runs; posting sets it anew."""

    @extend_schema(responses=MetadataTemplateOutput)
    def get(self, _request: Request, pk: int, **_path: str) -> Response:
        template = MetadataTemplate.objects.newest_of(self.experiment(pk))
        return Response(MetadataTemplateOutput(template).data)

    @extend_schema(
        request=MetadataTemplateInput, responses={201: MetadataTemplateOutput}
    )
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(MetadataTemplateInput, request)
        template = set_template(self.experiment(pk), **fields, actor=self.user)
        return Response(MetadataTemplateOutput(template).data, status=201)


class RunCompleteness(WorkspaceView):
    """What of a run is there and what is missing, by name."""

    @extend_schema(responses=RunCompletenessOutput)
    def get(self, _request: Request, run_id: str, **_path: str) -> Response:
        run = self.run(run_id)
        content = read_content(run)
        template = MetadataTemplate.objects.newest_of(run.experiment)
        found = {
            "run_id": run.run_id,
            "template": template.number,
            "completeness": completeness(content, template),
            "violations": violations_of(content, template),
            "claim": open_claim(run, content.tags, viewer=self.user),
        }
        return Response(RunCompletenessOutput(found).data)
