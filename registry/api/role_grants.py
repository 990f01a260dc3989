"""Grants of roles: ask, approve, revoke, look."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import InvalidError, NotFoundError
from registry.api.registry_views import RegistryView
from registry.models import RegisteredModel
from tracking.api.pages import FARTHEST
from tracking.api.workspace_views import StrictInput, parsed
from tracking.models import Experiment, RoleGrant
from tracking.models.access import Scope
from tracking.permissions import Role, may_ask_for_grants
from tracking.services.role_grants import approve_role, ask_for_role
from tracking.services.roles import revoke_grant

PLACES = ("experiment", "registered_model", "prefix")


class AskForRoleInput(StrictInput):
    """None of experiment, registered_model and prefix: on everything in the workspace."""

    account = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(Role.choices)
    experiment = serializers.IntegerField(
        min_value=1, max_value=FARTHEST, required=False, help_text="its id"
    )
    registered_model = serializers.CharField(max_length=250, required=False)
    prefix = serializers.CharField(max_length=200, required=False)
    reason = serializers.CharField(max_length=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(place in attrs for place in PLACES) > 1:
            raise serializers.ValidationError(
                "Name one of experiment, registered_model and prefix, or none."
            )
        return attrs


class RoleGrantOutput(serializers.ModelSerializer[RoleGrant]):
    """A grant; `on` says what it covers."""

    account = serializers.CharField(source="account.username")
    on = serializers.CharField(source="covers")
    asked_by = serializers.CharField(source="asked_by.username")
    approved_by = serializers.CharField(
        source="approved_by.username", default=None, allow_null=True
    )

    class Meta:
        model = RoleGrant
        fields = (
            "id",
            "account",
            "role",
            "on",
            "state",
            "reason",
            "by_installation",
            "asked_by",
            "asked_at",
            "approved_by",
            "approved_at",
            "effective_at",
            "ended_at",
        )


class RoleGrantsView(RegistryView):
    """Finds grants of the workspace that one may see: all, or one's own."""

    write_scopes = frozenset({Scope.ACCESS_WRITE})

    def grants(self) -> QuerySet[RoleGrant]:
        grants = RoleGrant.objects.visible_to(self.user).with_people()
        return grants.filter(workspace=self.workspace).order_by("-pk")

    def grant(self, pk: int) -> RoleGrant:
        grant = self.grants().filter(pk=pk).first()
        if grant is None:
            raise NotFoundError(
                "grant_unknown",
                f"There is no grant {pk} that you may see: check the id.",
            )
        return grant


class RoleGrants(RoleGrantsView, ListAPIView[RoleGrant]):
    """List grants, newest first; ask for one."""

    serializer_class = RoleGrantOutput

    def get_queryset(self) -> QuerySet[RoleGrant]:
        return self.grants()

    @extend_schema(request=AskForRoleInput, responses={201: RoleGrantOutput})
    def post(self, request: Request, **_path: Any) -> Response:
        fields = parsed(AskForRoleInput, request)
        grant = ask_for_role(
            self._account(fields["account"]),
            role=Role(fields["role"]),
            workspace=self.workspace,
            on=self._place(fields),
            reason=fields["reason"],
            actor=self.user,
        )
        return Response(RoleGrantOutput(grant).data, status=201)

    def _account(self, username: str) -> User:
        """Find an account for who may ask; nobody else learns whether it is there."""
        accounts = User.objects.filter(username=username, is_active=True)
        if not self._asks:
            accounts = accounts.filter(pk=self.user.pk)
        account = accounts.first()
        if account is None:
            raise InvalidError(
                "account_unknown",
                f"There is no active account {username!r}: check the name.",
            )
        return account

    def _place(self, fields: dict[str, Any]) -> Model | str | None:
        """Find what the role shall cover; who may ask need not see it."""
        prefix: str | None = fields.get("prefix")
        if "experiment" in fields:
            pk = fields["experiment"]
            known = Experiment.objects.filter(workspace=self.workspace, pk=pk)
            return (known.first() if self._asks else None) or self.experiment(pk)
        if "registered_model" in fields:
            name = fields["registered_model"]
            models = RegisteredModel.objects.filter(workspace=self.workspace, name=name)
            return (models.first() if self._asks else None) or self.model(name)
        return prefix

    @property
    def _asks(self) -> bool:
        return may_ask_for_grants(self.user, self.workspace)


class Approval(RoleGrantsView):
    """Approve as the second person."""

    @extend_schema(request=None, responses={201: RoleGrantOutput})
    def post(self, request: Request, pk: int, **_path: Any) -> Response:
        approved = approve_role(self.grant(pk), actor=self.user)
        return Response(RoleGrantOutput(approved).data, status=201)


class Revocation(RoleGrantsView):
    """Take a role away, or end a grant before it is one."""

    @extend_schema(request=None, responses={201: RoleGrantOutput})
    def post(self, request: Request, pk: int, **_path: Any) -> Response:
        revoke_grant(self.grant(pk), actor=self.user)
        return Response(RoleGrantOutput(self.grant(pk)).data, status=201)
