"""The admin site: an overview of what waits, and password changes that are logged."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import (
    AdminAuthenticationForm,
    AdminPasswordChangeForm,
)
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from audit.errors import DomainError, PermissionDeniedError
from audit.proofs import soundness
from registry.services.sign_off_verification import last_sign_off_verification
from registry.services.waiting import MOST_LISTED, waiting_for
from tracking.models import Workspace
from tracking.services.accounts import change_password
from tracking.services.log_ins import (
    count_failed_try,
    forget_failed_tries,
    is_locked,
    record_failed_log_in,
    refuse_locked,
)
from tracking.services.second_factors import (
    confirm_second_factor,
    enrol_second_factor,
    has_second_factor,
)

FLOORS = ("registry", "tracking", "audit", "auth")


class LoggedPasswordChangeForm(AdminPasswordChangeForm):
    """Django's form, which saves through the service that writes the entry.

    Wrong old passwords count as those at log-in do: a session left open is no way to
    guess on.
    """

    def clean_old_password(self) -> str:
        try:
            refuse_locked(self.user)
        except PermissionDeniedError as refusal:
            raise ValidationError(refusal.detail, code=refusal.code) from refusal
        try:
            old: str = super().clean_old_password()
        except ValidationError:
            count_failed_try(self.user)
            raise
        forget_failed_tries(self.user)
        return old

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002, ARG002 - Django's signature
        user = self.user
        change_password(user, password=self.cleaned_data["new_password1"])
        return user


class LoggedAuthenticationForm(AdminAuthenticationForm):
    """Django's form; a failure is an entry, and too many lock the account.

    A locked account is answered like a wrong password or an unknown name, whatever the
    password is, so that guessing tells nothing: not even that the account exists.
    """

    def clean(self) -> dict[str, Any]:
        typed = self.cleaned_data.get("username") or ""
        account = User.objects.filter(username=typed).first()
        locked = account is not None and is_locked(account)
        try:
            # The password is hashed all the same, which takes as long as the others do.
            cleaned = super().clean()
            if locked:
                raise self.get_invalid_login_error()
        except ValidationError as error:
            code = getattr(error, "code", None) or "invalid_login"
            record_failed_log_in(
                account, door="password", code="account_locked" if locked else code
            )
            if account is not None and not locked:
                count_failed_try(account)
            raise
        # Without a password nobody was asked for one, and nothing is forgotten.
        if account is not None and self.get_user() is not None:
            forget_failed_tries(account)
        return cleaned


class AttestryAdminSite(AdminSite):
    """Django's site with the floors in their order and without its own side doors."""

    index_title = "Overview"
    login_form = LoggedAuthenticationForm
    site_url = None
    # Beside the tables it costs the columns that reviewers come for.
    enable_nav_sidebar = False
    empty_value_display = "–"  # noqa: RUF001 - an en dash, as in the reports

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if context["has_permission"]:
            context["log"] = soundness()
            context["sign_offs_verified"] = last_sign_off_verification()
        return context

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        actor = request.user
        assert isinstance(actor, User)  # noqa: S101 - admin_view lets nobody else in
        context = {
            "app_list": sorted(
                self.get_app_list(request), key=lambda a: FLOORS.index(a["app_label"])
            ),
            "waiting": waiting_for(actor),
            "most_waiting": MOST_LISTED,
            "has_role": Workspace.objects.visible_to(actor).exists(),
        }
        return super().index(request, context | (extra_context or {}))

    def get_urls(self) -> list[URLResolver | URLPattern]:
        own = path(
            "second-factor/", self.admin_view(self.second_factor), name="second_factor"
        )
        return [own, *super().get_urls()]

    def second_factor(self, request: HttpRequest) -> HttpResponseBase:
        """Enrol one's own second factor: the password first, then a code of the app."""
        actor = request.user
        assert isinstance(actor, User)  # noqa: S101 - admin_view lets nobody else in
        context = {
            **self.each_context(request),
            "title": "My second factor",
            "is_enrolled": has_second_factor(actor),
        }
        try:
            if "password" in request.POST:
                context["enrolment"] = enrol_second_factor(
                    actor, password=request.POST["password"], is_interactive=True
                )
            elif "code" in request.POST:
                confirm_second_factor(
                    actor, code=request.POST["code"], is_interactive=True
                )
                return redirect("admin:second_factor")
        except DomainError as refusal:
            context["refusal"] = refusal.detail
            context["is_begun"] = "code" in request.POST
        return TemplateResponse(request, "admin/second_factor.html", context)

    def password_change(  # type: ignore[override]  # the stubs forget the redirect
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        view = PasswordChangeView.as_view(
            form_class=LoggedPasswordChangeForm,
            template_name="registration/password_change_form.html",
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)
