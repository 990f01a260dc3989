"""What stands on a dataset: versions that were made with it, and where they serve."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.outputs import ModelVersionOutput, SlotOutput
from registry.api.registry_views import RegistryView
from registry.models import ModelVersion, Slot
from registry.models.model_version import ModelVersionQuerySet
from tracking.api.workspace_views import ShortPages
from tracking.lineage import derived_from, uses_of


class DependantsOutput(serializers.Serializer[Any]):
    """A page of versions, and all slots; `is_cut` says that there may be more of both."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ModelVersionOutput(many=True)
    slots = SlotOutput(many=True)
    is_cut = serializers.BooleanField()


class Dependants(RegistryView, ListAPIView[ModelVersion]):
    """Versions whose source run used a dataset, or one that was made of it."""

    pagination_class = ShortPages
    serializer_class = ModelVersionOutput

    @extend_schema(responses=DependantsOutput)
    def get(self, request: Request, *_args: Any, **_path: Any) -> Response:
        datasets, is_cut = derived_from(self.dataset(self.kwargs["pk"]), user=self.user)
        versions = self._made_with(datasets)
        slots = (
            Slot.objects.visible_to(self.user)
            .filter(champion__in=versions)
            .select_related("registered_model", "champion")
        )
        shown: Any = self.paginate_queryset(
            versions.with_lineage().order_by("registered_model__name", "number")
        )
        page: dict[str, Any] = self.get_paginated_response(
            ModelVersionOutput(shown, many=True).data
        ).data
        serving = SlotOutput(slots.order_by("pk"), many=True).data
        return Response(page | {"slots": serving, "is_cut": is_cut})

    def _made_with(self, datasets: set[int]) -> ModelVersionQuerySet:
        runs = uses_of(datasets, user=self.user).values("run")
        return ModelVersion.objects.visible_to(self.user).filter(source_run__in=runs)
