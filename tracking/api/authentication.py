"""API tokens for Django REST framework; the header forms are those of MLflow's client."""

from django.contrib.auth.models import User
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from audit.errors import UnauthenticatedError
from tracking.services.tokens import secret_in, user_of_token


class TokenAuthentication(BaseAuthentication):
    """Sets `request.auth` to the word `token`, so that signing can refuse it."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        secret = secret_in(request.headers.get("Authorization", ""))
        if secret is None:
            return None
        try:
            return user_of_token(secret), "token"
        except UnauthenticatedError as error:
            raise AuthenticationFailed(error.detail, error.code) from error

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular's metaclass is untyped
    """Describes the token in the OpenAPI document."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
