"""Delegations of signing roles: sign one, in a logged-in session; take it back; look."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError
from registry.api.registry_views import RegistryView
from registry.models import Delegation
from registry.models.sign_off import SignerRole
from registry.services.delegations import delegate_signing, withdraw_delegation
from tracking.api.workspace_views import StrictInput, parsed
from tracking.people import account_named


class DelegateInput(StrictInput):
    """No `registered_model`: for all of the workspace."""

    role = serializers.ChoiceField(SignerRole.choices)
    delegate = serializers.CharField(max_length=150, help_text="username of a person")
    registered_model = serializers.CharField(max_length=250, required=False)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=500)
    password = serializers.CharField(max_length=200, trim_whitespace=False)
    code = serializers.CharField(max_length=10, default="", allow_blank=True)


class DelegationOutput(serializers.ModelSerializer[Delegation]):
    """A delegation; `withdrawn_at` is null unless it was taken back."""

    registered_model = serializers.CharField(
        source="registered_model.name", default=None, allow_null=True
    )
    delegator = serializers.CharField(source="delegator.username")
    delegate = serializers.CharField(source="delegate.username")
    withdrawn_at = serializers.DateTimeField(
        source="withdrawal.withdrawn_at", default=None, allow_null=True
    )

    class Meta:
        model = Delegation
        fields = (
            "id",
            "role",
            "registered_model",
            "delegator",
            "delegate",
            "reason",
            "method",
            "starts_at",
            "ends_at",
            "signed_at",
            "withdrawn_at",
        )


class DelegationsView(RegistryView):
    """Finds delegations of the workspace that one may see."""

    def delegations(self) -> QuerySet[Delegation]:
        return (
            Delegation.objects.visible_to(self.user)
            .filter(workspace=self.workspace)
            .select_related("registered_model", "delegator", "delegate", "withdrawal")
            .order_by("-pk")
        )

    def delegation(self, pk: int) -> Delegation:
        delegation = self.delegations().filter(pk=pk).first()
        if delegation is None:
            raise NotFoundError(
                "delegation_unknown",
                f"There is no delegation {pk} that you may see: check the id.",
            )
        return delegation


class Delegations(DelegationsView, ListAPIView[Delegation]):
    """List delegations, newest first; sign one."""

    serializer_class = DelegationOutput

    def get_queryset(self) -> QuerySet[Delegation]:
        return self.delegations()

    @extend_schema(request=DelegateInput, responses={201: DelegationOutput})
    def post(self, request: Request, **_path: Any) -> Response:
        fields = parsed(DelegateInput, request)
        name = fields.pop("registered_model", None)
        delegation = delegate_signing(
            self.workspace,
            role=SignerRole(fields.pop("role")),
            delegate=account_named(fields.pop("delegate")),
            model=None if name is None else self.model(name),
            **fields,
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return Response(DelegationOutput(delegation).data, status=201)


class Withdrawal(DelegationsView):
    """End a delegation before its time."""

    @extend_schema(request=None, responses={201: DelegationOutput})
    def post(self, request: Request, pk: int, **_path: Any) -> Response:
        withdraw_delegation(self.delegation(pk), actor=self.user)
        return Response(DelegationOutput(self.delegation(pk)).data, status=201)
