"""Validate a champion again, say what calls for that, retire versions and models."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.inputs import SignedInput
from registry.api.registry_views import RegistryView
from registry.models import (
    RegisteredModel,
    Retirement,
    Revalidation,
    RevalidationTrigger,
)
from registry.models.revalidation import STATED_BY_HAND
from registry.reports.sight import Sight, sight_of
from registry.services.retirements import retire
from registry.services.revalidations import revalidate, trigger_revalidation
from tracking.api.pages import FARTHEST
from tracking.api.workspace_views import parsed


class TriggerInput(serializers.Serializer[Any]):
    """What happened to a model, or to one version of it."""

    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(
        min_value=1, max_value=FARTHEST, required=False, allow_null=True
    )
    kind = serializers.ChoiceField(
        [(kind.value, kind.label) for kind in STATED_BY_HAND]
    )
    detail = serializers.CharField(max_length=2000)


class RevalidateInput(SignedInput):
    """Which champion was validated, what that came to, and the password once more."""

    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(min_value=1, max_value=FARTHEST)
    environment = serializers.SlugField(max_length=50)
    conclusion = serializers.CharField(max_length=2000)


class RetireInput(SignedInput):
    """A version, or without one the whole model, why, and the password once more."""

    registered_model = serializers.CharField(max_length=250)
    version = serializers.IntegerField(
        min_value=1, max_value=FARTHEST, required=False, allow_null=True
    )
    reason = serializers.CharField(max_length=2000)


class TriggerOutput(serializers.ModelSerializer[RevalidationTrigger]):
    """What called for a validation."""

    registered_model = serializers.CharField(source="registered_model.name")
    version = serializers.IntegerField(
        source="model_version.number", default=None, allow_null=True
    )
    recorded_by = serializers.CharField(source="recorded_by.username")

    class Meta:
        model = RevalidationTrigger
        fields = (
            "registered_model",
            "version",
            "kind",
            "cause",
            "detail",
            "recorded_by",
            "recorded_at",
        )


class RevalidationOutput(serializers.ModelSerializer[Revalidation]):
    """A signed validation of a champion."""

    registered_model = serializers.CharField(source="slot.registered_model.name")
    environment = serializers.CharField(source="slot.environment")
    version = serializers.IntegerField(source="model_version.number")

    class Meta:
        model = Revalidation
        fields = (
            "registered_model",
            "environment",
            "version",
            "conclusion",
            "printed_name",
            "method",
            "signed_at",
        )


class RetirementOutput(serializers.ModelSerializer[Retirement]):
    """A retirement; `dependants` are emptied slots and models that stand on it.

    Of the models, those that one sees; `dependants_unnamed` counts the others.
    """

    registered_model = serializers.CharField(source="registered_model.name")
    version = serializers.IntegerField(
        source="model_version.number", default=None, allow_null=True
    )
    dependants = serializers.SerializerMethodField()
    dependants_unnamed = serializers.SerializerMethodField()

    class Meta:
        model = Retirement
        fields = (
            "registered_model",
            "version",
            "reason",
            "dependants",
            "dependants_unnamed",
            "printed_name",
            "method",
            "retired_at",
        )

    def get_dependants(self, retirement: Retirement) -> list[str]:
        return list(self._sight.subjects(retirement.dependants)[0])

    def get_dependants_unnamed(self, retirement: Retirement) -> int:
        return self._sight.subjects(retirement.dependants)[1]

    @property
    def _sight(self) -> Sight:
        sight: Sight = self.context["sight"]
        return sight


class _Listed(RegistryView):
    """Lists what belongs to the models that one sees, perhaps of one model only."""

    def models(self) -> QuerySet[RegisteredModel]:
        models = RegisteredModel.objects.visible_to(self.user).filter(
            workspace=self.workspace
        )
        name = self.request.query_params.get("registered_model")
        return models.filter(name=name) if name else models


class RevalidationTriggers(_Listed, ListAPIView[RevalidationTrigger]):
    """List what called for validations (`?registered_model=`); record it, with a token too."""

    serializer_class = TriggerOutput

    def get_queryset(self) -> QuerySet[RevalidationTrigger]:
        triggers = RevalidationTrigger.objects.filter(
            registered_model__in=self.models()
        )
        return triggers.select_related(
            "registered_model", "model_version", "recorded_by"
        ).order_by("-pk")

    @extend_schema(request=TriggerInput, responses={201: TriggerOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(TriggerInput, request)
        name, number = fields.pop("registered_model"), fields.pop("version", None)
        trigger = trigger_revalidation(
            self.model(name),
            version=self.version(name, number) if number else None,
            **fields,
            actor=self.user,
        )
        return Response(TriggerOutput(trigger).data, status=201)


class Revalidations(_Listed, ListAPIView[Revalidation]):
    """List validations of champions; sign one in a logged-in session."""

    serializer_class = RevalidationOutput

    def get_queryset(self) -> QuerySet[Revalidation]:
        signed = Revalidation.objects.filter(slot__registered_model__in=self.models())
        return signed.select_related(
            "slot__registered_model", "model_version"
        ).order_by("-pk")

    @extend_schema(request=RevalidateInput, responses={201: RevalidationOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(RevalidateInput, request)
        name = fields.pop("registered_model")
        signed = revalidate(
            self.slot(name, fields.pop("environment")),
            version=self.version(name, fields.pop("version")),
            **fields,
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return Response(RevalidationOutput(signed).data, status=201)


class Retirements(_Listed, ListAPIView[Retirement]):
    """List what was retired; retire a version or a model in a logged-in session."""

    serializer_class = RetirementOutput

    def get_serializer_context(self) -> dict[str, Any]:
        sight = sight_of(self.user, self.workspace)
        return {**super().get_serializer_context(), "sight": sight}

    def get_queryset(self) -> QuerySet[Retirement]:
        retired = Retirement.objects.filter(registered_model__in=self.models())
        return retired.select_related("registered_model", "model_version").order_by(
            "-pk"
        )

    @extend_schema(request=RetireInput, responses={201: RetirementOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(RetireInput, request)
        name, number = fields.pop("registered_model"), fields.pop("version", None)
        retirement = retire(
            self.model(name),
            version=self.version(name, number) if number else None,
            **fields,
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return Response(self.get_serializer(retirement).data, status=201)
