"""Webhooks and deliveries, for administrators: what is sent where, and what came of it."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from audit.admin import NOTHING, badge, code, link, moment, table, utc
from registry.models import (
    Delivery,
    DeliveryState,
    Notification,
    NotificationType,
    Webhook,
)
from registry.services.deliveries import replay
from tracking.admin.act_form import ActForm
from tracking.admin.row_acts import Act, ActsAdmin
from tracking.admin.rows import VisibleRowsAdmin, link_to_person, person

NEWEST = 50


@admin.register(Webhook)
class WebhookAdmin(VisibleRowsAdmin[Webhook]):
    """The webhooks of the workspaces that one administers; their keys are never shown."""

    subject_pattern = r"webhook/(?P<pk>\d+)"
    list_display = (
        "__str__",
        code("url", "URL"),
        "standing",
        person("created_by", "set by"),
        moment("created_at", "set at"),
    )
    list_select_related = ("workspace", "created_by")
    ordering = ("-id",)
    page = (
        "workspace",
        code("url", "URL"),
        "wants",
        "standing",
        person("created_by", "set by"),
        moment("created_at", "set at"),
        "newest_deliveries",
    )

    @admin.display(description="state")
    def standing(self, webhook: Webhook) -> str:
        if webhook.is_enabled:
            return "enabled"
        return f"disabled since {utc(webhook.disabled_at)}"

    @admin.display(description="told of")
    def wants(self, webhook: Webhook) -> str:
        return ", ".join(NotificationType(kind).label for kind in webhook.event_types)

    @admin.display(description="newest deliveries")
    def newest_deliveries(self, webhook: Webhook) -> str:
        deliveries = webhook.deliveries.select_related("notification")
        return table(
            ("delivery", "message", "state", "written at"),
            (
                (link(item), item.notification, badge(item.state), utc(item.created_at))
                for item in deliveries.order_by("-pk")[:NEWEST]
            ),
        )


class ReplayForm(ActForm):
    """The same message again, under its old `webhook-id`."""

    heading = "Send again"
    button = "Send the same message again"
    done = "It is sent again, as often as a new message would be tried."

    def act(self) -> None:
        replay(self.subject, actor=self.actor)


@admin.register(Delivery)
class DeliveryAdmin(ActsAdmin[Delivery]):
    """One message to one receiver; the dead letters are those that are dead."""

    subject_pattern = r"delivery/(?P<pk>\d+)"
    list_display = (
        "__str__",
        "message",
        "receiver",
        "standing",
        "failures",
        moment("created_at", "written at"),
    )
    list_select_related = (
        "notification",
        "webhook__workspace",
        "recipient",
    )
    list_filter = ("state", "notification__type")
    ordering = ("-id",)
    page = (
        "message",
        "receiver",
        "standing",
        "failures",
        moment("due_at", "next attempt from"),
        "attempts",
        "body",
    )
    acts: ClassVar[dict[str, Act]] = {
        "replay": Act(
            ReplayForm,
            lambda _actor, delivery: delivery.state != DeliveryState.WAITING,
        )
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).with_message()  # type: ignore[attr-defined,no-any-return]  # its own QuerySet

    @admin.display(description="message")
    def message(self, delivery: Delivery) -> Notification:
        return delivery.notification

    @admin.display(description="to")
    def receiver(self, delivery: Delivery) -> str:
        if delivery.recipient is not None:
            return link_to_person(delivery.recipient)
        return link(delivery.webhook)

    @admin.display(description="state", ordering="state")
    def standing(self, delivery: Delivery) -> str:
        return badge(delivery.state)

    @admin.display(description="attempts")
    def attempts(self, delivery: Delivery) -> str:
        return table(
            ("at", "status", "failure"),
            (
                (
                    utc(item.attempted_at),
                    item.status or NOTHING,
                    item.failure or NOTHING,
                )
                for item in delivery.attempts.order_by("pk")
            ),
        )

    @admin.display(description="what is sent")
    def body(self, delivery: Delivery) -> str:
        return format_html("<pre>{}</pre>", delivery.notification.document)
