"""What stands on a dataset, a run or a commit: versions, and where they serve."""

from abc import ABC, abstractmethod
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.outputs import ModelVersionOutput, SlotOutput
from registry.api.registry_views import RegistryView
from registry.lineage import Standing, standing_on_dataset, standing_on_runs
from registry.models import ModelVersion
from tracking.api.workspace_views import ShortPages
from tracking.lineage import runs_of_commit
from tracking.models import Run


@extend_schema_serializer(many=False)
class DependantsOutput(serializers.Serializer[Any]):
    """A page of versions, and all slots; `is_cut` says that there may be more of both."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ModelVersionOutput(many=True)
    slots = SlotOutput(many=True)
    is_cut = serializers.BooleanField()


class _Dependants(RegistryView, ListAPIView[ModelVersion], ABC):
    """Prints a page of what a subclass finds."""

    pagination_class = ShortPages
    serializer_class = ModelVersionOutput

    @extend_schema(responses=DependantsOutput)
    def get(self, request: Request, *_args: Any, **_path: Any) -> Response:
        standing = self.standing()
        versions = standing.versions.with_lineage()
        shown: Any = self.paginate_queryset(
            versions.order_by("registered_model__name", "number")
        )
        page: dict[str, Any] = self.get_paginated_response(
            ModelVersionOutput(shown, many=True).data
        ).data
        slots = standing.slots.with_champion().order_by("pk")
        serving = SlotOutput(slots, many=True).data
        return Response(page | {"slots": serving, "is_cut": standing.is_cut})

    @abstractmethod
    def standing(self) -> Standing:
        """Return what stands on what the path names."""


class Dependants(_Dependants):
    """Versions whose source run used a dataset, or one that was made of it."""

    def standing(self) -> Standing:
        return standing_on_dataset(self.dataset(self.kwargs["pk"]), user=self.user)


class DependantsOfRun(_Dependants):
    """Versions that a run made, or that were made with datasets that it made."""

    def standing(self) -> Standing:
        run = self.run(self.kwargs["run_id"])
        return standing_on_runs(
            Run.objects.filter(pk=run.pk),
            workspace=run.experiment.workspace,
            user=self.user,
        )


class DependantsOfCommit(_Dependants):
    """The same of all runs that ran the code of a commit."""

    def standing(self) -> Standing:
        workspace = self.workspace
        runs = runs_of_commit(
            self.kwargs["commit"], workspace=workspace, user=self.user
        )
        return standing_on_runs(runs, workspace=workspace, user=self.user)
