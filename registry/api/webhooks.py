"""Webhooks and what became of their messages; for administrators of the workspace."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError
from registry.api.registry_views import RegistryView
from registry.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    NotificationType,
    Webhook,
)
from registry.models.webhook import Scheme
from registry.services.deliveries import replay
from registry.services.webhooks import (
    create_webhook,
    disable_webhook,
    enable_webhook,
    rotate_key,
)
from tracking.api.pages import FARTHEST
from tracking.api.workspace_views import StrictInput, parsed, parsed_query

A_DAY = 24
LONGEST_OVERLAP_HOURS = 30 * A_DAY


class WebhookInput(StrictInput):
    """Where to post which kinds of message."""

    url = serializers.CharField(max_length=2000, trim_whitespace=False)
    event_types = serializers.ListField(
        child=serializers.ChoiceField(NotificationType.choices), min_length=1
    )
    scheme = serializers.ChoiceField(Scheme.choices, default=Scheme.HMAC)


class KeyRotationInput(StrictInput):
    """How long the old key signs beside the new one; 0 for one that leaked."""

    overlap_hours = serializers.IntegerField(
        min_value=0, max_value=LONGEST_OVERLAP_HOURS, default=A_DAY
    )
    scheme = serializers.ChoiceField(
        Scheme.choices, default=None, allow_null=True, help_text="null: as before"
    )


class DeliveryQuery(serializers.Serializer[Any]):
    """Which deliveries to list; `state=dead` are the dead letters."""

    state = serializers.ChoiceField(DeliveryState.choices, required=False)
    webhook = serializers.IntegerField(min_value=1, max_value=FARTHEST, required=False)


class WebhookOutput(serializers.ModelSerializer[Webhook]):
    """A webhook, without its keys."""

    created_by = serializers.CharField(source="created_by.username")

    class Meta:
        model = Webhook
        fields = (
            "id",
            "url",
            "event_types",
            "is_enabled",
            "disabled_at",
            "created_by",
            "created_at",
        )


class ShownKeyOutput(serializers.Serializer[Any]):
    """What the receiver checks signatures with: a secret, or the public key of a pair."""

    webhook = serializers.IntegerField()
    key = serializers.CharField(help_text="whsec_… or whpk_…; shown this once")


class DeliveryOutput(serializers.ModelSerializer[Delivery]):
    """One message to one receiver; either `webhook` or `recipient` is null."""

    message_id = serializers.CharField(source="notification.message_id")
    type = serializers.CharField(source="notification.type")
    subject = serializers.CharField(source="notification.subject")
    webhook = serializers.IntegerField(source="webhook_id", allow_null=True)
    recipient = serializers.CharField(
        source="recipient.username", default=None, allow_null=True
    )

    class Meta:
        model = Delivery
        fields = (
            "id",
            "message_id",
            "type",
            "subject",
            "webhook",
            "recipient",
            "state",
            "failures",
            "due_at",
            "created_at",
        )


class DeliveryAttemptOutput(serializers.ModelSerializer[DeliveryAttempt]):
    """One try; `status` is null when nothing was answered."""

    took_seconds = serializers.FloatField()

    class Meta:
        model = DeliveryAttempt
        fields = ("attempted_at", "status", "failure", "took_seconds")


class OneDeliveryOutput(DeliveryOutput):
    """A delivery with its attempts, oldest first, and exactly what is sent."""

    body = serializers.CharField(source="notification.document")
    attempts = serializers.SerializerMethodField()

    class Meta(DeliveryOutput.Meta):
        fields = (*DeliveryOutput.Meta.fields, "body", "attempts")  # type: ignore[assignment]  # a subclass prints more fields

    @extend_schema(responses=DeliveryAttemptOutput(many=True))
    def get_attempts(self, delivery: Delivery) -> list[dict[str, Any]]:
        attempts = delivery.attempts.order_by("pk")
        return list(DeliveryAttemptOutput(attempts, many=True).data)


class ConnectedView(RegistryView):
    """Finds webhooks and deliveries that the user may manage; else 404."""

    def webhook(self, pk: int) -> Webhook:
        found = Webhook.objects.visible_to(self.user).filter(workspace=self.workspace)
        webhook = found.select_related("workspace", "created_by").filter(pk=pk).first()
        if webhook is None:
            raise NotFoundError(
                "webhook_unknown",
                f"There is no webhook {pk} that you may manage: check the id.",
            )
        return webhook

    def deliveries(self) -> QuerySet[Delivery]:
        return (
            Delivery.objects.visible_to(self.user)
            .filter(notification__workspace=self.workspace)
            .with_message()
        )

    def delivery(self, pk: int) -> Delivery:
        delivery = self.deliveries().filter(pk=pk).first()
        if delivery is None:
            raise NotFoundError(
                "delivery_unknown",
                f"There is no delivery {pk} that you may manage: check the id.",
            )
        return delivery


class Webhooks(ConnectedView, ListAPIView[Webhook]):
    """List webhooks, set one."""

    serializer_class = WebhookOutput

    def get_queryset(self) -> QuerySet[Webhook]:
        found = Webhook.objects.visible_to(self.user).filter(workspace=self.workspace)
        return found.select_related("created_by").order_by("-pk")

    @extend_schema(request=WebhookInput, responses={201: ShownKeyOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(WebhookInput, request)
        fields["scheme"] = Scheme(fields["scheme"])
        webhook, shown = create_webhook(self.workspace, **fields, actor=self.user)
        return Response({"webhook": webhook.pk, "key": shown}, status=201)


class OneWebhook(ConnectedView):
    """A webhook."""

    @extend_schema(responses=WebhookOutput)
    def get(self, request: Request, pk: int, **_path: str) -> Response:
        return Response(WebhookOutput(self.webhook(pk)).data)


class Disabling(ConnectedView):
    """Send it nothing more."""

    @extend_schema(request=None, responses=WebhookOutput)
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        disabled = disable_webhook(self.webhook(pk), actor=self.user)
        return Response(WebhookOutput(disabled).data)


class Enabling(ConnectedView):
    """Send it what happens from now on."""

    @extend_schema(request=None, responses=WebhookOutput)
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        enabled = enable_webhook(self.webhook(pk), actor=self.user)
        return Response(WebhookOutput(enabled).data)


class KeyRotations(ConnectedView):
    """Give it another key."""

    @extend_schema(request=KeyRotationInput, responses={201: ShownKeyOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        fields = parsed(KeyRotationInput, request)
        shown = rotate_key(
            self.webhook(pk),
            overlap=timedelta(hours=fields["overlap_hours"]),
            scheme=Scheme(fields["scheme"]) if fields["scheme"] else None,
            actor=self.user,
        )
        return Response({"webhook": pk, "key": shown}, status=201)


class Deliveries(ConnectedView, ListAPIView[Delivery]):
    """List deliveries, newest first (`?state=dead&webhook=`)."""

    serializer_class = DeliveryOutput

    @extend_schema(parameters=[DeliveryQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Delivery]:
        wanted = parsed_query(DeliveryQuery, self.request)
        return self.deliveries().filter(**wanted).order_by("-pk")


class OneDelivery(ConnectedView):
    """A delivery with its attempts."""

    @extend_schema(responses=OneDeliveryOutput)
    def get(self, request: Request, pk: int, **_path: str) -> Response:
        return Response(OneDeliveryOutput(self.delivery(pk)).data)


class Replays(ConnectedView):
    """Send a delivery again."""

    @extend_schema(request=None, responses={202: DeliveryOutput})
    def post(self, request: Request, pk: int, **_path: str) -> Response:
        replayed = replay(self.delivery(pk), actor=self.user)
        return Response(DeliveryOutput(replayed).data, status=202)
