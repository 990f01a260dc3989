"""What goes out: serializers that only print."""

from typing import Any

from rest_framework import serializers

from registry.models import (
    GateRun,
    ModelVersion,
    Policy,
    PromotionRequest,
    RegisteredModel,
    ReportOrder,
    SignOff,
    Slot,
)
from registry.services.sign_offs import missing_roles
from registry.signing import valid_sign_offs


class RegisteredModelOutput(serializers.ModelSerializer[RegisteredModel]):
    """A registered model."""

    owner = serializers.CharField(source="owner.username")

    class Meta:
        model = RegisteredModel
        fields = ("name", "purpose", "tier", "owner", "created_at")


class ModelVersionOutput(serializers.ModelSerializer[ModelVersion]):
    """A version with the run and the artifact that it comes from."""

    registered_model = serializers.CharField(source="registered_model.name")
    version = serializers.IntegerField(source="number")
    run_id = serializers.CharField(source="source_run.run_id")
    artifact_path = serializers.CharField(source="artifact.path")

    class Meta:
        model = ModelVersion
        fields = (
            "registered_model",
            "version",
            "run_id",
            "artifact_path",
            "artifact_sha256",
            "created_at",
        )


class PolicyOutput(serializers.ModelSerializer[Policy]):
    """A policy; `published_at` is null while it is a draft."""

    registered_model = serializers.CharField(source="registered_model.name")
    published_at = serializers.DateTimeField(
        source="publication.published_at", default=None
    )

    class Meta:
        model = Policy
        fields = (
            "id",
            "registered_model",
            "environment",
            "name",
            "version",
            "digest",
            "published_at",
            "document",
        )


class GateRunOutput(serializers.ModelSerializer[GateRun]):
    """A gate of the current attempt; the verdict's fields are null until it is in."""

    outcome = serializers.CharField(source="verdict.outcome", default=None)
    estimate = serializers.FloatField(source="verdict.estimate", default=None)
    lower = serializers.FloatField(source="verdict.lower", default=None)
    upper = serializers.FloatField(source="verdict.upper", default=None)
    comparator = serializers.CharField(source="verdict.comparator", default=None)
    threshold = serializers.FloatField(source="verdict.threshold", default=None)
    n = serializers.IntegerField(source="verdict.n", default=None)
    evidence_level = serializers.CharField(
        source="verdict.evidence_level", default=None
    )
    reason = serializers.CharField(source="verdict.reason_code", default=None)
    sentence = serializers.CharField(source="verdict.sentence", default=None)
    digest = serializers.CharField(source="verdict.digest", default=None)

    class Meta:
        model = GateRun
        fields = (
            "gate",
            "work_state",
            "outcome",
            "estimate",
            "lower",
            "upper",
            "comparator",
            "threshold",
            "n",
            "evidence_level",
            "reason",
            "sentence",
            "digest",
        )


class SignOffOutput(serializers.ModelSerializer[SignOff]):
    """A signature as it is printed."""

    class Meta:
        model = SignOff
        fields = (
            "role",
            "printed_name",
            "meaning",
            "method",
            "signed_at",
            "subject_digest",
        )


class PromotionRequestLine(serializers.ModelSerializer[PromotionRequest]):
    """A request in a list."""

    registered_model = serializers.CharField(
        source="model_version.registered_model.name"
    )
    version = serializers.IntegerField(source="model_version.number")
    policy = serializers.CharField(source="policy.__str__")

    class Meta:
        model = PromotionRequest
        fields = (
            "id",
            "registered_model",
            "version",
            "environment",
            "state",
            "attempt",
            "policy",
            "created_at",
        )


class PromotionRequestOutput(PromotionRequestLine):
    """A request with its gates and signatures, and what is still missing."""

    champion_version = serializers.SerializerMethodField()
    evidence_digest = serializers.SerializerMethodField()
    gates = serializers.SerializerMethodField()
    sign_offs = serializers.SerializerMethodField()
    missing_roles = serializers.SerializerMethodField()

    class Meta(PromotionRequestLine.Meta):
        fields = (  # type: ignore[assignment]  # a subclass prints more fields
            *PromotionRequestLine.Meta.fields,
            "subject_digest",
            "evidence_digest",
            "champion_version",
            "approved_at",
            "approval_expires_at",
            "gates",
            "sign_offs",
            "missing_roles",
        )

    def get_champion_version(self, request: PromotionRequest) -> int | None:
        champion = request.snapshots.get(attempt=request.attempt).champion
        return champion.number if champion else None

    def get_evidence_digest(self, request: PromotionRequest) -> str:
        return request.snapshots.get(attempt=request.attempt).digest

    def get_gates(self, request: PromotionRequest) -> list[dict[str, Any]]:
        runs = GateRun.objects.of_attempt(request).select_related("verdict")
        return list(GateRunOutput(runs, many=True).data)

    def get_sign_offs(self, request: PromotionRequest) -> list[dict[str, Any]]:
        return list(SignOffOutput(valid_sign_offs(request), many=True).data)

    def get_missing_roles(self, request: PromotionRequest) -> list[str]:
        return missing_roles(request)


class SlotOutput(serializers.ModelSerializer[Slot]):
    """Which version serves."""

    registered_model = serializers.CharField(source="registered_model.name")
    champion_version = serializers.IntegerField(source="champion.number", default=None)
    champion_artifact_sha256 = serializers.CharField(
        source="champion.artifact_sha256", default=None, allow_null=True
    )

    class Meta:
        model = Slot
        fields = (
            "registered_model",
            "environment",
            "champion_version",
            "champion_artifact_sha256",
        )


class ReportOrderOutput(serializers.ModelSerializer[ReportOrder]):
    """An order; the digests are null until the report is there."""

    registered_model = serializers.CharField(
        source="model_version.registered_model.name"
    )
    version = serializers.IntegerField(source="model_version.number")
    state = serializers.CharField(source="work_state")
    pdf_sha256 = serializers.CharField(
        source="report.pdf_sha256", default=None, allow_null=True
    )
    data_sha256 = serializers.CharField(
        source="report.data_sha256", default=None, allow_null=True
    )

    class Meta:
        model = ReportOrder
        fields = (
            "id",
            "registered_model",
            "version",
            "state",
            "failure",
            "pdf_sha256",
            "data_sha256",
            "created_at",
        )
