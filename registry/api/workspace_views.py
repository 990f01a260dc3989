"""What the registry's views share: a workspace, and how to find things in it."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from audit.errors import NotFoundError
from registry.models import ModelVersion, PromotionRequest, RegisteredModel
from tracking.models import Workspace
from tracking.models.workspace import DEFAULT_WORKSPACE


def parsed(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the valid fields, or let REST framework name the wrong ones."""
    filled = serializer(data=request.data)
    filled.is_valid(raise_exception=True)
    fields: dict[str, Any] = filled.validated_data
    return fields


class WorkspaceView(APIView):
    """Finds what the user may see in the workspace of the path; else 404."""

    @property
    def user(self) -> User:
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101 - IsAuthenticated lets nobody else in
        return user

    @property
    def workspace(self) -> Workspace:
        name = self.kwargs.get("workspace", DEFAULT_WORKSPACE)
        workspace = Workspace.objects.visible_to(self.user).filter(name=name).first()
        if workspace is None:
            raise NotFoundError(
                "workspace_unknown",
                f"There is no workspace {name!r} that you may see: check the path.",
            )
        return workspace

    def model(self, name: str) -> RegisteredModel:
        model = (
            RegisteredModel.objects.visible_to(self.user)
            .filter(workspace=self.workspace, name=name)
            .select_related("workspace", "owner")
            .first()
        )
        if model is None:
            raise NotFoundError(
                "model_unknown",
                f"There is no model {name!r} that you may see: check the name.",
            )
        return model

    def version(self, model: str, number: int) -> ModelVersion:
        version = (
            self.model(model).versions.with_lineage().filter(number=number).first()
        )
        if version is None:
            raise NotFoundError(
                "version_unknown",
                f"The model {model!r} has no version {number}: check the number.",
            )
        return version

    def promotion_request(self, pk: int) -> PromotionRequest:
        request = (
            PromotionRequest.objects.visible_to(self.user)
            .filter(model_version__registered_model__workspace=self.workspace, pk=pk)
            .with_subject()
            .first()
        )
        if request is None:
            raise NotFoundError(
                "request_unknown",
                f"There is no promotion request {pk} that you may see: check the id.",
            )
        return request
