"""What a model is for: describe it by cards, and sign its risk tier."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.inputs import SignedInput
from registry.api.registry_views import RegistryView
from registry.models import ModelCard, RegisteredModel, TierAssessment
from registry.models.model_card import LONGEST_INTERVAL_MONTHS, Origin
from registry.models.tier import Tier
from registry.services.model_cards import write_model_card
from registry.services.tiers import assess_tier
from tracking.api.workspace_views import parsed, parsed_query
from tracking.people import account_named


class OfModel(serializers.Serializer[Any]):
    """Names a model, whose name may not fit into a path."""

    registered_model = serializers.CharField(max_length=250)


class DescribeModelInput(OfModel):
    """A card, whole: what is left out is not stated."""

    purpose = serializers.CharField(max_length=5000)
    limits_of_use = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True, default=""
    )
    origin = serializers.ChoiceField(Origin.choices, default=Origin.OWN)
    vendor = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default=""
    )
    owner = serializers.CharField(max_length=150, help_text="username of a person")
    executive = serializers.CharField(
        max_length=150,
        required=False,
        allow_null=True,
        default=None,
        help_text="username of who is accountable; tier 1 needs one",
    )
    upstream = serializers.ListField(
        child=serializers.CharField(max_length=250),
        max_length=100,
        required=False,
        default=list,
        help_text="names of the models whose output it works with",
    )
    revalidation_months = serializers.IntegerField(
        min_value=1,
        max_value=LONGEST_INTERVAL_MONTHS,
        required=False,
        allow_null=True,
        default=None,
        help_text="another interval than that of the tier, with a reason",
    )
    revalidation_reason = serializers.CharField(
        max_length=2000, required=False, allow_blank=True, default=""
    )
    replaces = serializers.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        required=False,
        allow_null=True,
        help_text="number of the card that this one was written against, 0: of none",
    )


class AssessTierInput(SignedInput, OfModel):
    """The tier, what is exposed to the model, why, and the password once more."""

    tier = serializers.ChoiceField(Tier.choices)
    rationale = serializers.CharField(max_length=10_000)
    exposure = serializers.CharField(max_length=2000)


class ModelCardOutput(serializers.ModelSerializer[ModelCard]):
    """A card; what is empty was not stated."""

    owner = serializers.CharField(source="owner.username")
    executive = serializers.CharField(
        source="executive.username", default=None, allow_null=True
    )
    created_by = serializers.CharField(source="created_by.username")
    upstream = serializers.SerializerMethodField()

    class Meta:
        model = ModelCard
        fields = (
            "number",
            "purpose",
            "limits_of_use",
            "origin",
            "vendor",
            "owner",
            "executive",
            "upstream",
            "revalidation_months",
            "revalidation_reason",
            "created_by",
            "created_at",
        )

    def get_upstream(self, card: ModelCard) -> list[str]:
        """Name what the reader may see of what the model works with."""
        stated = [item.upstream for item in card.dependencies.all()]
        return sorted(model.name for model in stated if model in self.context["seen"])


class TierAssessmentOutput(serializers.ModelSerializer[TierAssessment]):
    """A signed assessment, as it is printed."""

    class Meta:
        model = TierAssessment
        fields = (
            "tier",
            "former_tier",
            "rationale",
            "exposure",
            "printed_name",
            "method",
            "signed_at",
        )


class _OfOneModel(RegistryView):
    """Lists what belongs to the model that the query names."""

    def asked(self) -> RegisteredModel:
        return self.model(parsed_query(OfModel, self.request)["registered_model"])


class ModelCards(_OfOneModel, ListAPIView[ModelCard]):
    """List the cards of a model (`?registered_model=`), newest first; write one."""

    serializer_class = ModelCardOutput

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "seen": self.seen()}

    def seen(self) -> set[RegisteredModel]:
        """Return the models on which others stand, as far as the reader sees them."""
        seen = RegisteredModel.objects.visible_to(self.user)
        return set(seen.filter(workspace=self.workspace, dependants__isnull=False))

    def get_queryset(self) -> QuerySet[ModelCard]:
        return self.asked().cards.with_people().order_by("-number")

    @extend_schema(parameters=[OfModel])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(request=DescribeModelInput, responses={201: ModelCardOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(DescribeModelInput, request)
        model = self.model(fields.pop("registered_model"))
        fields["owner"] = account_named(fields["owner"])
        if fields["executive"] is not None:
            fields["executive"] = account_named(fields["executive"])
        fields["upstream"] = [
            self.model(name) for name in sorted({*fields["upstream"]})
        ]
        card = write_model_card(model, **fields, actor=self.user)
        shown = self.get_serializer(card)
        return Response(shown.data, status=201)


class TierAssessments(_OfOneModel, ListAPIView[TierAssessment]):
    """List who put a model into which tier and why; sign a new one in a session."""

    serializer_class = TierAssessmentOutput

    def get_queryset(self) -> QuerySet[TierAssessment]:
        return self.asked().tier_assessments.order_by("-pk")

    @extend_schema(parameters=[OfModel])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(request=AssessTierInput, responses={201: TierAssessmentOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(AssessTierInput, request)
        signed = assess_tier(
            self.model(fields.pop("registered_model")),
            **fields,
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return Response(TierAssessmentOutput(signed).data, status=201)
