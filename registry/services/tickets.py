"""Tickets are linked here: a number for the reader, which decides nothing."""

import re

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import record
from registry.events import RegistryEvent
from registry.models import (
    Finding,
    PromotionRequest,
    TicketLink,
    TicketSubject,
    TicketTemplate,
)
from registry.models.ticket import PLACE_OF_TICKET
from registry.permissions import (
    may_connect_systems,
    may_link_ticket,
    may_open_finding,
)
from tracking.models import Workspace

TICKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._#/-]{0,99}")
TEMPLATE = re.compile(r"https?://[!-~]{1,480}")
MOST_TICKETS = 20


def set_ticket_template(
    workspace: Workspace, *, url_template: str, actor: User
) -> TicketTemplate:
    """Say where the workspace's tickets are, with `{ticket}` in place of the number."""
    if not may_connect_systems(actor, workspace):
        raise PermissionDeniedError(
            "may_not_connect_systems",
            f"You may not connect a ticket system in {workspace}: ask an administrator "
            f"of it.",
        )
    is_whole = TEMPLATE.fullmatch(url_template)
    if not is_whole or url_template.count(PLACE_OF_TICKET) != 1:
        raise InvalidError(
            "ticket_template_invalid",
            f"Write an address with {PLACE_OF_TICKET} once, such as "
            f"https://tickets.example.org/browse/{PLACE_OF_TICKET}.",
        )
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        template = TicketTemplate.objects.create(
            workspace=workspace,
            number=TicketTemplate.objects.filter(workspace=workspace).count() + 1,
            url_template=url_template,
            created_by=actor,
        )
        record(
            RegistryEvent.TICKET_TEMPLATE_SET,
            actor=actor,
            subject=workspace.subject,
            payload={"number": template.number, "url_template": url_template},
        )
    return template


def link_request(request: PromotionRequest, *, ticket: str, actor: User) -> TicketLink:
    """Say which ticket belongs to a request, whatever its state."""
    model = request.model_version.registered_model
    if not may_link_ticket(actor, model):
        raise PermissionDeniedError(
            "may_not_link_ticket",
            f"You may not link tickets to requests for {model}: ask whoever may ask, "
            f"sign or promote.",
        )
    with transaction.atomic():
        PromotionRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
        return link_ticket(
            TicketSubject.REQUEST,
            request.pk,
            workspace=model.workspace,
            ticket=ticket,
            actor=actor,
        )


def link_finding(finding: Finding, *, ticket: str, actor: User) -> TicketLink:
    """Say which ticket belongs to a finding, whatever its state."""
    model = finding.registered_model
    is_own = finding.owner_id == actor.pk
    if not (is_own or may_link_ticket(actor, model) or may_open_finding(actor, model)):
        raise PermissionDeniedError(
            "may_not_link_ticket",
            f"You may not link tickets to findings on {model}: ask who is to mend it, or "
            f"whoever may open findings.",
        )
    with transaction.atomic():
        Finding.objects.select_for_update(of=("self",)).get(pk=finding.pk)
        return link_ticket(
            TicketSubject.FINDING,
            finding.pk,
            workspace=model.workspace,
            ticket=ticket,
            actor=actor,
        )


def link_ticket(
    subject_kind: TicketSubject,
    subject_id: int,
    *,
    workspace: Workspace,
    ticket: str,
    actor: User,
) -> TicketLink:
    """Link a ticket, in the transaction of a caller who has locked the subject.

    The caller has asked whether the actor may.
    """
    if not TICKET.fullmatch(ticket):
        raise InvalidError(
            "ticket_invalid",
            "A ticket is 1 to 100 letters, digits and . _ # / -, such as RISK-42.",
        )
    links = TicketLink.objects.about(subject_kind, subject_id)
    if links.filter(ticket=ticket).exists():
        raise ConflictError("ticket_linked", f"{ticket} is linked already.")
    if links.count() >= MOST_TICKETS:
        raise ConflictError(
            "too_many_tickets",
            f"{MOST_TICKETS} tickets are linked: name further ones in those.",
        )
    link = TicketLink.objects.create(
        workspace=workspace,
        subject_kind=subject_kind,
        subject_id=subject_id,
        ticket=ticket,
        created_by=actor,
    )
    record(
        RegistryEvent.TICKET_LINKED,
        actor=actor,
        subject=link.subject,
        payload={"ticket": ticket},
    )
    return links.get(pk=link.pk)
