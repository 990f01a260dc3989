"""Registered models as an inventory, their versions and slots."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.inputs import RegisterModelInput, RegisterVersionInput
from registry.api.inventory import InventoryOutput
from registry.api.outputs import (
    ModelVersionOutput,
    RegisteredModelOutput,
    SlotOutput,
)
from registry.api.registry_views import RegistryView
from registry.models import ModelVersion, RegisteredModel, Slot
from registry.services.inventory import inventory
from registry.services.model_versions import register_version
from registry.services.registered_models import register_model
from tracking.api.workspace_views import parsed
from tracking.people import account_named


class RegisteredModels(RegistryView, ListAPIView[RegisteredModel]):
    """List models, register one."""

    serializer_class = InventoryOutput

    def get_queryset(self) -> QuerySet[RegisteredModel]:
        models = RegisteredModel.objects.visible_to(self.user)
        return (
            models.filter(workspace=self.workspace)
            .select_related("owner")
            .order_by("name")
        )

    def paginate_queryset(self, queryset: Any) -> Any:
        page: Any = super().paginate_queryset(queryset)
        return inventory(page, timezone.now(), user=self.user)

    @extend_schema(request=RegisterModelInput, responses={201: RegisteredModelOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(RegisterModelInput, request)
        fields["owner"] = account_named(fields["owner"])
        model = register_model(self.workspace, **fields, actor=self.user)
        return Response(RegisteredModelOutput(model).data, status=201)


class ModelVersions(RegistryView, ListAPIView[ModelVersion]):
    """List versions (`?registered_model=`), register one."""

    serializer_class = ModelVersionOutput

    def get_queryset(self) -> QuerySet[ModelVersion]:
        versions = ModelVersion.objects.visible_to(self.user).filter(
            registered_model__workspace=self.workspace
        )
        if name := self.request.query_params.get("registered_model"):
            versions = versions.filter(registered_model__name=name)
        return versions.with_lineage().order_by("registered_model__name", "number")

    @extend_schema(request=RegisterVersionInput, responses={201: ModelVersionOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(RegisterVersionInput, request)
        version = register_version(
            self.model(fields["registered_model"]),
            source_run=self.run(fields["run_id"]),
            artifact_path=fields["artifact_path"],
            artifact_sha256=fields["artifact_sha256"],
            actor=self.user,
        )
        return Response(ModelVersionOutput(version).data, status=201)


class Slots(RegistryView, ListAPIView[Slot]):
    """List which version serves where (`?registered_model=`)."""

    serializer_class = SlotOutput

    def get_queryset(self) -> QuerySet[Slot]:
        slots = Slot.objects.visible_to(self.user).filter(
            registered_model__workspace=self.workspace
        )
        if name := self.request.query_params.get("registered_model"):
            slots = slots.filter(registered_model__name=name)
        return slots.with_champion().order_by("pk")
