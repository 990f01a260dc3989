"""What goes out: serializers that only print."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from registry.models import (
    Attestation,
    Closing,
    GateRun,
    ModelVersion,
    Policy,
    PromotionRequest,
    RegisteredModel,
    ReportOrder,
    SignOff,
    Slot,
    Waiver,
)
from registry.services.assessment import assess
from registry.services.quorum import required_signers
from registry.services.sign_offs import missing_roles
from registry.signing import valid_sign_offs


class RegisteredModelOutput(serializers.ModelSerializer[RegisteredModel]):
    """A registered model."""

    owner = serializers.CharField(
        source="owner.username", default=None, allow_null=True
    )

    class Meta:
        model = RegisteredModel
        fields = ("name", "purpose", "tier", "owner", "created_at")


class ModelVersionOutput(serializers.ModelSerializer[ModelVersion]):
    """A version with the run and the artifact that it comes from."""

    registered_model = serializers.CharField(source="registered_model.name")
    version = serializers.IntegerField(source="number")
    run_id = serializers.CharField(
        source="source_run.run_id", default=None, allow_null=True
    )
    artifact_path = serializers.CharField(source="path")

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
    """A policy for a model or for tiers; `published_at` is null while it is a draft."""

    registered_model = serializers.CharField(
        source="registered_model.name", default=None, allow_null=True
    )
    published_at = serializers.DateTimeField(
        source="publication.published_at", default=None, allow_null=True
    )

    class Meta:
        model = Policy
        fields = (
            "id",
            "registered_model",
            "tiers",
            "environment",
            "name",
            "version",
            "digest",
            "published_at",
            "document",
        )


class GateRunOutput(serializers.ModelSerializer[GateRun]):
    """A gate of the current attempt; the verdict's fields are null until it is in."""

    outcome = serializers.CharField(
        source="verdict.outcome", default=None, allow_null=True
    )
    estimate = serializers.FloatField(
        source="verdict.estimate", default=None, allow_null=True
    )
    lower = serializers.FloatField(
        source="verdict.lower", default=None, allow_null=True
    )
    upper = serializers.FloatField(
        source="verdict.upper", default=None, allow_null=True
    )
    comparator = serializers.CharField(
        source="verdict.comparator", default=None, allow_null=True
    )
    threshold = serializers.FloatField(
        source="verdict.threshold", default=None, allow_null=True
    )
    n = serializers.IntegerField(source="verdict.n", default=None, allow_null=True)
    evidence_level = serializers.CharField(
        source="verdict.evidence_level", default=None, allow_null=True
    )
    reason = serializers.CharField(
        source="verdict.reason_code", default=None, allow_null=True
    )
    waiver = serializers.SerializerMethodField()
    sentence = serializers.CharField(
        source="verdict.sentence", default=None, allow_null=True
    )
    digest = serializers.CharField(
        source="verdict.digest", default=None, allow_null=True
    )

    class Meta:
        model = GateRun
        fields = (
            "gate",
            "work_state",
            "outcome",
            "waiver",
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

    def get_waiver(self, run: GateRun) -> int | None:
        """Return the waiver in force; the outcome stays what the gate said."""
        found: int | None = self.context.get("waived", {}).get(run.gate)
        return found


class WaiverOutput(serializers.ModelSerializer[Waiver]):
    """A waiver, who asked for it and who approved it, and how it stands now.

    `outcome` is what the gate said when it was asked for: it covers nothing worse.
    """

    standing = serializers.SerializerMethodField()
    outcome = serializers.CharField(source="verdict.outcome", default=None)
    requested_by = serializers.CharField(source="requested_by.username")
    approvals = serializers.SerializerMethodField()

    class Meta:
        model = Waiver
        fields = (
            "id",
            "request",
            "gate",
            "outcome",
            "scope",
            "standing",
            "reason",
            "compensating_control",
            "residual_risk",
            "renews",
            "starts_at",
            "expires_at",
            "requested_by",
            "requested_at",
            "approvals_needed",
            "approvals",
        )

    def get_standing(self, waiver: Waiver) -> str:
        return waiver.standing(timezone.now())

    def get_approvals(self, waiver: Waiver) -> list[dict[str, Any]]:
        return [
            {
                "printed_name": given.printed_name,
                "reason": given.reason,
                "method": given.method,
                "approved_at": given.approved_at,
            }
            for given in waiver.approvals.all()
        ]


class AttestationOutput(serializers.ModelSerializer[Attestation]):
    """An attestation, and how it stands now."""

    registered_model = serializers.CharField(
        source="model_version.registered_model.name"
    )
    version = serializers.IntegerField(source="model_version.number")
    standing = serializers.SerializerMethodField()

    class Meta:
        model = Attestation
        fields = (
            "id",
            "registered_model",
            "version",
            "environment",
            "kind",
            "source",
            "standing",
            "statement",
            "link",
            "evidence_sha256",
            "printed_name",
            "method",
            "attested_at",
            "expires_at",
        )

    def get_standing(self, attested: Attestation) -> str:
        return attested.standing(timezone.now())


class ClosingOutput(serializers.ModelSerializer[Closing]):
    """How a request ended without a promotion."""

    class Meta:
        model = Closing
        fields = (
            "state",
            "reason",
            "role",
            "printed_name",
            "method",
            "subject_digest",
            "closed_at",
        )


class SignOffOutput(serializers.ModelSerializer[SignOff]):
    """A signature as it is printed."""

    class Meta:
        model = SignOff
        fields = (
            "role",
            "printed_name",
            "meaning",
            "reason",
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
    sign_offs = serializers.SerializerMethodField()
    required_roles = serializers.SerializerMethodField()
    missing_roles = serializers.SerializerMethodField()
    waivers = serializers.SerializerMethodField()
    closing = ClosingOutput(default=None, allow_null=True)

    class Meta(PromotionRequestLine.Meta):
        fields = (  # type: ignore[assignment]  # a subclass prints more fields
            *PromotionRequestLine.Meta.fields,
            "subject_digest",
            "evidence_digest",
            "champion_version",
            "approved_at",
            "approval_expires_at",
            "expires_at",
            "rests_until",
            "sign_offs",
            "required_roles",
            "missing_roles",
            "waivers",
            "closing",
        )

    def to_representation(self, request: PromotionRequest) -> dict[str, Any]:
        """Print gates and attestations as they count at this moment."""
        found = assess(request, timezone.now())
        shown: dict[str, Any] = super().to_representation(request)
        waived = {waiver.gate: waiver.pk for waiver in found.waivers}
        runs = GateRun.objects.of_attempt(request).select_related("verdict")
        gates = GateRunOutput(runs, many=True, context={"waived": waived}).data
        return shown | {
            "gates": list(gates),
            "open_gates": list(found.open_gates),
            "attestations": AttestationOutput(found.attestations, many=True).data,
            "missing_attestations": list(found.missing_attestations),
        }

    def get_champion_version(self, request: PromotionRequest) -> int | None:
        champion = request.snapshots.get(attempt=request.attempt).champion
        return champion.number if champion else None

    def get_evidence_digest(self, request: PromotionRequest) -> str:
        return request.snapshots.get(attempt=request.attempt).digest

    def get_sign_offs(self, request: PromotionRequest) -> list[dict[str, Any]]:
        return list(SignOffOutput(valid_sign_offs(request), many=True).data)

    def get_required_roles(self, request: PromotionRequest) -> list[str]:
        return list(required_signers(request))

    def get_missing_roles(self, request: PromotionRequest) -> list[str]:
        return missing_roles(request)

    def get_waivers(self, request: PromotionRequest) -> list[dict[str, Any]]:
        waivers = Waiver.objects.covering(request).with_people().order_by("pk")
        return list(WaiverOutput(waivers, many=True).data)


class SlotOutput(serializers.ModelSerializer[Slot]):
    """Which version serves; once an emergency is over, the one that served before it."""

    registered_model = serializers.CharField(source="registered_model.name")
    champion_version = serializers.SerializerMethodField()
    champion_artifact_sha256 = serializers.SerializerMethodField()

    class Meta:
        model = Slot
        fields = (
            "registered_model",
            "environment",
            "champion_version",
            "champion_artifact_sha256",
        )

    def get_champion_version(self, slot: Slot) -> int | None:
        serving = slot.serving(timezone.now())
        return serving.number if serving else None

    def get_champion_artifact_sha256(self, slot: Slot) -> str | None:
        serving = slot.serving(timezone.now())
        return serving.artifact_sha256 if serving else None


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
