"""Datasets: register and list them, describe them by cards, follow their lineage."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from tracking.api.workspace_views import (
    ShortPages,
    WorkspaceView,
    parsed,
    parsed_query,
)
from tracking.lineage import datasets_of, lineage_of
from tracking.models import Dataset, DatasetCard
from tracking.models.dataset import Sensitivity
from tracking.services.datasets import describe_dataset, register_dataset

NO_LABEL = "none"
NOT_STATED = "not_stated"


class RegisterDatasetInput(serializers.Serializer[Any]):
    """A dataset by name and digest, with the lengths that MLflow's clients may send."""

    name = serializers.CharField(max_length=500, trim_whitespace=False)
    digest = serializers.CharField(max_length=36, trim_whitespace=False)
    source_type = serializers.CharField(max_length=500)
    source = serializers.CharField(  # type: ignore[assignment]  # REST framework takes fields off the class
        max_length=65_535, trim_whitespace=False
    )
    schema = serializers.CharField(
        max_length=1_048_575, required=False, allow_blank=True, trim_whitespace=False
    )
    profile = serializers.CharField(
        max_length=1_048_575, required=False, allow_blank=True, trim_whitespace=False
    )


class DescribeDatasetInput(serializers.Serializer[Any]):
    """A card, whole: what is left out is not stated."""

    rows = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, required=False, allow_null=True
    )
    window_start = serializers.DateField(required=False, allow_null=True)
    window_end = serializers.DateField(required=False, allow_null=True)
    labels = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True, help_text="how, by whom"
    )
    labellers = serializers.ListField(
        child=serializers.CharField(max_length=150),
        max_length=100,
        required=False,
        help_text="usernames",
    )
    licence = serializers.RegexField(
        r"^[A-Za-z0-9.+:() -]*\Z",
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="an SPDX expression, or LicenseRef- and a name",
    )
    sensitivity = serializers.ListField(
        child=serializers.ChoiceField(Sensitivity.choices),
        max_length=len(Sensitivity),
        required=False,
        allow_null=True,
        help_text="[] says that no label applies, null that nobody has looked",
    )
    known_gaps = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True
    )
    replaces = serializers.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        required=False,
        allow_null=True,
        help_text="number of the card that this one was written against, 0: of none",
    )


class DatasetFilter(serializers.Serializer[Any]):
    """What a list is narrowed to."""

    name = serializers.CharField(max_length=500, required=False, trim_whitespace=False)
    digest = serializers.CharField(max_length=36, required=False, trim_whitespace=False)
    sensitivity = serializers.ChoiceField(
        [*Sensitivity.values, NO_LABEL, NOT_STATED],
        required=False,
        help_text="as the newest card states it",
    )


class DatasetCardOutput(serializers.ModelSerializer[DatasetCard]):
    """A card; null and empty texts were not stated."""

    sensitivity = serializers.ListField(
        child=serializers.ChoiceField(Sensitivity.choices), allow_null=True
    )
    labellers = serializers.SerializerMethodField()
    created_by = serializers.CharField(source="created_by.username")

    class Meta:
        model = DatasetCard
        fields = (
            "number",
            "rows",
            "window_start",
            "window_end",
            "labels",
            "labellers",
            "licence",
            "sensitivity",
            "known_gaps",
            "created_by",
            "created_at",
        )

    def get_labellers(self, card: DatasetCard) -> list[str]:
        return sorted(labeller.user.username for labeller in card.labellers.all())


class DatasetLine(serializers.ModelSerializer[Dataset]):
    """A dataset in a list, with its newest card or null."""

    origin = serializers.CharField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    card = DatasetCardOutput(source="newest_card", allow_null=True)

    class Meta:
        model = Dataset
        fields = (
            "id",
            "name",
            "digest",
            "source_type",
            "origin",
            "version",
            "created_at",
            "card",
        )


class DatasetOutput(DatasetLine):
    """A dataset with all that its source told."""

    profiled_rows = serializers.IntegerField(source="row_count", allow_null=True)

    class Meta(DatasetLine.Meta):
        fields = (  # type: ignore[assignment]  # a subclass prints more fields
            *DatasetLine.Meta.fields,
            "profiled_rows",
            "source",
            "schema",
            "profile",
        )


class NamedDataset(serializers.ModelSerializer[Dataset]):
    """A dataset by what names it."""

    class Meta:
        model = Dataset
        fields = ("id", "name", "digest")


class LineageStepOutput(serializers.Serializer[Any]):
    """A run between a dataset and those that it was made from, or that were made of it."""

    depth = serializers.IntegerField()
    dataset = NamedDataset()
    run_id = serializers.CharField(source="run.run_id")
    run_name = serializers.CharField(source="run.name")
    status = serializers.CharField(source="run.status")
    context = serializers.CharField()  # type: ignore[assignment]  # as `source` above
    datasets = NamedDataset(many=True)


class WalkOutput(serializers.Serializer[Any]):
    """One direction; `is_cut` says that there is more than is printed."""

    steps = LineageStepOutput(many=True)
    is_cut = serializers.BooleanField()


class MadeModelOutput(serializers.Serializer[Any]):
    """A logged model of a run that used the dataset."""

    model_id = serializers.CharField(source="logged_model.model_id")
    name = serializers.CharField(source="logged_model.name")
    run_id = serializers.CharField(source="run.run_id")


class DatasetLineageOutput(serializers.Serializer[Any]):
    """Both directions."""

    dataset = NamedDataset()
    backward = WalkOutput()
    forward = WalkOutput()
    logged_models = MadeModelOutput(many=True)


class DatasetUseOutput(serializers.Serializer[Any]):
    """A dataset in a run."""

    dataset = NamedDataset()
    context = serializers.CharField()  # type: ignore[assignment]  # as `source` above


class RunDatasetsOutput(serializers.Serializer[Any]):
    """What a run used, and what it made."""

    used = DatasetUseOutput(many=True)
    produced = DatasetUseOutput(many=True)


class Datasets(WorkspaceView, ListAPIView[Dataset]):
    """List datasets, newest first; register one without a run."""

    serializer_class = DatasetLine
    pagination_class = ShortPages

    def get_queryset(self) -> QuerySet[Dataset]:
        datasets = Dataset.objects.filter(workspace=self.workspace)
        wanted = parsed_query(DatasetFilter, self.request)
        sensitivity = wanted.pop("sensitivity", None)
        if sensitivity == NO_LABEL:
            datasets = datasets.stated_not_sensitive()
        elif sensitivity == NOT_STATED:
            datasets = datasets.of_unstated_sensitivity()
        elif sensitivity:
            datasets = datasets.sensitive(sensitivity)
        found = datasets.filter(**wanted).with_newest_card()
        return found.defer("schema", "profile").order_by("-pk")

    @extend_schema(parameters=[DatasetFilter])
    def get(self, request: Request, *args: Any, **path: Any) -> Response:
        return super().get(request, *args, **path)

    @extend_schema(request=RegisterDatasetInput, responses={201: DatasetOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(RegisterDatasetInput, request)
        content_digest = fields.pop("digest")
        dataset = register_dataset(
            self.workspace, content_digest=content_digest, **fields, actor=self.user
        )
        return Response(DatasetOutput(self.dataset(dataset.pk)).data, status=201)


class OneDataset(WorkspaceView):
    """A dataset with its newest card."""

    @extend_schema(responses=DatasetOutput)
    def get(self, request: Request, pk: int, **_path: str) -> Response:
        return Response(DatasetOutput(self.dataset(pk)).data)


class DatasetCards(WorkspaceView, ListAPIView[DatasetCard]):
    """List the cards of a dataset, newest first; state a new one."""

    serializer_class = DatasetCardOutput
    pagination_class = ShortPages

    def get_queryset(self) -> QuerySet[DatasetCard]:
        cards = self.dataset(self.kwargs["pk"]).cards.with_people()
        return cards.order_by("-number")

    @extend_schema(request=DescribeDatasetInput, responses={201: DatasetCardOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(DescribeDatasetInput, request)
        card = describe_dataset(self.dataset(pk), **fields, actor=self.user)
        return Response(DatasetCardOutput(card).data, status=201)


class LineageOfDataset(WorkspaceView):
    """What a dataset was made from and what came of it, in runs that one may see."""

    @extend_schema(responses=DatasetLineageOutput)
    def get(self, request: Request, pk: int, **_path: str) -> Response:
        lineage = lineage_of(self.dataset(pk), user=self.user)
        return Response(DatasetLineageOutput(lineage).data)


class DatasetsOfRun(WorkspaceView):
    """Which datasets a run used, and which it made."""

    @extend_schema(responses=RunDatasetsOutput)
    def get(self, request: Request, run_id: str, **_path: str) -> Response:
        return Response(RunDatasetsOutput(datasets_of(self.run(run_id))).data)
