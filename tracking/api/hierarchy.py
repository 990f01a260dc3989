"""Hierarchies of runs: what stands above and below a run, and what an experiment holds."""

import math
from typing import Any

from drf_spectacular.utils import (
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from tracking.api.workspace_views import ShortPages, WorkspaceView
from tracking.hierarchy import (
    DEEPEST,
    Kind,
    forest_of,
    hierarchy_of,
    roll_ups,
    roots_of,
    total_of,
)
from tracking.models import Run


@extend_schema_field(
    {
        "oneOf": [
            {"type": "number", "format": "double"},
            {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
        ]
    }
)
class NumberField(serializers.Field[float, Any, Any, Any]):
    """A number; JSON has no infinities and no NaN, so those are text."""

    def to_representation(self, value: float) -> float | str:
        if math.isfinite(value):
            return value
        if math.isnan(value):
            return "NaN"
        return "Infinity" if value > 0 else "-Infinity"


class PlaceOutput(serializers.Serializer[Any]):
    """A run in a hierarchy."""

    run_id = serializers.CharField(source="place.run_id")
    name = serializers.CharField(source="place.name")
    status = serializers.CharField(source="place.status")
    kind = serializers.ChoiceField(Kind.choices)
    component = serializers.CharField(source="place.component", allow_null=True)
    experiment_id = serializers.IntegerField(source="place.experiment")
    started_at = serializers.DateTimeField(source="place.started_at")
    ended_at = serializers.DateTimeField(source="place.ended_at", allow_null=True)


class MetricRollUpOutput(serializers.Serializer[Any]):
    """The latest values of a metric over direct children, NaN left out."""

    key = serializers.CharField()
    count = serializers.IntegerField()
    min = NumberField()
    max = NumberField()
    mean = NumberField()
    min_run_id = serializers.CharField()
    max_run_id = serializers.CharField()


class RollUpOutput(serializers.Serializer[Any]):
    """What a run and all below it add up to."""

    run = PlaceOutput(source="node")
    descendants = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_kind = serializers.DictField(child=serializers.IntegerField())
    first_start = serializers.DateTimeField()
    last_end = serializers.DateTimeField(allow_null=True)
    leaf_seconds = serializers.FloatField()
    metrics = MetricRollUpOutput(many=True)


class MetricRangeOutput(serializers.Serializer[Any]):
    """The latest values of a metric over the outermost runs, NaN left out."""

    key = serializers.CharField()
    count = serializers.IntegerField()
    min = NumberField()
    max = NumberField()


class TotalOutput(serializers.Serializer[Any]):
    """What all active runs of an experiment add up to."""

    runs = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    first_start = serializers.DateTimeField(allow_null=True)
    last_end = serializers.DateTimeField(allow_null=True)
    metrics = MetricRangeOutput(many=True)


class RollUpPage(serializers.Serializer[Any]):
    """A page of them."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = RollUpOutput(many=True)


class HierarchyOutput(serializers.Serializer[Any]):
    """`is_cut` says that there are more runs, or levels, than were read."""

    ancestors = PlaceOutput(many=True)
    node = RollUpOutput()
    children = RollUpPage()
    depth_limit = serializers.IntegerField()
    is_cut = serializers.BooleanField()
    is_circular = serializers.BooleanField()


# Without this the description would show a page of pages, because a list view answers.
@extend_schema_serializer(many=False)
class ForestOutput(RollUpPage):
    """The roots of an experiment, and what all its runs add up to."""

    total = TotalOutput()
    depth_limit = serializers.IntegerField()
    is_cut = serializers.BooleanField()


class HierarchyOfRun(WorkspaceView, GenericAPIView[Run]):
    """What stands above a run and below it; `limit` and `offset` page the children."""

    pagination_class = ShortPages
    serializer_class = HierarchyOutput

    @extend_schema(responses=HierarchyOutput)
    def get(self, request: Request, run_id: str, **_path: str) -> Response:
        found = hierarchy_of(self.run(run_id), user=self.user)
        shown: Any = self.paginate_queryset(found.node.children)
        node, *children = roll_ups([found.node, *shown])
        page = self.get_paginated_response(RollUpOutput(children, many=True).data)
        return Response(
            {
                "ancestors": PlaceOutput(found.ancestors, many=True).data,
                "node": RollUpOutput(node).data,
                "children": page.data,
                "depth_limit": DEEPEST,
                "is_cut": found.is_cut,
                "is_circular": found.is_circular,
            }
        )


class HierarchyOfExperiment(WorkspaceView, ListAPIView[Run]):
    """The runs of an experiment that are nested in none of it, newest first."""

    pagination_class = ShortPages
    serializer_class = RollUpOutput
    queryset = Run.objects.none()  # for the schema's names of the parameters

    @extend_schema(responses=ForestOutput)
    def get(self, request: Request, *_args: Any, **_path: Any) -> Response:
        experiment = self.experiment(self.kwargs["pk"])
        roots = roots_of(experiment).order_by("-started_at", "-pk")
        runs: Any = self.paginate_queryset(roots)
        forest = forest_of(runs, workspace=self.workspace, user=self.user)
        rolled_up = RollUpOutput(roll_ups(forest.nodes), many=True)
        page: dict[str, Any] = self.get_paginated_response(rolled_up.data).data
        return Response(
            page
            | {
                "total": TotalOutput(total_of(experiment)).data,
                "depth_limit": DEEPEST,
                "is_cut": forest.is_cut,
            }
        )
