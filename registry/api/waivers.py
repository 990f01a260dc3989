"""Waivers: ask for one, approve it, withdraw it."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError
from registry.api.inputs import ReasonInput, RequestWaiverInput, SignedReasonInput
from registry.api.outputs import WaiverOutput
from registry.api.registry_views import RegistryView
from registry.models import Waiver, WaiverScope
from registry.services.waivers import approve_waiver, request_waiver, withdraw_waiver
from tracking.api.workspace_views import parsed


class WaiverView(RegistryView):
    """Finds a waiver that the user may see."""

    def waivers(self) -> QuerySet[Waiver]:
        visible = Waiver.objects.visible_to(self.user).with_people()
        model = "request__model_version__registered_model"
        return visible.filter(**{f"{model}__workspace": self.workspace})

    def waiver(self, pk: int) -> Waiver:
        waiver = self.waivers().filter(pk=pk).first()
        if waiver is None:
            raise NotFoundError(
                "waiver_unknown",
                f"There is no waiver {pk} that you may see: check the id.",
            )
        return waiver


class Waivers(WaiverView, ListAPIView[Waiver]):
    """List all waivers, newest first."""

    serializer_class = WaiverOutput

    def get_queryset(self) -> QuerySet[Waiver]:
        return self.waivers().order_by("-pk")


class WaiversOfRequest(WaiverView):
    """Ask that an open gate of a request be let through."""

    @extend_schema(request=RequestWaiverInput, responses={201: WaiverOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(RequestWaiverInput, request)
        fields["scope"] = WaiverScope(fields["scope"])
        asked = request_waiver(self.promotion_request(pk), **fields, actor=self.user)
        return Response(WaiverOutput(self.waiver(asked.pk)).data, status=201)


class Approvals(WaiverView):
    """Approve a waiver that somebody else asked for; only in a logged-in session."""

    @extend_schema(request=SignedReasonInput, responses={201: WaiverOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(SignedReasonInput, request)
        approve_waiver(
            self.waiver(pk),
            **fields,
            is_interactive=request.auth is None,
            actor=self.user,
        )
        return Response(WaiverOutput(self.waiver(pk)).data, status=201)


class WithdrawalOfWaiver(WaiverView):
    """End a waiver before its day."""

    @extend_schema(request=ReasonInput, responses={201: WaiverOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(ReasonInput, request)
        withdraw_waiver(self.waiver(pk), **fields, actor=self.user)
        return Response(WaiverOutput(self.waiver(pk)).data, status=201)
