"""API tokens for Django REST framework; the header forms are those of MLflow's client."""

from django.contrib.auth.models import User
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from audit.errors import UnauthenticatedError
from tracking.models.access import Scope
from tracking.services.tokens import secret_in, user_of_token


class TokenAuthentication(BaseAuthentication):
    """Sets `request.auth` to the word `token`, so that signing can refuse it."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        secret = secret_in(request.headers.get("Authorization", ""))
        if secret is None:
            return None
        try:
            return user_of_token(secret, writes=_scopes_for(request)), "token"
        except UnauthenticatedError as error:
            raise AuthenticationFailed(error.detail, error.code) from error

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _scopes_for(request: Request) -> frozenset[Scope] | None:
    """Return the scopes of which this call needs one; its view says which.

    Nothing escapes here as it would where views choose their own permissions, and a
    view that says nothing is written to by tokens without scopes only.
    """
    if request.method in SAFE_METHODS:
        return None
    view = request.parser_context["view"]
    scopes: frozenset[Scope] = getattr(view, "write_scopes", frozenset())
    return scopes


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular's metaclass is untyped
    """Describes the token in the OpenAPI document."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
