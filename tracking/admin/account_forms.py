"""The forms of what administrators do about accounts, each calling one service."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict

from tracking.admin.act_form import ActForm, MakingForm, text_field
from tracking.services.accounts import (
    change_email,
    create_person,
    create_service_account,
    deactivate_account,
    new_password,
    reactivate_account,
)
from tracking.services.second_factors import remove_second_factor

PERSON, PROGRAM = "person", "program"


class MakeAccountForm(MakingForm):
    """A person with a password, or a program with tokens."""

    heading = "Make an account"
    button = "Make the account"
    done = "The account is made"
    secret_label = "Password"  # noqa: S105 - the word for it
    advice = (
        "Hand it over now: it is shown this once, and nobody can show it again. Its "
        "owner logs in with it and chooses another one by “Change password”. An account "
        "sees nothing until it has a role: ask for one under “Role grants”."
    )

    kind = forms.ChoiceField(
        choices=[
            (PERSON, "a person, who logs in with a password"),
            (PROGRAM, "a program, which holds tokens and never signs"),
        ],
        initial=PERSON,
        widget=forms.RadioSelect,
        label="For",
    )
    username = forms.RegexField(
        r"^[\w.@+-]+\Z",
        max_length=150,
        help_text="Letters, digits and . @ + - _ only.",
        error_messages={
            "invalid": "Use letters, digits and . @ + - _ only, no blanks."
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    full_name = forms.CharField(
        max_length=300,
        required=False,
        label="Full name",
        help_text="Of a person, as signatures print it.",
    )
    email = forms.EmailField(
        required=False,
        label="E-mail address",
        help_text="Of a person, who gets mail there and is recognised by it as the "
        "author of commits.",
    )
    purpose = forms.CharField(
        max_length=500, required=False, help_text="Of a program: what it is for."
    )

    def clean(self) -> None:
        is_program = self.cleaned_data.get("kind") == PROGRAM
        wanted = "purpose" if is_program else "full_name"
        unwanted = ("full_name", "email") if is_program else ("purpose",)
        if wanted not in self.errors and not self.cleaned_data.get(wanted):
            self.add_error(wanted, f"A {self.cleaned_data.get('kind')} needs this.")
        for name in unwanted:
            if self.cleaned_data.get(name):
                self.add_error(name, "Leave this empty, or choose the other kind.")

    def act(self) -> None:
        given = self.fields_given
        username = given["username"]
        if given["kind"] == PROGRAM:
            self.made = create_service_account(
                username, purpose=given["purpose"], actor=self.actor
            )
            return
        password = new_password()
        self.made = create_person(
            username,
            full_name=given["full_name"],
            email=given["email"],
            password=password,
            is_superuser=False,
            actor=self.actor,
        )
        self.secret = password


class DeactivateForm(ActForm):
    """The end of an account."""

    heading = "Deactivate"
    button = "Deactivate the account now"
    beforehand = (
        "Nobody gets in by it any more, and its tokens are revoked for good. What it "
        "signed stays valid, and it keeps its roles until somebody takes them away."
    )
    done = (
        "The account is closed and its tokens are revoked; what it signed stays valid."
    )

    def act(self) -> None:
        deactivate_account(self.subject, actor=self.actor)


class ReactivateForm(ActForm):
    """A closed account is opened again."""

    heading = "Reactivate"
    button = "Reactivate the account now"
    beforehand = (
        "Its owner logs in with the password they had. Roles that sign or administer "
        "are taken away first, under “Role grants”, because two people give them."
    )
    done = "The account is open again; its old tokens stay revoked."

    def act(self) -> None:
        reactivate_account(self.subject, actor=self.actor)


class ChangeEmailForm(ActForm):
    """Where somebody gets mail."""

    heading = "Set the e-mail address"
    button = "Set the address"
    done = "The e-mail address is set."

    email = forms.EmailField(
        required=False,
        label="E-mail address",
        help_text="Empty: they get no mail. Every address that somebody had goes on to "
        "tell that they wrote a commit.",
    )

    def __init__(self, data: QueryDict | None, *, subject: Any, actor: User) -> None:
        super().__init__(data, subject=subject, actor=actor)
        self.initial = {"email": subject.email}

    def act(self) -> None:
        change_email(self.subject, **self.fields_given, actor=self.actor)


class RemoveSecondFactorForm(ActForm):
    """A lost second factor is taken away."""

    heading = "Remove the second factor"
    button = "Remove the second factor now"
    beforehand = (
        "Whoever knows the password of this account can then enrol a phone of their own: "
        "make sure that it is its owner who asks."
    )
    done = "The second factor is removed: its owner enrols another one."

    reason = text_field("My reason", "Such as a lost phone.")

    def act(self) -> None:
        remove_second_factor(self.subject, **self.fields_given, actor=self.actor)
