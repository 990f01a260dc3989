"""Uses of sensitive data: list them, and take note of one."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError
from tracking.api.workspace_views import WorkspaceView, parsed
from tracking.models import SensitiveUse
from tracking.services.sensitive_data import acknowledge_sensitive_use


class AcknowledgeInput(serializers.Serializer[Any]):
    """What whoever takes note of it has to say."""

    note = serializers.CharField(max_length=1000)


class SensitiveUseOutput(serializers.ModelSerializer[SensitiveUse]):
    """A use; the last two are null until somebody has taken note."""

    run_id = serializers.CharField(source="run.run_id")
    dataset = serializers.CharField(source="dataset.name")
    digest = serializers.CharField(source="dataset.digest")
    acknowledged_by = serializers.CharField(
        source="acknowledgement.acknowledged_by.username", default=None, allow_null=True
    )
    acknowledged_at = serializers.DateTimeField(
        source="acknowledgement.acknowledged_at", default=None, allow_null=True
    )

    class Meta:
        model = SensitiveUse
        fields = (
            "id",
            "run_id",
            "dataset",
            "digest",
            "labels",
            "noticed_at",
            "acknowledge_by",
            "acknowledged_by",
            "acknowledged_at",
        )


class SensitiveUses(WorkspaceView, ListAPIView[SensitiveUse]):
    """List uses of sensitive data, newest first (`?open=true`: not yet acknowledged)."""

    serializer_class = SensitiveUseOutput

    def get_queryset(self) -> QuerySet[SensitiveUse]:
        uses = SensitiveUse.objects.visible_to(self.user).filter(
            dataset__workspace=self.workspace
        )
        if self.request.query_params.get("open") == "true":
            uses = uses.unacknowledged()
        return uses.with_people().order_by("-pk")


class AcknowledgementOfUse(WorkspaceView):
    """Take note of a use."""

    @extend_schema(request=AcknowledgeInput, responses={201: SensitiveUseOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(AcknowledgeInput, request)
        acknowledge_sensitive_use(self._use(pk), **fields, actor=self.user)
        return Response(SensitiveUseOutput(self._use(pk)).data, status=201)

    def _use(self, pk: int) -> SensitiveUse:
        uses = SensitiveUse.objects.visible_to(self.user).with_people()
        use = uses.filter(dataset__workspace=self.workspace, pk=pk).first()
        if use is None:
            raise NotFoundError(
                "sensitive_use_unknown",
                f"There is no sensitive use {pk} that you may see: check the id.",
            )
        return use
