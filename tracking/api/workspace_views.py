"""What the native API's views share: a workspace, and how to find things in it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.auth.models import User
from rest_framework.request import Request
from rest_framework.serializers import Serializer, ValidationError
from rest_framework.views import APIView

from audit.errors import NotFoundError
from tracking.api.pages import Pages
from tracking.models import Dataset, Experiment, Run, Workspace
from tracking.models.access import Scope
from tracking.models.workspace import DEFAULT_WORKSPACE


def parsed(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the valid fields, or let REST framework name the wrong ones."""
    return _valid(serializer(data=request.data))


def parsed_query(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the valid fields of what follows the question mark, like `parsed`."""
    return _valid(serializer(data=request.query_params))


def _valid(filled: Serializer[Any]) -> dict[str, Any]:
    filled.is_valid(raise_exception=True)
    fields: dict[str, Any] = filled.validated_data
    return fields


class StrictInput(Serializer[Any]):
    """Refuses names that it does not know: a misspelt demand would ask for nothing."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = {str(name) for name in data} - self.fields.keys()
            if unknown:
                raise ValidationError(
                    {name[:100]: ["There is no such field."] for name in unknown}
                )
        return super().to_internal_value(data)


class ShortPages(Pages):
    """For lists of which each row costs more than its own row of the database."""

    max_limit = 200


class WorkspaceView(APIView):
    """Finds what the user may see in the workspace of the path; else 404.

    A token with scopes needs one of `write_scopes` for whatever does not only read.
    """

    write_scopes: ClassVar[frozenset[Scope]] = frozenset({Scope.TRACKING_WRITE})

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

    def experiment(self, pk: int) -> Experiment:
        experiment = (
            Experiment.objects.visible_to(self.user)
            .filter(workspace=self.workspace, pk=pk)
            .select_related("workspace")
            .first()
        )
        if experiment is None:
            raise NotFoundError(
                "experiment_unknown",
                f"There is no experiment {pk} that you may see: check the id.",
            )
        return experiment

    def run(self, run_id: str) -> Run:
        run = (
            Run.objects.visible_to(self.user)
            .filter(experiment__workspace=self.workspace, run_id=run_id)
            .select_related("experiment__workspace", "created_by")
            .first()
        )
        if run is None:
            raise NotFoundError(
                "run_unknown",
                f"There is no run {run_id!r} that you may see: check the id, or log the "
                f"training first.",
            )
        return run

    def dataset(self, pk: int) -> Dataset:
        dataset = (
            Dataset.objects.visible_to(self.user)
            .filter(workspace=self.workspace, pk=pk)
            .with_newest_card()
            .first()
        )
        if dataset is None:
            raise NotFoundError(
                "dataset_unknown",
                f"There is no dataset {pk} that you may see: check the id.",
            )
        return dataset
