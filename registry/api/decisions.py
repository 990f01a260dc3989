"""The question of every deployment: may this artifact serve there, now?"""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.registry_views import RegistryView
from registry.models import ModelVersion
from registry.services.decisions import Answer, decide_among
from tracking.api.pages import FARTHEST
from tracking.api.workspace_views import parsed_query

DIGEST_PREFIX = "sha256:"


class DecisionQuestion(serializers.Serializer[Any]):
    """An artifact by its digest, or a version of a model; and an environment."""

    environment = serializers.SlugField(max_length=50)
    artifact_digest = serializers.RegexField(
        r"^(sha256:)?[0-9a-f]{64}\Z", required=False, help_text="of the file to deploy"
    )
    registered_model = serializers.CharField(max_length=250, required=False)
    version = serializers.IntegerField(min_value=1, max_value=FARTHEST, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_named = "registered_model" in attrs and "version" in attrs
        if "artifact_digest" not in attrs and not is_named:
            raise serializers.ValidationError(
                "Name the artifact_digest, or a registered_model and its version."
            )
        return attrs


class ReasonOutput(serializers.Serializer[Any]):
    """A code for programs and a sentence for people."""

    code = serializers.CharField()
    sentence = serializers.CharField()


class WaiverInForce(serializers.Serializer[Any]):
    """A gate that was let through, until a day."""

    id = serializers.IntegerField(source="pk")
    gate = serializers.CharField()
    expires_at = serializers.DateTimeField()


class DecisionOutput(serializers.Serializer[Any]):
    """Only `allow` lets anything serve, and not beyond `expires_at`."""

    answer = serializers.ChoiceField([answer.value for answer in Answer])
    environment = serializers.CharField()
    decided_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    registered_model = serializers.CharField(
        source="version.registered_model.name", default=None, allow_null=True
    )
    version = serializers.IntegerField(
        source="version.number", default=None, allow_null=True
    )
    artifact_sha256 = serializers.CharField(
        source="version.artifact_sha256", default=None, allow_null=True
    )
    reasons = ReasonOutput(many=True)
    warnings = ReasonOutput(many=True)
    waivers = WaiverInForce(many=True)
    restrictions = serializers.ListField(child=serializers.CharField())
    policy = serializers.CharField(
        source="policy.subject", default=None, allow_null=True
    )
    policy_digest = serializers.CharField(
        source="policy.digest", default=None, allow_null=True
    )
    request = serializers.IntegerField(
        source="request.pk", default=None, allow_null=True
    )


class Decisions(RegistryView):
    """Answer allow, deny or pending; what is not known, or not yours to see, is denied."""

    @extend_schema(parameters=[DecisionQuestion], responses=DecisionOutput)
    def get(self, request: Request, **_path: str) -> Response:
        asked = parsed_query(DecisionQuestion, request)
        decision = decide_among(
            self._versions(asked),
            environment=asked["environment"],
            now=timezone.now(),
        )
        return Response(DecisionOutput(decision).data)

    def _versions(self, asked: dict[str, Any]) -> list[ModelVersion]:
        versions = ModelVersion.objects.visible_to(self.user).filter(
            registered_model__workspace=self.workspace
        )
        if sha256 := asked.get("artifact_digest"):
            versions = versions.filter(
                artifact_sha256=sha256.removeprefix(DIGEST_PREFIX)
            )
        if name := asked.get("registered_model"):
            versions = versions.filter(registered_model__name=name)
        if number := asked.get("version"):
            versions = versions.filter(number=number)
        # Two are enough to see that the digest names no single model.
        return list(versions.with_lineage().order_by("pk")[:2])
