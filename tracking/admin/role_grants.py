"""Grants of roles in the Django admin: asked for, approved and taken away on pages."""

from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from audit.admin import NOTHING, badge, moment, page_of
from audit.errors import DomainError
from tracking.admin.rows import (
    VisibleRowsAdmin,
    link_to_person,
    person,
    person_asking,
)
from tracking.models import RoleGrant, Workspace
from tracking.permissions import Role, may_ask_for_grants
from tracking.services.role_grants import approve_role, ask_for_role
from tracking.services.roles import revoke_grant


class AskForRoleForm(forms.Form):
    """A role in a workspace, or below a prefix; the API grants on single objects too."""

    account = forms.CharField(max_length=150, label="Username")
    workspace = forms.ModelChoiceField(Workspace.objects.none(), to_field_name="name")
    role = forms.TypedChoiceField(choices=Role.choices, coerce=Role)
    names_begin = forms.CharField(
        max_length=200,
        required=False,
        label="Names begin with",
        help_text="Only for experiments and models whose names begin so; empty: for all.",
    )
    reason = forms.CharField(max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, data: QueryDict | None, *, actor: User) -> None:
        super().__init__(data)
        self.actor = actor
        asked_in = [
            workspace.pk
            for workspace in Workspace.objects.visible_to(actor)
            if may_ask_for_grants(actor, workspace)
        ]
        field = self.fields["workspace"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - as declared above
        field.queryset = Workspace.objects.filter(pk__in=asked_in)
        self._asks_anywhere = bool(asked_in)

    def clean_account(self) -> User:
        """Find any account for who may ask; nobody else learns whether it is there."""
        username = self.cleaned_data["account"]
        account = User.objects.filter(username=username, is_active=True).first()
        if account is None or not self._asks_anywhere:
            raise forms.ValidationError("There is no such active account.")
        return account

    def ask(self) -> RoleGrant | None:
        """Ask, or say above the form why not."""
        try:
            return ask_for_role(
                self.cleaned_data["account"],
                role=self.cleaned_data["role"],
                workspace=self.cleaned_data["workspace"],
                on=self.cleaned_data["names_begin"] or None,
                reason=self.cleaned_data["reason"],
                actor=self.actor,
            )
        except DomainError as refusal:
            self.add_error(None, refusal.detail)
        return None


@admin.register(RoleGrant)
class RoleGrantAdmin(VisibleRowsAdmin[RoleGrant]):
    """Who has which role, who asked and who approved; the two acts are buttons."""

    change_form_template = "admin/tracking/role_grant.html"
    change_list_template = "admin/tracking/role_grants.html"
    list_display = (
        person("account", "account"),
        "role",
        "covers",
        "standing",
        moment("effective_at", "in effect from"),
        person("asked_by", "asked by"),
    )
    list_display_links = ("role",)
    list_filter = ("state", "role")
    list_select_related = ("workspace", "account", "asked_by", "approved_by")
    ordering = ("-id",)
    page = (
        person("account", "account"),
        "role",
        "covers",
        "standing",
        "reason",
        "by_installation",
        person("asked_by", "asked by"),
        moment("asked_at", "asked at"),
        "approver",
        moment("approved_at", "approved at"),
        moment("effective_at", "in effect from"),
        moment("ended_at", "ended at"),
    )

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        return lookup in {"state__exact", "role__exact"}

    def subject_of(self, row: RoleGrant) -> str:
        return row.workspace.subject

    @admin.display(description="state", ordering="state")
    def standing(self, grant: RoleGrant) -> str:
        return badge(grant.state)

    @admin.display(description="approved by")
    def approver(self, grant: RoleGrant) -> str:
        return link_to_person(grant.approved_by) if grant.approved_by else NOTHING

    def get_urls(self) -> list[URLPattern]:
        acts = {"approve": self.approve_view, "revoke": self.revoke_view}
        own = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"tracking_rolegrant_{name}",
            )
            for name, view in acts.items()
        ]
        own.append(
            path(
                "ask/",
                self.admin_site.admin_view(self.ask_view),
                name="tracking_rolegrant_ask",
            )
        )
        return own + super().get_urls()

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        form = AskForRoleForm(request.POST or None, actor=person_asking(request))
        grant = form.ask() if form.is_valid() else None
        if grant is not None:
            return HttpResponseRedirect(page_of(grant))
        context = {
            **self.admin_site.each_context(request),
            "title": "Ask for a role",
            "opts": self.opts,
            "form": form,
        }
        return TemplateResponse(request, "admin/tracking/ask_for_role.html", context)

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._act(request, pk, approve_role)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._act(request, pk, revoke_grant)

    def _act(
        self, request: HttpRequest, pk: int, act: Callable[..., object]
    ) -> HttpResponse:
        grant = self.get_queryset(request).filter(pk=pk).first()
        if grant is None:
            raise Http404
        try:
            act(grant, actor=person_asking(request))
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
        return HttpResponseRedirect(page_of(grant))
