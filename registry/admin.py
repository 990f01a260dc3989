"""The registry in the Django admin: reviewers read evidence, sign and promote here.

Every row is read-only. The two acts, signing and promoting, are pages of their own that
call the same services as the API.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from audit.errors import DomainError
from registry.models import (
    GateRun,
    ModelVersion,
    Policy,
    PromotionRequest,
    RegisteredModel,
    RequestState,
    Slot,
)
from registry.models.sign_off import SignerRole
from registry.permissions import may_promote, may_sign_as
from registry.services.promotion import promote
from registry.services.sign_offs import missing_roles, sign_off
from registry.signing import valid_sign_offs
from tracking.admin import VisibleRowsAdmin


class SignOffForm(forms.Form):
    """One signature: role, meaning, and the password once more."""

    role = forms.ChoiceField(choices=SignerRole.choices, label="I sign as")
    meaning = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Meaning of my signature",
        help_text="For example: I reviewed the evidence and approve this version for "
        "production.",
    )
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        label="My password",
        help_text="Entering it again is part of the signature.",
    )


@admin.register(PromotionRequest)
class PromotionRequestAdmin(VisibleRowsAdmin[PromotionRequest]):
    """Requests with their verdicts and signatures."""

    change_form_template = "admin/registry/promotion_request.html"
    list_display = (
        "id",
        "model_version",
        "environment",
        "state",
        "attempt",
        "created_at",
    )
    list_display_links = ("id", "model_version")
    list_filter = ("state", "environment")
    list_select_related = ("model_version__registered_model",)
    ordering = ("-id",)
    fields = ()

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<int:pk>/sign-off/",
                self.admin_site.admin_view(self.sign_off_view),
                name="registry_promotionrequest_sign_off",
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
        context |= _shown(subject, _person(request))
        return super().render_change_form(request, context, *args, **kwargs)

    def sign_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        subject = self._visible(request, pk)
        form = SignOffForm(request.POST or None)
        form.fields["role"].choices = _roles_open_to(subject, _person(request))  # type: ignore[attr-defined]  # a ChoiceField
        if request.method == "POST" and form.is_valid():
            try:
                signed = _sign(subject, form.cleaned_data, _person(request))
            except DomainError as refusal:
                form.add_error(None, refusal.detail)
            else:
                self.message_user(request, f"Signed as {signed.role}.")
                return _to(subject)
        context = {
            **self.admin_site.each_context(request),
            **_shown(subject, _person(request)),
            "title": f"Sign off {subject.model_version}",
            "opts": self.opts,
            "form": form,
        }
        return TemplateResponse(request, "admin/registry/sign_off.html", context)

    def promote_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        subject = self._visible(request, pk)
        try:
            promote(subject, actor=_person(request))
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
        else:
            self.message_user(
                request, f"{subject.model_version} serves in {subject.environment}."
            )
        return _to(subject)

    def _visible(self, request: HttpRequest, pk: int) -> PromotionRequest:
        requests = PromotionRequest.objects.visible_to(_person(request))
        subject = requests.with_subject().filter(pk=pk).first()
        if subject is None:
            raise Http404
        return subject


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - admin_view lets nobody else in
    return request.user


def _shown(subject: PromotionRequest, person: User) -> dict[str, Any]:
    snapshot = subject.snapshots.select_related("champion__registered_model").get(
        attempt=subject.attempt
    )
    runs = GateRun.objects.of_attempt(subject).select_related("verdict")
    model = subject.model_version.registered_model
    return {
        "subject": subject,
        "version": subject.model_version,
        "snapshot": snapshot,
        "gate_runs": runs,
        "sign_offs": valid_sign_offs(subject),
        "missing_roles": missing_roles(subject),
        "can_sign": subject.state == RequestState.IN_REVIEW
        and bool(_roles_open_to(subject, person)),
        "can_promote": subject.state == RequestState.APPROVED
        and may_promote(person, model),
    }


def _roles_open_to(subject: PromotionRequest, person: User) -> list[tuple[str, str]]:
    model = subject.model_version.registered_model
    return [
        (role.value, str(role.label))
        for role in SignerRole
        if role in missing_roles(subject) and may_sign_as(person, role, model)
    ]


def _sign(subject: PromotionRequest, fields: dict[str, Any], person: User) -> Any:
    return sign_off(
        subject,
        role=SignerRole(fields["role"]),
        meaning=fields["meaning"],
        password=fields["password"],
        is_interactive=True,
        actor=person,
    )


def _to(subject: PromotionRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect(
        reverse("admin:registry_promotionrequest_change", args=[subject.pk])
    )


@admin.register(RegisteredModel)
class RegisteredModelAdmin(VisibleRowsAdmin[RegisteredModel]):
    """The models of the workspaces that one sees."""

    list_display = ("name", "workspace", "tier", "owner", "created_at")
    list_select_related = ("workspace", "owner")
    search_fields = ("name",)


@admin.register(ModelVersion)
class ModelVersionAdmin(VisibleRowsAdmin[ModelVersion]):
    """Versions with the run and artifact that they come from."""

    list_display = (
        "__str__",
        "source_run",
        "artifact_sha256",
        "created_by",
        "created_at",
    )
    list_select_related = ("registered_model", "source_run", "created_by")
    ordering = ("-id",)


@admin.register(Policy)
class PolicyAdmin(VisibleRowsAdmin[Policy]):
    """Policies, drafts and published ones."""

    list_display = ("__str__", "registered_model", "environment", "author", "published")
    list_select_related = ("registered_model", "author", "publication")
    ordering = ("-id",)

    @admin.display(description="published")
    def published(self, policy: Policy) -> str:
        publication = getattr(policy, "publication", None)
        return (
            f"{publication.published_at:%Y-%m-%d %H:%M} UTC" if publication else "draft"
        )


@admin.register(Slot)
class SlotAdmin(VisibleRowsAdmin[Slot]):
    """Which version serves where."""

    list_display = ("registered_model", "environment", "champion")
    list_select_related = ("registered_model", "champion__registered_model")
