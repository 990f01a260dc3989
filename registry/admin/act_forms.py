"""The forms of the acts on a request: each calls one service and shows its refusal."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict

from registry.models import (
    AttestationKind,
    AttestationSource,
    Waiver,
    WaiverScope,
)
from registry.models.sign_off import SignerRole
from registry.services.attestations import attest
from registry.services.closings import (
    invalidate_request,
    reject_request,
    withdraw_request,
)
from registry.services.waiting import roles_open_to
from registry.services.waivers import approve_waiver, request_waiver, withdraw_waiver
from tracking.admin.act_form import ActForm, code_field, password_field, text_field


class RejectForm(ActForm):
    """A rejection, signed."""

    heading = "Reject"
    button = "Reject, signed"
    done = "Rejected. The submitter can open a new request."

    role = forms.TypedChoiceField(
        choices=SignerRole.choices, coerce=SignerRole, label="I reject as"
    )
    reason = text_field("My reason", "What would have to be otherwise.")
    password = password_field()
    code = code_field()
    seen_digest = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data, subject=subject, actor=actor)
        self.fields["seen_digest"].initial = subject.subject_digest
        self.fields["role"].widget.choices = [
            (role.value, role.label) for role in roles_open_to(actor, subject)
        ]

    def act(self) -> None:
        reject_request(
            self.subject, **self.fields_given, is_interactive=True, actor=self.actor
        )


class WithdrawForm(ActForm):
    """A withdrawal."""

    heading = "Withdraw"
    button = "Withdraw the request"
    done = "Withdrawn."

    reason = text_field("My reason")

    def act(self) -> None:
        withdraw_request(self.subject, **self.fields_given, actor=self.actor)


class InvalidateForm(ActForm):
    """Revoked evidence, signed."""

    heading = "Revoke the evidence of"
    button = "Revoke, signed"
    done = "The evidence is revoked and the request has ended."

    reason = text_field("My reason", "What the evidence does not show any more.")
    password = password_field()
    code = code_field()

    def act(self) -> None:
        invalidate_request(
            self.subject, **self.fields_given, is_interactive=True, actor=self.actor
        )


class WaiverForm(ActForm):
    """A waiver that somebody asks for."""

    heading = "Ask for a waiver for"
    button = "Ask for the waiver"
    done = "Asked for. Somebody else approves it, with the password entered again."

    gate = forms.SlugField(max_length=50, help_text="One of the open gates above.")
    scope = forms.TypedChoiceField(choices=WaiverScope.choices, coerce=WaiverScope)
    reason = text_field("Reason")
    compensating_control = text_field("Compensating control", "What is done instead.")
    residual_risk = text_field("Residual risk", "What may go wrong all the same.")
    days = forms.IntegerField(min_value=1, max_value=90, initial=30)

    def act(self) -> None:
        request_waiver(self.subject, **self.fields_given, actor=self.actor)


class AttestForm(ActForm):
    """An attestation that a person signs."""

    heading = "Attest something for"
    button = "Attest, signed"
    done = "Attested."

    kind = forms.TypedChoiceField(
        choices=AttestationKind.choices, coerce=AttestationKind, label="What"
    )
    statement = text_field("My statement", "What was done, and what came out.")
    link = forms.URLField(
        max_length=1000, required=False, assume_scheme="https", label="Where it is kept"
    )
    evidence_sha256 = forms.RegexField(
        r"^[0-9a-f]{64}\Z", required=False, label="SHA-256 of what it rests on"
    )
    days = forms.IntegerField(
        min_value=1, max_value=730, initial=90, label="Holds for how many days"
    )
    password = password_field()
    code = code_field()

    def act(self) -> None:
        attest(
            self.subject.model_version,
            environment=self.subject.environment,
            source=AttestationSource.HUMAN,
            **self.fields_given,
            is_interactive=True,
            actor=self.actor,
        )


class _WaiverActForm(ActForm):
    """An act on one waiver of the request, which the page's link names."""

    waiver = forms.ModelChoiceField(Waiver.objects.none(), label="Waiver")

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data, subject=subject, actor=actor)
        covering = Waiver.objects.covering(subject).filter(withdrawal__isnull=True)
        self.fields["waiver"].queryset = covering.with_people()  # type: ignore[attr-defined]  # of this field


class ApproveWaiverForm(_WaiverActForm):
    """The approval of a waiver, signed."""

    heading = "Approve a waiver for"
    button = "Approve, signed"
    done = "Approved."

    reason = text_field("My reason")
    password = password_field()
    code = code_field()

    def act(self) -> None:
        given = self.fields_given
        approve_waiver(
            given.pop("waiver"), **given, is_interactive=True, actor=self.actor
        )


class WithdrawWaiverForm(_WaiverActForm):
    """The end of a waiver before its day."""

    heading = "Withdraw a waiver of"
    button = "Withdraw the waiver"
    done = "The waiver is withdrawn."

    reason = text_field("My reason")

    def act(self) -> None:
        given = self.fields_given
        withdraw_waiver(given.pop("waiver"), **given, actor=self.actor)


# By the word in the page's address.
ACTS: dict[str, type[ActForm]] = {
    "reject": RejectForm,
    "withdraw": WithdrawForm,
    "invalidate": InvalidateForm,
    "ask-for-waiver": WaiverForm,
    "approve-waiver": ApproveWaiverForm,
    "withdraw-waiver": WithdrawWaiverForm,
    "attest": AttestForm,
}
