"""Attestations: give one, list them, withdraw one."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError
from registry.api.inputs import AttestInput, ReasonInput
from registry.api.outputs import AttestationOutput
from registry.api.registry_views import RegistryView
from registry.models import Attestation, AttestationKind, AttestationSource
from registry.services.attestations import attest, withdraw_attestation
from tracking.api.workspace_views import parsed


class AttestationView(RegistryView):
    """Finds an attestation that the user may see."""

    def attestations(self) -> QuerySet[Attestation]:
        visible = Attestation.objects.visible_to(self.user).with_people()
        return visible.filter(model_version__registered_model__workspace=self.workspace)

    def attestation(self, pk: int) -> Attestation:
        attested = self.attestations().filter(pk=pk).first()
        if attested is None:
            raise NotFoundError(
                "attestation_unknown",
                f"There is no attestation {pk} that you may see: check the id.",
            )
        return attested


class Attestations(AttestationView, ListAPIView[Attestation]):
    """List attestations (`?registered_model=`), newest first; give one."""

    serializer_class = AttestationOutput

    def get_queryset(self) -> QuerySet[Attestation]:
        attested = self.attestations()
        if name := self.request.query_params.get("registered_model"):
            attested = attested.filter(model_version__registered_model__name=name)
        return attested.order_by("-pk")

    @extend_schema(request=AttestInput, responses={201: AttestationOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(AttestInput, request)
        version = self.version(fields.pop("registered_model"), fields.pop("version"))
        fields["kind"] = AttestationKind(fields["kind"])
        fields["source"] = AttestationSource(fields["source"])
        attested = attest(
            version, **fields, is_interactive=request.auth is None, actor=self.user
        )
        return Response(AttestationOutput(attested).data, status=201)


class WithdrawalOfAttestation(AttestationView):
    """Take back what does not hold."""

    @extend_schema(request=ReasonInput, responses={201: AttestationOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(ReasonInput, request)
        withdraw_attestation(self.attestation(pk), **fields, actor=self.user)
        return Response(AttestationOutput(self.attestation(pk)).data, status=201)
