"""Workspaces: those that one may see, and a new one."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from tracking.api.workspace_views import StrictInput, WorkspaceView, parsed
from tracking.models import Workspace
from tracking.models.access import Scope
from tracking.services.workspaces import create_workspace


class CreateWorkspaceInput(StrictInput):
    """The name stands in the paths of the workspace."""

    name = serializers.SlugField(max_length=100)
    allow_unlinked_versions = serializers.BooleanField(
        default=False, help_text="whether versions may come from elsewhere than a run"
    )


class WorkspaceOutput(serializers.ModelSerializer[Workspace]):
    """A workspace."""

    class Meta:
        model = Workspace
        fields = ("name", "allow_unlinked_versions", "created_at")


class Workspaces(WorkspaceView, ListAPIView[Workspace]):
    """List workspaces, create one."""

    write_scopes = frozenset({Scope.ACCESS_WRITE})
    serializer_class = WorkspaceOutput

    def get_queryset(self) -> QuerySet[Workspace]:
        return Workspace.objects.visible_to(self.user).order_by("name")

    @extend_schema(request=CreateWorkspaceInput, responses={201: WorkspaceOutput})
    def post(self, request: Request, **_path: Any) -> Response:
        fields = parsed(CreateWorkspaceInput, request)
        workspace = create_workspace(**fields, actor=self.user)
        return Response(WorkspaceOutput(workspace).data, status=201)
