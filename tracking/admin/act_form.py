"""The form of an act: it calls one service, and says beside the right field why not."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict

from audit.errors import DomainError

# Which field a refusal stands beside; any other stands above the form.
BESIDE = {
    "account_unknown": "delegate",
    "labeller_unknown": "labellers",
    "password_wrong": "password",
    "second_factor_missing": "code",
    "second_factor_wrong": "code",
}


def text_field(label: str, help_text: str = "", rows: int = 3) -> forms.CharField:
    return forms.CharField(
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": rows}),
        label=label,
        help_text=help_text,
    )


def password_field() -> forms.CharField:
    return forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        label="My password",
        help_text="Entering it again is part of the signature.",
    )


def code_field() -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=10,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}
        ),
        label="My one-time code",
        help_text="Wanted for a model of tier 1 or 2; it is checked if you enter one.",
    )


class ActForm(forms.Form):
    """One act on a row by one person; `heading`, `button` and `done` are its words.

    What it does is `act`, which every form has of its own; `beforehand` says what comes
    of it, where the other words do not.
    """

    heading: ClassVar[str]
    button: ClassVar[str]
    done: ClassVar[str]
    beforehand: ClassVar[str] = ""
    act: Callable[[], None]

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data)
        self.subject, self.actor = subject, actor

    def is_done(self) -> bool:
        """Act, or say beside the right field why not."""
        if not self.is_valid():
            return False
        try:
            self.act()
        except DomainError as refusal:
            field = BESIDE.get(refusal.code)
            self.add_error(field if field in self.fields else None, refusal.detail)
            return False
        return True

    @property
    def fields_given(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class MakingForm(ActForm):
    """An act that makes a row, `made`; its `secret` is shown on the page that answers.

    `secret_label` says what the secret is, and `advice` what to do with it.
    """

    made: Any
    secret: str | None = None
    secret_label: ClassVar[str] = ""
    advice: ClassVar[str] = ""
