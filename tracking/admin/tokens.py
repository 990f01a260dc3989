"""API tokens in the Django admin: see them, make one, revoke one.

The token itself is printed on the page that answers its making, and nowhere else.
"""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.html import format_html

from audit.admin import moment
from tracking.admin.act_form import ActForm, MakingForm
from tracking.admin.row_acts import Act, MakingAdmin
from tracking.admin.rows import person, person_asking
from tracking.models import ApiToken
from tracking.models.access import Scope
from tracking.services.tokens import (
    create_token,
    programs_served_by,
    revoke_token,
    tokens_of,
)

LETS = {
    Scope.READ: "read what I see, and nothing more",
    Scope.TRACKING_WRITE: "log runs, artifacts, datasets",
    Scope.REGISTRY_WRITE: "register models and versions, ask for promotion, attest",
    Scope.GATES_RUN: "ask for promotion and have gates run again",
    Scope.PROMOTE: "redeem approvals, move stages and aliases, roll back",
    Scope.ACCESS_WRITE: "administer accounts, roles and workspaces",
}


class MakeTokenForm(MakingForm):
    """A token of one's own, or for administrators of a program."""

    heading = "Make a token"
    button = "Make the token"
    done = "The token is made"
    secret_label = "Token"  # noqa: S105 - the word for it
    advice = (
        "Copy it now: it is shown this once, and nobody can show it again. A token that "
        "is lost is revoked, and another one made."
    )

    name = forms.CharField(max_length=100, help_text="What it is for, or where.")
    account = forms.ModelChoiceField(
        User.objects.none(),
        to_field_name="username",
        required=False,
        empty_label="me",
        label="For",
        help_text="People make their own; administrators make those of programs.",
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, f"{scope.value}: {LETS[scope]}") for scope in Scope],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Each includes reading. None: all that the account may do.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=timedelta.max.days,
        required=False,
        label="Valid for how many days",
    )

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data, subject=subject, actor=actor)
        longest = settings.ATTESTRY_TOKEN_DAYS
        self.fields["days"].help_text = f"At most {longest}; empty: {longest}."
        programs = programs_served_by(actor)
        account = self.fields["account"]
        assert isinstance(account, forms.ModelChoiceField)  # noqa: S101 - as declared above
        account.queryset = programs
        if not programs.exists():
            del self.fields["account"]

    def act(self) -> None:
        given = self.fields_given
        days = given["days"]
        self.made, self.secret = create_token(
            given.get("account") or self.actor,
            name=given["name"],
            scopes=[Scope(word) for word in given["scopes"]],
            lifetime=timedelta(days=days) if days else None,
            actor=self.actor,
        )


class RevokeTokenForm(ActForm):
    """The end of a token."""

    heading = "Revoke"
    button = "Revoke the token now"
    done = "The token is revoked: whatever uses it gets in no more."

    def act(self) -> None:
        revoke_token(self.subject, actor=self.actor)


@admin.register(ApiToken)
class ApiTokenAdmin(MakingAdmin[ApiToken]):
    """One's own tokens, and for administrators those of programs; never the secrets."""

    subject_pattern = r"api-token/(?P<pk>\d+)"
    list_display = (
        "name",
        person("user", "account"),
        "may",
        "standing",
        moment("expires_at", "expires at"),
        moment("last_used_at", "last used at"),
    )
    list_select_related = ("user",)
    ordering = ("-id",)
    page = (
        "name",
        person("user", "account"),
        "begins",
        "may",
        "standing",
        moment("created_at", "made at"),
        moment("expires_at", "expires at"),
        moment("last_used_at", "last used at"),
        moment("revoked_at", "revoked at"),
    )
    making = MakeTokenForm
    acts: ClassVar[dict[str, Act]] = {
        "revoke": Act(
            RevokeTokenForm, lambda _actor, token: token.is_usable(timezone.now())
        )
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        return tokens_of(person_asking(request))

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        """Refuse them all: a filter on `sha256` would tell the digest bit by bit."""
        return False

    def may_make(self, actor: User) -> bool:
        return True

    @admin.display(description="begins with")
    def begins(self, token: ApiToken) -> str:
        return format_html("<code>{}…</code>", token.prefix)

    @admin.display(description="may")
    def may(self, token: ApiToken) -> str:
        return token.scopes.replace(" ", ", ") or "all that its account may"

    @admin.display(description="state")
    def standing(self, token: ApiToken) -> str:
        if token.revoked_at is not None:
            return "revoked"
        return "usable" if token.is_usable(timezone.now()) else "expired"
