"""Delegations of signing roles in the Django admin: sign one, see them, take one back."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils import timezone

from audit.admin import NOTHING, badge, link, moment, utc
from registry.models import Delegation, RegisteredModel
from registry.models.sign_off import SignerRole
from registry.permissions import models_signed_by, workspaces_signed_in_by
from registry.services.delegations import (
    LONGEST,
    delegate_signing,
    withdraw_delegation,
)
from tracking.admin.act_form import (
    ActForm,
    MakingForm,
    code_field,
    password_field,
)
from tracking.admin.row_acts import Act, MakingAdmin
from tracking.admin.rows import person
from tracking.models import Workspace
from tracking.people import account_named

AT_FIRST = timedelta(days=14)


def _time_field(label: str, help_text: str = "") -> forms.DateTimeField:
    return forms.DateTimeField(
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
        ),
        label=label,
        help_text=help_text,
    )


class DelegateForm(MakingForm):
    """One signature that lets somebody sign for a while.

    Every role is accepted here, so that the service refuses, and records the refusal.
    """

    heading = "Delegate a role"
    button = "Delegate, signed"
    done = "Delegated. It ends by itself, and either of you can take it back before."

    workspace = forms.ModelChoiceField(
        Workspace.objects.none(), to_field_name="name", empty_label=None
    )
    registered_model = forms.ModelChoiceField(
        RegisteredModel.objects.none(),
        required=False,
        empty_label="all of the workspace",
        label="For the model",
    )
    role = forms.TypedChoiceField(
        choices=SignerRole.choices, coerce=SignerRole, label="Let them sign as"
    )
    delegate = forms.CharField(
        max_length=150,
        label="Who signs for me",
        help_text="Their username; they need to see what they sign.",
    )
    starts_at = _time_field("From (UTC)")
    ends_at = _time_field("Until (UTC)", f"At most {LONGEST.days} days later.")
    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="My reason",
        help_text="For example: leave.",
    )
    password = password_field()
    code = code_field()

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data, subject=subject, actor=actor)
        now = timezone.now()
        self.fields["starts_at"].initial = now
        self.fields["ends_at"].initial = now + AT_FIRST
        own = models_signed_by(actor)
        choices = {
            "workspace": Workspace.objects.visible_to(actor).order_by("name"),
            "registered_model": own.select_related("workspace").order_by("name"),
        }
        for name, rows in choices.items():
            self.fields[name].queryset = rows  # type: ignore[attr-defined]  # of these fields

    def clean_delegate(self) -> User:
        return account_named(self.cleaned_data["delegate"])

    def clean(self) -> None:
        model = self.cleaned_data.get("registered_model")
        workspace = self.cleaned_data.get("workspace")
        if model and workspace and model.workspace_id != workspace.pk:
            self.add_error(
                "registered_model", f"{model} is not in {workspace}: choose its own."
            )

    def act(self) -> None:
        given = self.fields_given
        self.made = delegate_signing(
            given.pop("workspace"),
            model=given.pop("registered_model"),
            **given,
            is_interactive=True,
            actor=self.actor,
        )


class WithdrawDelegationForm(ActForm):
    """The end of a delegation before its time."""

    heading = "Take back"
    button = "Take it back now"
    done = "The delegation has ended; what was signed by it stays valid."

    def act(self) -> None:
        withdraw_delegation(self.subject, actor=self.actor)


def _is_theirs_to_end(actor: User, delegation: Delegation) -> bool:
    is_over = hasattr(delegation, "withdrawal") or delegation.ends_at <= timezone.now()
    people = {delegation.delegator_id, delegation.delegate_id}
    return actor.pk in people and not is_over


@admin.register(Delegation)
class DelegationAdmin(MakingAdmin[Delegation]):
    """Who signs for whom: those given, those had, and those of models that one sees."""

    subject_pattern = r"delegation/(?P<pk>\d+)"
    list_display = (
        "__str__",
        "covers",
        person("delegate", "signs for them"),
        "standing",
        moment("starts_at", "from"),
        moment("ends_at", "until"),
    )
    list_select_related = (
        "workspace",
        "registered_model__workspace",
        "delegator",
        "delegate",
        "withdrawal",
    )
    ordering = ("-id",)
    page = (
        "role",
        "covers",
        person("delegator", "signed by"),
        "printed_name",
        person("delegate", "signs for them"),
        "standing",
        moment("starts_at", "from"),
        moment("ends_at", "until"),
        "reason",
        "method",
        moment("signed_at", "signed at"),
        "withdrawn",
    )
    making = DelegateForm
    acts: ClassVar[dict[str, Act]] = {
        "withdraw": Act(WithdrawDelegationForm, _is_theirs_to_end)
    }

    def may_make(self, actor: User) -> bool:
        return (
            workspaces_signed_in_by(actor).exists() or models_signed_by(actor).exists()
        )

    @admin.display(description="for")
    def covers(self, delegation: Delegation) -> str:
        if delegation.registered_model is None:
            return f"all of {delegation.workspace}"
        return link(delegation.registered_model)

    @admin.display(description="state")
    def standing(self, delegation: Delegation) -> str:
        now = timezone.now()
        if hasattr(delegation, "withdrawal"):
            return badge("withdrawn")
        if delegation.ends_at <= now:
            return badge("over")
        return badge("in_force" if delegation.starts_at <= now else "not_yet")

    @admin.display(description="taken back at")
    def withdrawn(self, delegation: Delegation) -> str:
        taken_back = getattr(delegation, "withdrawal", None)
        return utc(taken_back.withdrawn_at) if taken_back else NOTHING
