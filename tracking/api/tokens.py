"""API tokens: one's own, and for administrators those of programs."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError, PermissionDeniedError
from tracking.api.workspace_views import StrictInput, WorkspaceView, parsed
from tracking.models import ApiToken
from tracking.models.access import Scope
from tracking.services.tokens import (
    create_token,
    programs_served_by,
    revoke_token,
    tokens_of,
)


class CreateTokenInput(StrictInput):
    """No `account`: for oneself; no `scopes`: for all that the account may do."""

    name = serializers.CharField(max_length=100)
    account = serializers.CharField(max_length=150, required=False)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(Scope.choices), default=list
    )
    days = serializers.IntegerField(
        min_value=1, max_value=timedelta.max.days, required=False
    )


class TokenOutput(serializers.ModelSerializer[ApiToken]):
    """A token without its secret."""

    account = serializers.CharField(source="user.username")
    scopes = serializers.SerializerMethodField()

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = (
            "id",
            "name",
            "account",
            "prefix",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        )

    def get_scopes(self, token: ApiToken) -> list[str]:
        return token.scopes.split()


class CreatedTokenOutput(TokenOutput):
    """`token` is the secret, which is shown this once."""

    token = serializers.CharField()

    class Meta(TokenOutput.Meta):
        fields: tuple[str, ...] = (*TokenOutput.Meta.fields, "token")


class TokensView(WorkspaceView):
    """Finds one's own tokens, and for administrators those of programs too."""

    write_scopes = frozenset({Scope.ACCESS_WRITE})

    def tokens(self) -> QuerySet[ApiToken]:
        return tokens_of(self.user)


class Tokens(TokensView, ListAPIView[ApiToken]):
    """List tokens; make one, in a logged-in session only."""

    serializer_class = TokenOutput

    def get_queryset(self) -> QuerySet[ApiToken]:
        return self.tokens()

    @extend_schema(request=CreateTokenInput, responses={201: CreatedTokenOutput})
    def post(self, request: Request, **_path: Any) -> Response:
        fields = parsed(CreateTokenInput, request)
        if request.auth is not None:
            raise PermissionDeniedError(
                "needs_a_session",
                "A token makes no tokens, or it would outlive itself. Log in with your "
                "password.",
            )
        days = fields.pop("days", None)
        token, secret = create_token(
            self._owner(fields.pop("account", None)),
            name=fields["name"],
            scopes=[Scope(word) for word in fields["scopes"]],
            lifetime=timedelta(days=days) if days else None,
            actor=self.user,
        )
        return Response({**TokenOutput(token).data, "token": secret}, status=201)

    def _owner(self, username: str | None) -> User:
        if username is None or username == self.user.username:
            return self.user
        owner = programs_served_by(self.user).filter(username=username).first()
        if owner is None:
            raise NotFoundError(
                "account_unknown",
                f"There is no program {username!r} whose tokens you make: check the "
                f"name. People make their own.",
            )
        return owner


class TokenRevocation(TokensView):
    """End a token now."""

    @extend_schema(request=None, responses={201: TokenOutput})
    def post(self, request: Request, pk: int, **_path: Any) -> Response:
        token = self.tokens().filter(pk=pk).first()
        if token is None:
            raise NotFoundError(
                "token_unknown", f"There is no token {pk} of yours: check the id."
            )
        revoke_token(token, actor=self.user)
        token.refresh_from_db()
        return Response(TokenOutput(token).data, status=201)
