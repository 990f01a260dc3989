"""Findings, freezes and emergencies: what is open after promotions, and who acts on it."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from audit.admin import NOTHING, badge, link, linked, moment, table, utc
from registry.admin.after_promotion_forms import (
    AcceptRiskForm,
    ConfirmBreakGlassForm,
    LiftFreezeForm,
    MoveFindingForm,
)
from registry.models import BreakGlass, Finding, Freeze, TicketLink, TicketSubject
from registry.services.break_glass import may_confirm_break_glass
from registry.services.findings import may_accept_risk, moves_open_to
from registry.services.rollbacks import may_lift_freeze
from tracking.admin.row_acts import Act, ActsAdmin
from tracking.admin.rows import link_to_person, person


@admin.register(Finding)
class FindingAdmin(ActsAdmin[Finding]):
    """What is wrong with which model, since when, and by when it is due."""

    subject_pattern = r"finding/(?P<pk>\d+)"
    list_display = (
        "number",
        "title",
        linked("registered_model", "model"),
        linked("model_version", "version"),
        "severity",
        "standing",
        "due",
        person("owner", "mended by"),
    )
    list_display_links = ("number", "title")
    list_select_related = (
        "registered_model",
        "model_version__registered_model",
        "owner",
    )
    list_filter = ("severity", "state", "cause")
    search_fields = ("title", "registered_model__name")
    ordering = ("-id",)
    page = (
        "title",
        linked("registered_model", "model"),
        linked("model_version", "version"),
        "severity",
        "cause",
        "standing",
        "due",
        "description",
        person("owner", "mended by"),
        person("opened_by", "opened by"),
        moment("opened_at", "opened at"),
        moment("accepted_until", "risk borne until"),
        "tickets",
        "signatures",
        "history",
    )
    acts: ClassVar[dict[str, Act]] = {
        "move": Act(
            MoveFindingForm,
            lambda actor, finding: bool(moves_open_to(actor, finding)),
        ),
        "accept-risk": Act(AcceptRiskForm, may_accept_risk),
    }

    @admin.display(description="finding", ordering="id")
    def number(self, finding: Finding) -> str:
        return str(finding.pk)

    @admin.display(description="state", ordering="state")
    def standing(self, finding: Finding) -> str:
        return badge(finding.state)

    @admin.display(description="due", ordering="due_at")
    def due(self, finding: Finding) -> str:
        if finding.due_at is None:
            return "before the next promotion"
        is_late = finding.is_overdue(timezone.now())
        return f"{utc(finding.due_at)}{', overdue' if is_late else ''}"

    @admin.display(description="tickets")
    def tickets(self, finding: Finding) -> str:
        tickets = TicketLink.objects.about(TicketSubject.FINDING, finding.pk)
        shown = format_html_join(", ", "{}", ((_ticket(one),) for one in tickets))
        return shown or NOTHING

    @admin.display(description="signed for its risk")
    def signatures(self, finding: Finding) -> str:
        signed = finding.acceptances.order_by("pk")
        counting = set(
            finding.acceptances_that_count(timezone.now()).values_list("pk", flat=True)
        )
        return table(
            ("counts", "until", "reason", "by", "at", "with"),
            (
                (
                    "yes" if one.pk in counting else "no, it is void",
                    utc(one.until),
                    one.reason,
                    one.printed_name,
                    utc(one.signed_at),
                    one.method,
                )
                for one in signed
            ),
        )

    @admin.display(description="what was done about it")
    def history(self, finding: Finding) -> str:
        moves = finding.moves.select_related("moved_by").order_by("pk")
        return table(
            ("to", "reason", "by", "at"),
            (
                (
                    badge(move.to_state),
                    move.reason,
                    link_to_person(move.moved_by),
                    utc(move.moved_at),
                )
                for move in moves
            ),
        )


@admin.register(Freeze)
class FreezeAdmin(ActsAdmin[Freeze]):
    """Slots into which nothing is promoted until a rollback has been reviewed."""

    subject_pattern = r"freeze/(?P<pk>\d+)"
    list_display = (
        "__str__",
        moment("frozen_at", "frozen at"),
        moment("review_due_at", "review due"),
        "lifted",
    )
    list_select_related = ("slot__registered_model", "lifting")
    ordering = ("-id",)
    page = (
        linked("slot", "slot"),
        "rolled_back",
        "reason",
        "by",
        "finding",
        moment("frozen_at", "frozen at"),
        moment("review_due_at", "review due"),
        "lifted",
        "conclusion",
    )
    acts: ClassVar[dict[str, Act]] = {"lift": Act(LiftFreezeForm, may_lift_freeze)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Freeze]:
        return (
            super()
            .get_queryset(request)
            .select_related(
                "slot__registered_model__workspace",
                "rollback__rolled_back__registered_model",
                "rollback__rolled_back_by",
                "rollback__finding",
                "lifting__lifted_by",
            )
        )

    @admin.display(description="lifted")
    def lifted(self, freeze: Freeze) -> str:
        lifting = getattr(freeze, "lifting", None)
        if lifting is None:
            return "in force"
        return f"{utc(lifting.lifted_at)} by {lifting.printed_name}"

    @admin.display(description="rolled back")
    def rolled_back(self, freeze: Freeze) -> str:
        return link(freeze.rollback.rolled_back)

    @admin.display(description="reason")
    def reason(self, freeze: Freeze) -> str:
        return freeze.rollback.reason

    @admin.display(description="rolled back by")
    def by(self, freeze: Freeze) -> str:
        return link_to_person(freeze.rollback.rolled_back_by)

    @admin.display(description="finding")
    def finding(self, freeze: Freeze) -> str:
        return link(freeze.rollback.finding)

    @admin.display(description="what the review came to")
    def conclusion(self, freeze: Freeze) -> str:
        lifting = getattr(freeze, "lifting", None)
        return lifting.conclusion if lifting else NOTHING


@admin.register(BreakGlass)
class BreakGlassAdmin(ActsAdmin[BreakGlass]):
    """Versions that two people let serve without an approval, for hours."""

    subject_pattern = r"break-glass/(?P<pk>\d+)"
    list_display = (
        "__str__",
        linked("slot", "slot"),
        "asked",
        "confirmed",
        "expires",
    )
    list_select_related = (
        "slot__registered_model",
        "model_version__registered_model",
        "confirmation",
    )
    ordering = ("-id",)
    page = (
        linked("slot", "slot"),
        linked("model_version", "version"),
        "reason",
        "hours",
        "asked",
        moment("lapses_at", "to be confirmed before"),
        "confirmed",
        "expires",
        "fallback",
    )
    acts: ClassVar[dict[str, Act]] = {
        "confirm": Act(ConfirmBreakGlassForm, may_confirm_break_glass)
    }

    @admin.display(description="asked")
    def asked(self, asked: BreakGlass) -> str:
        return f"{asked.printed_name} as {asked.asked_as}, {utc(asked.asked_at)}"

    @admin.display(description="confirmed")
    def confirmed(self, asked: BreakGlass) -> str:
        given = getattr(asked, "confirmation", None)
        if given is None:
            return NOTHING
        return (
            f"{given.printed_name} as {given.confirmed_as}, {utc(given.confirmed_at)}"
        )

    @admin.display(description="serves until")
    def expires(self, asked: BreakGlass) -> str:
        given = getattr(asked, "confirmation", None)
        return utc(given.expires_at) if given else NOTHING

    @admin.display(description="falls back to")
    def fallback(self, asked: BreakGlass) -> str:
        given = getattr(asked, "confirmation", None)
        return link(given.fallback) if given else NOTHING


def _ticket(found: TicketLink) -> str:
    """Print where a ticket is, or its number where no template says so."""
    if found.url is None:
        return found.ticket
    return format_html('<a href="{}" rel="noreferrer">{}</a>', found.url, found.ticket)
