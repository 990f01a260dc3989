"""One's own second factor: look, enrol, confirm; in a logged-in session only."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tracking.api.workspace_views import StrictInput, WorkspaceView, parsed
from tracking.models.access import Scope
from tracking.services.second_factors import (
    confirm_second_factor,
    enrol_second_factor,
    has_second_factor,
)


class EnrolInput(StrictInput):
    """The password once more."""

    password = serializers.CharField(max_length=200, trim_whitespace=False)


class ConfirmInput(StrictInput):
    """A code that the app shows."""

    code = serializers.CharField(max_length=10)


class SecondFactorOutput(serializers.Serializer[Any]):
    """Whether there is one."""

    is_enrolled = serializers.BooleanField()


class EnrolmentOutput(serializers.Serializer[Any]):
    """What an authenticator app needs; shown this once."""

    provisioning_uri = serializers.CharField()
    secret = serializers.CharField()


class OwnSecondFactor(WorkspaceView):
    """Begin; what is begun again replaces what was not confirmed."""

    write_scopes = frozenset({Scope.ACCESS_WRITE})

    @extend_schema(responses=SecondFactorOutput)
    def get(self, request: Request, **_path: Any) -> Response:
        return Response({"is_enrolled": has_second_factor(self.user)})

    @extend_schema(request=EnrolInput, responses={201: EnrolmentOutput})
    def post(self, request: Request, **_path: Any) -> Response:
        begun = enrol_second_factor(
            self.user,
            **parsed(EnrolInput, request),
            is_interactive=request.auth is None,
        )
        return Response(asdict(begun), status=201)


class Confirmation(WorkspaceView):
    """Prove by a code that the app has the secret."""

    write_scopes = frozenset({Scope.ACCESS_WRITE})

    @extend_schema(request=ConfirmInput, responses={201: SecondFactorOutput})
    def post(self, request: Request, **_path: Any) -> Response:
        confirm_second_factor(
            self.user,
            **parsed(ConfirmInput, request),
            is_interactive=request.auth is None,
        )
        return Response({"is_enrolled": True}, status=201)
