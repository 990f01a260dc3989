"""Promotion requests: the page that reviewers read, sign off and promote from."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from audit.admin import NOTHING, badge, linked, moment, page_of
from audit.errors import DomainError
from audit.proofs import TrailEntry, trail
from registry.admin.act_forms import ACTS
from registry.admin.gate_table import gate_lines
from registry.admin.open_acts import acts_open_to
from registry.admin.sign_off_form import SignOffForm
from registry.models import (
    Attestation,
    PromotionRequest,
    RequestState,
    SignOff,
    TicketLink,
    TicketSubject,
    Waiver,
)
from registry.permissions import may_promote
from registry.services.assessment import assess
from registry.services.evidence_views import open_evidence
from registry.services.promotion import promote
from registry.services.quorum import conflicts_of, lacking_roles, note_sensitive_data
from registry.services.slots import is_frozen
from registry.services.waiting import roles_open_to
from registry.signing import valid_sign_offs
from tracking.admin.rows import VisibleRowsAdmin, link_to_person, person


@admin.register(PromotionRequest)
class PromotionRequestAdmin(VisibleRowsAdmin[PromotionRequest]):
    """Requests with their verdicts and signatures."""

    change_form_template = "admin/registry/promotion_request.html"
    subject_pattern = r"request/(?P<pk>\d+)"
    list_display = (
        "number",
        "model_version",
        "environment",
        "standing",
        "lacks",
        linked("policy", "policy"),
        person("requested_by", "asked by"),
        moment("created_at", "asked at"),
    )
    list_display_links = ("number", "model_version")
    list_filter = ("state", "environment")
    list_select_related = (
        "model_version__registered_model",
        "policy",
        "requested_by",
    )
    search_fields = ("model_version__registered_model__name",)
    search_help_text = "Search by the name of the model."
    ordering = ("-id",)
    page = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromotionRequest]:
        return super().get_queryset(request).prefetch_related("sign_offs")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        listed = super().get_changelist_instance(request)
        note_sensitive_data(listed.result_list)
        return listed

    @admin.display(description="request", ordering="id")
    def number(self, subject: PromotionRequest) -> str:
        return str(subject.pk)

    @admin.display(description="state", ordering="state")
    def standing(self, subject: PromotionRequest) -> str:
        return badge(subject.state)

    @admin.display(description="waits for the signature of")
    def lacks(self, subject: PromotionRequest) -> str:
        if subject.state != RequestState.IN_REVIEW:
            return NOTHING
        return ", ".join(lacking_roles(subject))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<int:pk>/sign-off/",
                self.admin_site.admin_view(self.sign_off_view),
                name="registry_promotionrequest_sign_off",
            ),
            path(
                "<int:pk>/acts/<slug:act>/",
                self.admin_site.admin_view(self.act_view),
                name="registry_promotionrequest_act",
            ),
            path(
                "<int:pk>/promote/",
                self.admin_site.admin_view(require_POST(self.promote_view)),
                name="registry_promotionrequest_promote",
            ),
        ]
        return own + super().get_urls()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        subject = self._visible(request, context["original"].pk)
        open_evidence(subject, actor=_person(request))
        context |= _shown(subject, _person(request))
        context |= {"title": str(subject), "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    def sign_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        subject, actor = self._visible(request, pk), _person(request)
        if request.method == "GET":  # it shows all of the evidence
            open_evidence(subject, actor=actor)
        form = SignOffForm(request.POST or None, subject=subject, actor=actor)
        signed = form.sign() if form.is_valid() else None
        if signed is not None:
            self.message_user(request, _thanks(signed))
            return HttpResponseRedirect(page_of(subject))
        context = {
            **self.admin_site.each_context(request),
            **_shown(subject, actor),
            "title": f"Sign off {subject.model_version} for {subject.environment}",
            "opts": self.opts,
            "form": form,
        }
        return TemplateResponse(request, "admin/registry/sign_off.html", context)

    def act_view(self, request: HttpRequest, pk: int, act: str) -> HttpResponse:
        """Serve one of the acts that end, waive or attest, each a page (decision 0004)."""
        subject, actor = self._visible(request, pk), _person(request)
        if act not in ACTS:
            raise Http404
        if request.method == "GET":  # it shows all of the evidence
            open_evidence(subject, actor=actor)
        form = ACTS[act](request.POST or None, subject=subject, actor=actor)
        if request.method == "POST" and form.is_done():
            self.message_user(request, form.done)
            return HttpResponseRedirect(page_of(subject))
        context = {
            **self.admin_site.each_context(request),
            **_shown(subject, actor),
            "title": f"{form.heading} {subject.model_version} for {subject.environment}",
            "opts": self.opts,
            "form": form,
        }
        return TemplateResponse(request, "admin/registry/act.html", context)

    def promote_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        subject = self._visible(request, pk)
        try:
            promote(subject, actor=_person(request))
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
        else:
            self.message_user(
                request,
                f"{subject.model_version} serves in {subject.environment} now.",
            )
        return HttpResponseRedirect(page_of(subject))

    def _visible(self, request: HttpRequest, pk: int) -> PromotionRequest:
        subject = self.get_queryset(request).with_subject().filter(pk=pk).first()  # type: ignore[attr-defined]  # its own QuerySet
        if not isinstance(subject, PromotionRequest):
            raise Http404
        return subject


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - admin_view lets nobody else in
    return request.user


def _thanks(signed: SignOff) -> str:
    request = PromotionRequest.objects.get(pk=signed.request_id)
    if request.state == RequestState.APPROVED:
        return f"Signed as {signed.role}. That was the last signature: the request is approved."
    return f"Signed as {signed.role}."


def _shown(subject: PromotionRequest, actor: User) -> dict[str, Any]:
    snapshots = subject.snapshots.select_related("champion__registered_model")
    version = subject.model_version
    roles = roles_open_to(actor, subject)
    now = timezone.now()
    found = assess(subject, now)
    lines = gate_lines(subject, found.waivers)
    frozen = is_frozen(version.registered_model, subject.environment)
    return {
        "found": found,
        "acts": acts_open_to(actor, subject, found),
        "waivers": [
            (waiver, waiver.standing(now))
            for waiver in Waiver.objects.covering(subject).with_people().order_by("pk")
        ],
        "attestations": [
            (attested, attested.standing(now), attested in found.attestations)
            for attested in _attestations(subject)
        ],
        "views": subject.evidence_views.filter(
            subject_digest=subject.subject_digest
        ).select_related("viewer"),
        "closing": getattr(subject, "closing", None),
        "has_expired": subject.is_due(now),
        "subject": subject,
        "version": version,
        "promotion": getattr(subject, "promotion", None),
        "snapshot": snapshots.get(attempt=subject.attempt),
        "state": badge(subject.state),
        "lines": lines.pop(subject.attempt, []),
        "earlier": sorted(lines.items(), reverse=True),
        "sign_offs": valid_sign_offs(subject),
        "void": subject.sign_offs.exclude(subject_digest=subject.subject_digest),
        "lacking": lacking_roles(subject),
        "can_sign": bool(roles),
        "hindrances": conflicts_of(actor, subject, now=now),
        "is_frozen": frozen,
        "can_promote": subject.state == RequestState.APPROVED
        and not subject.is_due(now)
        and not frozen
        and may_promote(actor, version.registered_model),
        "tickets": TicketLink.objects.about(TicketSubject.REQUEST, subject.pk),
        "trail": _trail([version.subject, subject.subject]),
    }


def _attestations(subject: PromotionRequest) -> QuerySet[Attestation]:
    of_version = Attestation.objects.filter(
        model_version=subject.model_version_id, environment=subject.environment
    )
    return of_version.with_people().order_by("pk")


def _trail(subjects: list[str]) -> list[tuple[TrailEntry, str]]:
    entries = trail(subjects)
    people = User.objects.in_bulk({int(e.actor.removeprefix("user/")) for e in entries})
    names = {f"user/{pk}": link_to_person(user) for pk, user in people.items()}
    return [(entry, names.get(entry.actor, entry.actor)) for entry in entries]
