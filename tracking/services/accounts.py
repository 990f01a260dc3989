"""Accounts are created here, people with a password, programs without one."""

import secrets

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.proofs import trail
from audit.services import record
from tracking.authority import A_PROGRAM
from tracking.events import TrackingEvent
from tracking.models import ServiceAccount
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.permissions import (
    acts_as_installation,
    keeps_accounts,
    may_administer_accounts,
)
from tracking.services.roles import signs
from tracking.services.tokens import revoke_token


def create_person(
    username: str,
    *,
    full_name: str,
    password: str,
    is_superuser: bool,
    actor: User,
    email: str = "",
) -> User:
    """Create somebody who logs in, and whose printed name is `full_name`.

    By `email` authors of commits are recognised. Only the installation itself makes
    superusers.
    """
    _refuse_unless_administers(actor)
    if is_superuser and not acts_as_installation(actor):
        raise PermissionDeniedError(
            "may_not_create_superuser",
            "Superusers are made by manage.py create_account on the machine itself.",
        )
    first, _, last = full_name.strip().partition(" ")
    user = User(
        username=username,
        first_name=first,
        last_name=last,
        email=email,
        is_staff=True,
        is_superuser=is_superuser,
    )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidError("password_too_weak", " ".join(error.messages)) from error
    user.set_password(password)
    with transaction.atomic():
        _save_new(user, actor=actor, kind="superuser" if is_superuser else "person")
    return user


def create_service_account(username: str, *, purpose: str, actor: User) -> User:
    """Create a program's account; it gets in by token only and never signs."""
    _refuse_unless_administers(actor)
    user = User(username=username)
    user.set_unusable_password()
    with transaction.atomic():
        _save_new(user, actor=actor, kind=A_PROGRAM)
        ServiceAccount.objects.create(user=user, purpose=purpose)
    return user


def change_password(user: User, *, password: str) -> None:
    """Set a password that its owner chose; sessions elsewhere end with it."""
    _give(user, password, actor=user)


def reset_password(user: User, *, actor: User) -> str:
    """Return a new password of somebody who forgot theirs; their sessions end with it.

    Only the installation itself does this: whoever else could would sign as them.
    """
    if not acts_as_installation(actor):
        raise PermissionDeniedError(
            "may_not_reset_password",
            "Passwords of others are set by manage.py changepassword on the machine "
            "itself.",
        )
    _refuse_installation(user)
    password = new_password()
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if not user.is_active:
            raise ConflictError(
                "account_closed",
                f"The account {user.username} is closed: reactivate it first.",
            )
        if ServiceAccount.objects.filter(user=user).exists():
            raise ConflictError(
                "service_account_has_no_password",
                f"{user.username} is a service account: make a token for it instead.",
            )
        _give(user, password, actor=actor)
    return password


def _give(user: User, password: str, *, actor: User) -> None:
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        record(
            TrackingEvent.ACCOUNT_PASSWORD_CHANGED,
            actor=actor,
            subject=f"user/{user.pk}",
            payload={},
        )


def new_password() -> str:
    """Return one to hand over once; its owner chooses another in the admin."""
    return secrets.token_urlsafe(12)


def change_email(user: User, *, email: str, actor: User) -> None:
    """Say where somebody gets mail; without an address they get none."""
    _refuse_unless_administers(actor)
    try:
        if email:
            validate_email(email)
    except ValidationError as error:
        raise InvalidError(
            "email_invalid", "This is no e-mail address: write name@example.org."
        ) from error
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(email=email)
        user.email = email
        record(
            TrackingEvent.ACCOUNT_EMAIL_CHANGED,
            actor=actor,
            subject=f"user/{user.pk}",
            payload={},
            private={"email": email},
        )


def deactivate_account(user: User, *, actor: User) -> None:
    """Let nobody in by this account any more; what it signed stays valid."""
    _refuse_unless_administers(actor)
    _refuse_installation(user)
    with transaction.atomic():
        for token in user.api_tokens.filter(revoked_at=None):
            revoke_token(token, actor=actor)
        if User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            user.is_active = False
            record(
                TrackingEvent.ACCOUNT_DEACTIVATED,
                actor=actor,
                subject=f"user/{user.pk}",
                payload={},
            )


def reactivate_account(user: User, *, actor: User) -> None:
    """Let somebody in again, with the password they had and without their old tokens.

    Two people give the right to sign or to administer, so nobody alone gives it back.
    """
    _refuse_unless_administers(actor)
    if user.is_superuser and not acts_as_installation(actor):
        raise PermissionDeniedError(
            "may_not_reactivate_superuser",
            "Superusers are reactivated by manage.py reactivate_account on the machine "
            "itself.",
        )
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        if locked.is_active:
            raise ConflictError(
                "account_open", f"The account {user.username} is open already."
            )
        if is_erased(user):
            raise ConflictError(
                "account_erased",
                "This person was erased: make a new account for them.",
            )
        if signs(user) or keeps_accounts(user):
            raise ConflictError(
                "account_holds_governed_role",
                f"{user.username} still holds a role that signs or administers: take it "
                f"away first, and ask for it anew afterwards.",
            )
        User.objects.filter(pk=user.pk).update(is_active=True)
        user.is_active = True
        record(
            TrackingEvent.ACCOUNT_REACTIVATED,
            actor=actor,
            subject=f"user/{user.pk}",
            payload={},
        )


def is_erased(user: User) -> bool:
    return bool(trail([f"user/{user.pk}"], kinds=[TrackingEvent.ACCOUNT_ERASED]))


def _refuse_installation(user: User) -> None:
    if acts_as_installation(user):
        raise ConflictError(
            "account_is_the_installation", "The installation acts as this account."
        )


def _refuse_unless_administers(actor: User) -> None:
    if not may_administer_accounts(actor):
        raise PermissionDeniedError(
            "may_not_administer_accounts",
            f"You may not make, change or close accounts: ask an administrator of the workspace "
            f"{DEFAULT_WORKSPACE}.",
        )


def _save_new(user: User, *, actor: User, kind: str) -> None:
    if User.objects.filter(username=user.username).exists():
        raise ConflictError(
            "account_exists",
            f"The account {user.username} exists: choose another name.",
        )
    user.save()
    record(
        TrackingEvent.ACCOUNT_CREATED,
        actor=actor,
        subject=f"user/{user.pk}",
        payload={"kind": kind},
        private={
            "username": user.username,
            "full_name": user.get_full_name(),
            "email": user.email,
        },
    )
