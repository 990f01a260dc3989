"""Ticket links: the number of a ticket elsewhere, never the record of a decision."""

from typing import ClassVar, Self
from urllib.parse import quote

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Subquery

from tracking.models import Workspace

PLACE_OF_TICKET = "{ticket}"


class TicketSubject(models.TextChoices):
    """What a ticket can be linked to, as the log names it."""

    REQUEST = "request"
    FINDING = "finding"


class TicketTemplate(models.Model):
    """How a workspace's tickets are reached; append-only, the newest counts."""

    workspace = models.ForeignKey(
        Workspace, models.PROTECT, related_name="ticket_templates"
    )
    number = models.PositiveIntegerField()
    url_template = models.CharField(max_length=500)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "number"],
                name="registry_ticket_templates_are_numbered",
            )
        ]

    def __str__(self) -> str:
        return f"ticket template {self.number} of {self.workspace}"


class TicketLinkQuerySet(models.QuerySet["TicketLink"]):
    """Questions about many links."""

    def about(self, subject_kind: TicketSubject, subject_id: int) -> Self:
        """Return the tickets of one subject, each with where it is, if that is known."""
        newest = TicketTemplate.objects.filter(workspace=OuterRef("workspace"))
        template = newest.order_by("-number").values("url_template")[:1]
        return (
            self.filter(subject_kind=subject_kind, subject_id=subject_id)
            .annotate(url_template=Subquery(template))
            .order_by("pk")
        )


class TicketLink(models.Model):
    """Somebody said which ticket belongs to a request or a finding; append-only."""

    workspace = models.ForeignKey(
        Workspace, models.PROTECT, related_name="ticket_links"
    )
    subject_kind = models.CharField(max_length=10, choices=TicketSubject)
    subject_id = models.PositiveBigIntegerField()
    ticket = models.CharField(max_length=100)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TicketLinkQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "ticket"],
                name="registry_a_ticket_is_linked_once",
            )
        ]

    def __str__(self) -> str:
        return self.ticket

    @property
    def subject(self) -> str:
        return f"{self.subject_kind}/{self.subject_id}"

    @property
    def url(self) -> str | None:
        """Say where the ticket is; only of what `about` has returned."""
        template: str | None = getattr(self, "url_template", None)
        if template is None:
            return None
        return template.replace(PLACE_OF_TICKET, quote(self.ticket, safe=""))
