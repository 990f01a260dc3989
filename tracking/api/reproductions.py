"""What it takes to run a run again, and how near those came who did."""

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from tracking.api.workspace_views import StrictInput, WorkspaceView, parsed
from tracking.models import Reproduction
from tracking.rehydration import rehydration
from tracking.services.reproductions import DEFAULT, declare_reproduction


class ReproductionInput(StrictInput):
    """The run that was done again, and how far metrics may lie from its own."""

    original = serializers.CharField(max_length=32)
    relative_tolerance = serializers.FloatField(default=DEFAULT.relative)
    absolute_tolerance = serializers.FloatField(default=DEFAULT.absolute)


class ReproductionOutput(serializers.ModelSerializer[Reproduction]):
    """One comparison; numbers are texts from which the very same bits are read."""

    run_id = serializers.CharField(source="run.run_id")
    original = serializers.CharField(source="original.run_id")
    created_by = serializers.CharField(source="created_by.username")

    class Meta:
        model = Reproduction
        fields = (
            "run_id",
            "original",
            "level_reached",
            "tolerances",
            "comparison",
            "content",
            "created_by",
            "created_at",
        )


class RunRehydration(WorkspaceView):
    """The bundle to run it again, with what is missing by name."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, _request: Request, run_id: str, **_path: str) -> Response:
        bundle = rehydration(self.run(run_id))
        answer: dict[str, Any] = {**asdict(bundle), "digest": bundle.digest}
        return Response(answer)


class RunReproductions(WorkspaceView, ListAPIView[Reproduction]):
    """List what the run reproduces and what reproduces it; declare a reproduction."""

    serializer_class = ReproductionOutput

    def get_queryset(self) -> QuerySet[Reproduction]:
        found = Reproduction.objects.about(self.run(self.kwargs["run_id"]))
        return found.visible_to(self.user).select_related(
            "run", "original", "created_by"
        )

    @extend_schema(request=ReproductionInput, responses={201: ReproductionOutput})
    def post(self, request: Request, run_id: str, **_path: str) -> Response:
        fields = parsed(ReproductionInput, request)
        run, original = self.run(run_id), self.run(fields.pop("original"))
        reproduction = declare_reproduction(
            run, original=original, **fields, actor=self.user
        )
        return Response(ReproductionOutput(reproduction).data, status=201)
