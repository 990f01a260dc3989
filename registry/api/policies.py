"""Policies: draft, publish, read."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError
from registry.api.inputs import DraftPolicyInput
from registry.api.outputs import PolicyOutput
from registry.api.registry_views import RegistryView
from registry.models import Policy
from registry.services.policies import draft_policy, publish_policy
from tracking.api.workspace_views import parsed


class Policies(RegistryView, ListAPIView[Policy]):
    """List policies, draft one."""

    serializer_class = PolicyOutput

    def get_queryset(self) -> QuerySet[Policy]:
        return (
            Policy.objects.visible_to(self.user)
            .of_workspace(self.workspace)
            .with_home()
            .select_related("publication")
            .order_by("-pk")
        )

    @extend_schema(request=DraftPolicyInput, responses={201: PolicyOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(DraftPolicyInput, request)
        policy = draft_policy(self.workspace, **fields, actor=self.user)
        return Response(PolicyOutput(policy).data, status=201)


class Publication(RegistryView):
    """Put a policy into force."""

    @extend_schema(request=None, responses={201: PolicyOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        policy = self._policy(pk)
        publish_policy(policy, actor=self.user)
        return Response(PolicyOutput(self._policy(pk)).data, status=201)

    def _policy(self, pk: int) -> Policy:
        policy = (
            Policy.objects.visible_to(self.user)
            .of_workspace(self.workspace)
            .with_home()
            .select_related("publication")
            .filter(pk=pk)
            .first()
        )
        if policy is None:
            raise NotFoundError(
                "policy_unknown",
                f"There is no policy {pk} that you may see: check the id.",
            )
        return policy
