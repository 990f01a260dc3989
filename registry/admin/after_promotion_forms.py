"""The forms of the acts that come after a promotion, each calling one service."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict

from registry.models import ModelVersion
from registry.models.break_glass import LONGEST_HOURS
from registry.models.finding import FindingCause, FindingState, Severity
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services.break_glass import (
    IN_AN_EMERGENCY,
    ask_to_break_glass,
    confirm_break_glass,
)
from registry.services.findings import (
    accept_risk,
    move_finding,
    moves_open_to,
    open_finding,
)
from registry.services.retirements import retire
from registry.services.revalidations import revalidate
from registry.services.rollbacks import lift_freeze, roll_back, versions_before
from registry.services.slots import add_challenger, remove_challenger
from registry.services.tiers import assess_tier
from tracking.admin.act_form import ActForm, code_field, password_field, text_field
from tracking.people import people_of

_IN_PERSON: dict[str, Any] = {"is_interactive": True}
_TWO_ROLES = [(role.value, role.label) for role in IN_AN_EMERGENCY]


class OpenFindingForm(ActForm):
    """Something is wrong with a model."""

    heading = "Open a finding"
    button = "Open the finding"
    done = "The finding is open."

    severity = forms.TypedChoiceField(choices=Severity.choices, coerce=Severity)
    title = forms.CharField(max_length=200)
    description = text_field("Description")
    owner = forms.ModelChoiceField(
        User.objects.none(),
        label="Who mends it",
        to_field_name="username",
        help_text="Somebody with a role in the model's workspace.",
    )

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data, subject=subject, actor=actor)
        people = people_of(subject.workspace).filter(
            is_active=True, service_account=None
        )
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ModelChoiceField)  # noqa: S101 - as declared above
        owner.queryset = people.order_by("username")

    def act(self) -> None:
        open_finding(
            self.subject,
            cause=FindingCause.REVIEW,
            **self.fields_given,
            actor=self.actor,
        )


class MoveFindingForm(ActForm):
    """A finding goes a step on."""

    heading = "Move on"
    button = "Move the finding on"
    done = "The finding has moved on."

    to = forms.TypedChoiceField(
        choices=FindingState.choices, coerce=FindingState, label="To"
    )
    reason = text_field("My reason")

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data, subject=subject, actor=actor)
        self.fields["to"].widget.choices = [
            (state.value, state.label) for state in moves_open_to(actor, subject)
        ]

    def act(self) -> None:
        move_finding(self.subject, **self.fields_given, actor=self.actor)


class AcceptRiskForm(ActForm):
    """The risk of a finding is borne until a day, signed."""

    heading = "Accept the risk"
    button = "Accept, signed"
    done = "Signed. The risk is accepted once as many have signed as the tier asks for."

    until = forms.DateField(
        widget=forms.DateInput(attrs={"type": "date"}), label="Until (UTC)"
    )
    reason = text_field("My reason")
    password = password_field()
    code = code_field()

    def act(self) -> None:
        given = self.fields_given
        until = datetime.combine(given.pop("until"), time(), UTC)
        accept_risk(self.subject, until=until, **given, **_IN_PERSON, actor=self.actor)


class RollBackForm(ActForm):
    """A slot goes back."""

    heading = "Roll back"
    button = "Roll back now"
    done = (
        "Rolled back. A finding is open, and the slot is frozen until it is reviewed."
    )

    to = forms.ModelChoiceField(ModelVersion.objects.none(), label="Back to")
    reason = text_field("My reason")

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data, subject=subject, actor=actor)
        self.fields["to"].queryset = versions_before(subject)  # type: ignore[attr-defined]  # of this field

    def act(self) -> None:
        roll_back(self.subject, **self.fields_given, actor=self.actor)


class RevalidateForm(ActForm):
    """The champion was validated again, signed."""

    heading = "Validate again"
    button = "Sign the validation"
    done = "The champion is validated; its interval begins anew."

    conclusion = text_field("What the validation came to")
    password = password_field()
    code = code_field()

    def act(self) -> None:
        revalidate(
            self.subject,
            version=self.subject.champion,
            **self.fields_given,
            **_IN_PERSON,
            actor=self.actor,
        )


class LiftFreezeForm(ActForm):
    """A rollback was reviewed, signed."""

    heading = "Review and lift"
    button = "Lift, signed"
    done = "The freeze is lifted: versions are promoted there again."

    conclusion = text_field("What the review came to")
    password = password_field()
    code = code_field()

    def act(self) -> None:
        lift_freeze(self.subject, **self.fields_given, **_IN_PERSON, actor=self.actor)


class AskToBreakGlassForm(ActForm):
    """The first of two signatures in an emergency."""

    heading = "Break the glass"
    button = "Ask, signed"
    done = "Asked for. The other of the two confirms within the hour."

    environment = forms.SlugField(max_length=50)
    hours = forms.IntegerField(min_value=1, max_value=LONGEST_HOURS, initial=4)
    role = forms.TypedChoiceField(
        choices=_TWO_ROLES, coerce=SignerRole, label="I sign as"
    )
    reason = text_field("My reason")
    password = password_field()
    code = code_field()

    def act(self) -> None:
        ask_to_break_glass(
            self.subject, **self.fields_given, **_IN_PERSON, actor=self.actor
        )


class ConfirmBreakGlassForm(ActForm):
    """The second of two signatures in an emergency."""

    heading = "Confirm"
    button = "Confirm, signed"
    done = "Confirmed: the version serves until its hours are over."

    role = forms.TypedChoiceField(
        choices=_TWO_ROLES, coerce=SignerRole, label="I sign as"
    )
    password = password_field()
    code = code_field()

    def act(self) -> None:
        confirm_break_glass(
            self.subject, **self.fields_given, **_IN_PERSON, actor=self.actor
        )


class AddChallengerForm(ActForm):
    """A version runs beside a champion."""

    heading = "Make it a challenger"
    button = "Let it run beside the champion"
    done = "It is a challenger now."

    environment = forms.SlugField(max_length=50)
    reason = text_field("My reason")

    def act(self) -> None:
        add_challenger(self.subject, **self.fields_given, actor=self.actor)


class RemoveChallengerForm(AddChallengerForm):
    """A challenger is withdrawn."""

    heading = "Withdraw as a challenger"
    button = "Withdraw it"
    done = "It is no challenger any more; that it was tried stays on record."

    def act(self) -> None:
        remove_challenger(self.subject, **self.fields_given, actor=self.actor)


class RetireVersionForm(ActForm):
    """A version will not serve again, signed."""

    heading = "Retire"
    button = "Retire, signed"
    done = "It is retired."

    reason = text_field("My reason", "Its slots are emptied at once.")
    password = password_field()
    code = code_field()

    def act(self) -> None:
        retire(
            self.subject.registered_model,
            version=self.subject,
            **self.fields_given,
            **_IN_PERSON,
            actor=self.actor,
        )


class RetireModelForm(RetireVersionForm):
    """A whole model will not serve again, signed."""

    def act(self) -> None:
        retire(self.subject, **self.fields_given, **_IN_PERSON, actor=self.actor)


class AssessTierForm(ActForm):
    """A model's risk tier, signed."""

    heading = "Assess the risk tier"
    button = "Sign the tier"
    done = "The tier is signed."

    tier = forms.TypedChoiceField(
        choices=Tier.choices, coerce=lambda value: Tier(int(value))
    )
    exposure = text_field("What is exposed to the model")
    rationale = text_field("Why that makes it this tier")
    password = password_field()
    code = code_field()

    def act(self) -> None:
        assess_tier(self.subject, **self.fields_given, **_IN_PERSON, actor=self.actor)
