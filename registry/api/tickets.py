"""Tickets of promotion requests and findings, and where a workspace's tickets are."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.registry_views import RegistryView
from registry.models import TicketLink, TicketSubject, TicketTemplate
from registry.services.tickets import (
    link_finding,
    link_request,
    set_ticket_template,
)
from tracking.api.workspace_views import StrictInput, parsed


class TicketInput(StrictInput):
    """The number of a ticket elsewhere, such as RISK-42."""

    ticket = serializers.CharField(max_length=100, trim_whitespace=False)


class TicketTemplateInput(StrictInput):
    """An address with `{ticket}` in place of the number."""

    url_template = serializers.CharField(max_length=500, trim_whitespace=False)


class TicketOutput(serializers.ModelSerializer[TicketLink]):
    """A ticket; `url` is null until the workspace says where its tickets are."""

    url = serializers.CharField(allow_null=True)

    class Meta:
        model = TicketLink
        fields = ("ticket", "url", "created_at")


class TicketTemplateOutput(serializers.ModelSerializer[TicketTemplate]):
    """Where tickets are; number 0 was never set."""

    class Meta:
        model = TicketTemplate
        fields = ("number", "url_template", "created_at")


class TicketsOfRequest(RegistryView):
    """List the tickets of a request, link one."""

    @extend_schema(responses=TicketOutput(many=True))
    def get(self, request: Request, pk: int, **_path: str) -> Response:
        asked = self.promotion_request(pk)
        links = TicketLink.objects.about(TicketSubject.REQUEST, asked.pk)
        return Response(TicketOutput(links, many=True).data)

    @extend_schema(request=TicketInput, responses={201: TicketOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields: dict[str, Any] = parsed(TicketInput, request)
        link = link_request(self.promotion_request(pk), **fields, actor=self.user)
        return Response(TicketOutput(link).data, status=201)


class TicketsOfFinding(RegistryView):
    """List the tickets of a finding, link one."""

    @extend_schema(responses=TicketOutput(many=True))
    def get(self, _request: Request, pk: int, **_path: str) -> Response:
        links = TicketLink.objects.about(TicketSubject.FINDING, self.finding(pk).pk)
        return Response(TicketOutput(links, many=True).data)

    @extend_schema(request=TicketInput, responses={201: TicketOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields: dict[str, Any] = parsed(TicketInput, request)
        link = link_finding(self.finding(pk), **fields, actor=self.user)
        return Response(TicketOutput(link).data, status=201)


class TicketTemplateOfWorkspace(RegistryView):
    """Where the workspace's tickets are; posting says it anew."""

    @extend_schema(responses=TicketTemplateOutput)
    def get(self, _request: Request, **_path: str) -> Response:
        newest = self.workspace.ticket_templates.order_by("-number").first()
        return Response(TicketTemplateOutput(newest or TicketTemplate(number=0)).data)

    @extend_schema(request=TicketTemplateInput, responses={201: TicketTemplateOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields: dict[str, Any] = parsed(TicketTemplateInput, request)
        template = set_ticket_template(self.workspace, **fields, actor=self.user)
        return Response(TicketTemplateOutput(template).data, status=201)
