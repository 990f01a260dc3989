"""Promotion requests: ask, look, evaluate again, sign off, end, promote."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.inputs import (
    ReasonInput,
    RejectionInput,
    RequestPromotionInput,
    SignedReasonInput,
    SignOffInput,
)
from registry.api.outputs import (
    PromotionRequestLine,
    PromotionRequestOutput,
    SignOffOutput,
)
from registry.api.registry_views import RegistryView
from registry.models import PromotionRequest
from registry.models.sign_off import SignerRole
from registry.services.closings import (
    invalidate_request,
    reject_request,
    withdraw_request,
)
from registry.services.evidence_views import open_evidence
from registry.services.promotion import evaluate_again, promote, request_promotion
from registry.services.sign_offs import sign_off
from tracking.api.workspace_views import parsed
from tracking.models.access import Scope


class PromotionRequests(RegistryView, ListAPIView[PromotionRequest]):
    """List requests, newest first; open one."""

    write_scopes = frozenset({Scope.REGISTRY_WRITE, Scope.GATES_RUN})
    serializer_class = PromotionRequestLine

    def get_queryset(self) -> QuerySet[PromotionRequest]:
        requests = PromotionRequest.objects.visible_to(self.user).filter(
            model_version__registered_model__workspace=self.workspace
        )
        return requests.with_subject().order_by("-pk")

    @extend_schema(
        request=RequestPromotionInput, responses={201: PromotionRequestOutput}
    )
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(RequestPromotionInput, request)
        opened = request_promotion(
            self.version(fields["registered_model"], fields["version"]),
            environment=fields["environment"],
            actor=self.user,
        )
        return Response(PromotionRequestOutput(opened).data, status=201)


class OnePromotionRequest(RegistryView):
    """A request with its gates, signatures and what is missing."""

    @extend_schema(responses=PromotionRequestOutput)
    def get(self, request: Request, pk: int, **_path: str) -> Response:
        shown = self.promotion_request(pk)
        if (
            request.auth is None
        ):  # a person in a session: this is how evidence is opened
            open_evidence(shown, actor=self.user)
        return Response(PromotionRequestOutput(shown).data)


class Evaluations(RegistryView):
    """Start a new attempt."""

    write_scopes = frozenset({Scope.REGISTRY_WRITE, Scope.GATES_RUN})

    @extend_schema(request=None, responses={202: PromotionRequestOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        started = evaluate_again(self.promotion_request(pk), actor=self.user)
        return Response(PromotionRequestOutput(started).data, status=202)


class SignOffs(RegistryView):
    """Sign with the password entered again; only in a logged-in session."""

    @extend_schema(request=SignOffInput, responses={201: SignOffOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(SignOffInput, request)
        signed = sign_off(
            self.promotion_request(pk),
            role=SignerRole(fields["role"]),
            meaning=fields["meaning"],
            reason=fields["reason"],
            password=fields["password"],
            code=fields["code"],
            seen_digest=fields["subject_digest"],
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return Response(SignOffOutput(signed).data, status=201)


class Rejection(RegistryView):
    """Refuse the version, signed, as one of the reviewers that are wanted."""

    @extend_schema(request=RejectionInput, responses={201: PromotionRequestOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(RejectionInput, request)
        reject_request(
            self.promotion_request(pk),
            role=SignerRole(fields["role"]),
            reason=fields["reason"],
            password=fields["password"],
            code=fields["code"],
            seen_digest=fields["subject_digest"],
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return _printed(self.promotion_request(pk))


class Withdrawal(RegistryView):
    """Take an open request back."""

    @extend_schema(request=ReasonInput, responses={201: PromotionRequestOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(ReasonInput, request)
        withdraw_request(self.promotion_request(pk), **fields, actor=self.user)
        return _printed(self.promotion_request(pk))


class Invalidation(RegistryView):
    """Revoke the evidence of an open request, signed."""

    @extend_schema(request=SignedReasonInput, responses={201: PromotionRequestOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(SignedReasonInput, request)
        invalidate_request(
            self.promotion_request(pk),
            **fields,
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return _printed(self.promotion_request(pk))


class PromotionOfRequest(RegistryView):
    """Redeem the approval."""

    write_scopes = frozenset({Scope.PROMOTE})

    @extend_schema(request=None, responses={201: PromotionRequestOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        promote(self.promotion_request(pk), actor=self.user)
        return _printed(self.promotion_request(pk))


def _printed(request: PromotionRequest) -> Response:
    return Response(PromotionRequestOutput(request).data, status=201)
