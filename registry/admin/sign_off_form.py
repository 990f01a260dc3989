"""The form in which a person signs."""

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict

from audit.errors import DomainError
from registry.models import PromotionRequest, SignOff
from registry.models.sign_off import SignerRole
from registry.services.sign_offs import sign_off
from registry.services.waiting import roles_open_to
from tracking.admin.act_form import BESIDE, code_field, password_field


class SignOffForm(forms.Form):
    """One signature: role, meaning, and the password once more.

    Every role is accepted here, so that the service refuses, and records the refusal.
    """

    role = forms.TypedChoiceField(
        choices=SignerRole.choices, coerce=SignerRole, label="I sign as"
    )
    meaning = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Meaning of my signature",
        help_text="For example: I reviewed the evidence and approve this version for "
        "production.",
    )
    reason = forms.CharField(
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="My reason",
        help_text="For example: every gate passes, and I tried the model myself.",
    )
    password = password_field()
    code = code_field()
    seen_digest = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self, data: QueryDict | None, *, subject: PromotionRequest, actor: User
    ) -> None:
        super().__init__(data, initial={"seen_digest": subject.subject_digest})
        self.subject, self.actor = subject, actor
        self.fields["role"].widget.choices = [
            (role.value, role.label) for role in roles_open_to(actor, subject)
        ]
        wanted = subject.model_version.registered_model.wants_two_factors
        self.fields["code"].help_text = (
            "A model of this tier wants two factors: enter what your app shows."
            if wanted
            else "Not wanted for a model of this tier; it is checked if you enter one."
        )

    def sign(self) -> SignOff | None:
        """Sign, or say beside the right field why not."""
        try:
            return sign_off(
                self.subject,
                role=self.cleaned_data["role"],
                meaning=self.cleaned_data["meaning"],
                reason=self.cleaned_data["reason"],
                password=self.cleaned_data["password"],
                code=self.cleaned_data["code"],
                seen_digest=self.cleaned_data["seen_digest"],
                is_interactive=True,
                actor=self.actor,
            )
        except DomainError as refusal:
            self.add_error(BESIDE.get(refusal.code), refusal.detail)
        return None
