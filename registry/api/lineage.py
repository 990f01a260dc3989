"""Which data, code and run made a version, or the version that serves somewhere."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError
from registry.api.outputs import ModelVersionOutput, PromotionRequestLine
from registry.api.registry_views import RegistryView
from registry.lineage import lineage_of_version
from registry.models import ModelVersion
from tracking.api.datasets import NamedDataset
from tracking.api.pages import FARTHEST
from tracking.api.workspace_views import parsed_query


class LineageQuestion(serializers.Serializer[Any]):
    """A version by its number, or the one that serves in an environment."""

    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(min_value=1, max_value=FARTHEST, required=False)
    environment = serializers.SlugField(max_length=50, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("version" in attrs) == ("environment" in attrs):
            raise serializers.ValidationError(
                "Name either a version or an environment."
            )
        return attrs


class UsedDataset(serializers.Serializer[Any]):
    """A dataset, and what the run used it for."""

    id = serializers.IntegerField(source="dataset.pk")
    name = serializers.CharField(source="dataset.name")
    digest = serializers.CharField(source="dataset.digest")
    context = serializers.CharField()  # type: ignore[assignment]  # REST framework takes fields off the class


class OriginOutput(serializers.Serializer[Any]):
    """A run made `dataset` of others, `depth` steps behind the source run."""

    depth = serializers.IntegerField()
    dataset = NamedDataset()
    run_id = serializers.CharField(source="run.run_id")
    made_from = NamedDataset(source="datasets", many=True)


class CodeOutput(serializers.Serializer[Any]):
    """What the run says of its code; null: nothing tells."""

    commit = serializers.CharField(allow_null=True)
    branch = serializers.CharField(allow_null=True)
    repository = serializers.CharField(allow_null=True)
    entry_point = serializers.CharField(allow_null=True)
    is_dirty = serializers.BooleanField(allow_null=True)


class SourceRunOutput(serializers.Serializer[Any]):
    """The run that made the version."""

    run_id = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()
    experiment = serializers.CharField(source="experiment.name")
    created_by = serializers.CharField(source="created_by.username")
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class LineageOutput(serializers.Serializer[Any]):
    """Run and code are null for who may not see the run."""

    version = ModelVersionOutput()
    run = SourceRunOutput(allow_null=True)
    code = CodeOutput(allow_null=True)
    datasets = UsedDataset(many=True)
    origins = OriginOutput(source="origins.steps", many=True)
    is_cut = serializers.BooleanField(source="origins.is_cut")
    serves_in = serializers.SerializerMethodField()
    promotion_requests = PromotionRequestLine(source="requests", many=True)

    def get_serves_in(self, lineage: Any) -> list[str]:
        return [slot.environment for slot in lineage.slots]


class Lineage(RegistryView):
    """Answer for a version, or for the champion of an environment."""

    @extend_schema(parameters=[LineageQuestion], responses=LineageOutput)
    def get(self, request: Request, **_path: str) -> Response:
        asked = parsed_query(LineageQuestion, request)
        lineage = lineage_of_version(self._version(asked), user=self.user)
        return Response(LineageOutput(lineage).data)

    def _version(self, asked: dict[str, Any]) -> ModelVersion:
        model = asked["registered_model"]
        if "version" in asked:
            return self.version(model, asked["version"])
        serving = self.slot(model, asked["environment"]).serving(timezone.now())
        if serving is None:
            raise NotFoundError(
                "slot_empty",
                f"Nothing of {model!r} serves in {asked['environment']} now.",
            )
        return self.version(model, serving.number)
