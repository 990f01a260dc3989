"""What the registry's views share: how to find its things in a workspace."""

from audit.errors import NotFoundError
from registry.models import (
    Finding,
    ModelVersion,
    PromotionRequest,
    RegisteredModel,
    Slot,
)
from tracking.api.workspace_views import WorkspaceView
from tracking.models.access import Scope


class RegistryView(WorkspaceView):
    """Finds what the user may see in the workspace of the path; else 404."""

    write_scopes = frozenset({Scope.REGISTRY_WRITE})

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

    def slot(self, model: str, environment: str) -> Slot:
        slot = (
            self.model(model)
            .slots.with_champion()
            .filter(environment=environment)
            .first()
        )
        if slot is None:
            raise NotFoundError(
                "slot_unknown",
                f"Nothing of {model!r} ever served in {environment}: check the names.",
            )
        return slot

    def finding(self, pk: int) -> Finding:
        finding = (
            Finding.objects.visible_to(self.user)
            .filter(registered_model__workspace=self.workspace, pk=pk)
            .with_subject()
            .first()
        )
        if finding is None:
            raise NotFoundError(
                "finding_unknown",
                f"There is no finding {pk} that you may see: check the id.",
            )
        return finding

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
