"""Calls about who may do what: workspaces, accounts, tokens, roles, delegations."""

import base64
from datetime import timedelta

from django.utils import timezone

from registry.events import RegistryEvent as R
from registry.models.sign_off import SignerRole
from registry.services.delegations import delegate_signing
from tests import factories
from tests.every_route.asking import Ask, Table, signing
from tests.every_route.promotion import API
from tracking.events import TrackingEvent as E
from tracking.permissions import Role
from tracking.services.accounts import deactivate_account
from tracking.services.role_grants import ask_for_role
from tracking.services.second_factors import enrol_second_factor
from tracking.services.tokens import create_token

TABLE = Table()
ACCOUNT = f"{API}accounts/<str:username>/"


@TABLE.call("POST", f"{API}workspaces/", E.WORKSPACE_CREATED)
def create_workspace(workspace, people):
    return Ask(people.ada, {"name": "credit-team"})


@TABLE.call("POST", f"{API}accounts/", E.ACCOUNT_CREATED)
def create_account(workspace, people):
    return Ask(people.ada, {"username": "zoe", "full_name": "Zoe Doe"})


@TABLE.call("POST", f"{ACCOUNT}deactivation/", E.ACCOUNT_DEACTIVATED)
def deactivate(workspace, people):
    return Ask(people.ada, path={"username": "mallory"})


@TABLE.call("POST", f"{ACCOUNT}reactivation/", E.ACCOUNT_REACTIVATED)
def reactivate(workspace, people):
    deactivate_account(people.mallory, actor=people.ada)
    return Ask(people.ada, path={"username": "mallory"})


@TABLE.call("PUT", f"{ACCOUNT}email/", E.ACCOUNT_EMAIL_CHANGED)
def set_email(workspace, people):
    return Ask(people.ada, {"email": "bob@example.org"}, {"username": "bob"})


@TABLE.call("POST", f"{ACCOUNT}second-factor-removal/", E.SECOND_FACTOR_REMOVED)
def remove_second_factor(workspace, people):
    factories.second_factor(people.bob)
    return Ask(people.ada, {"reason": "lost"}, {"username": "bob"})


@TABLE.call("POST", f"{API}tokens/", E.TOKEN_CREATED)
def make_token(workspace, people):
    return Ask(people.alice, {"name": "laptop"}, in_session=True)


@TABLE.call("POST", f"{API}tokens/<int:pk>/revocation/", E.TOKEN_REVOKED)
def revoke_token(workspace, people):
    made, _secret = create_token(people.alice, name="old", actor=people.alice)
    return Ask(people.alice, path={"pk": made.pk}, in_session=True)


# A factor is none before its first code, which is when it is recorded.
@TABLE.call("POST", f"{API}second-factor/")
def begin_second_factor(workspace, people):
    return signing(people.bob, {})


@TABLE.call("POST", f"{API}second-factor/confirmation/", E.SECOND_FACTOR_ENROLLED)
def confirm_second_factor(workspace, people):
    begun = enrol_second_factor(
        people.bob, password=factories.PASSWORD, is_interactive=True
    )
    app = factories.AuthenticatorApp(base64.b32decode(begun.secret))
    return Ask(people.bob, {"code": app.code()}, in_session=True)


def role_asked(workspace, people):
    return ask_for_role(
        people.mallory,
        role=Role.DEVELOPER,
        workspace=workspace,
        reason="She trains.",
        actor=people.ada,
    )


@TABLE.call("POST", f"{API}role-grants/", E.ROLE_ASKED)
def ask_role(workspace, people):
    body = {"account": "mallory", "role": "developer", "reason": "She trains."}
    return Ask(people.ada, body)


# What waits for nothing but the second person takes effect at once.
@TABLE.call(
    "POST",
    f"{API}role-grants/<int:pk>/approval/",
    E.ROLE_APPROVED,
    E.ROLE_GRANTED,
)
def approve_role(workspace, people):
    return Ask(people.rita, path={"pk": role_asked(workspace, people).pk})


@TABLE.call("POST", f"{API}role-grants/<int:pk>/revocation/", E.ROLE_REVOKED)
def revoke_role(workspace, people):
    return Ask(people.ada, path={"pk": role_asked(workspace, people).pk})


@TABLE.call("POST", f"{API}delegations/", R.DELEGATION_GIVEN)
def delegate(workspace, people):
    now = timezone.now()
    stated = {
        "role": "validator",
        "delegate": "carol",
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(days=1)).isoformat(),
        "reason": "I am on leave.",
    }
    return signing(people.bob, stated)


@TABLE.call("POST", f"{API}delegations/<int:pk>/withdrawal/", R.DELEGATION_WITHDRAWN)
def withdraw_delegation(workspace, people):
    now = timezone.now()
    given = delegate_signing(
        workspace,
        role=SignerRole.VALIDATOR,
        delegate=people.carol,
        starts_at=now,
        ends_at=now + timedelta(days=1),
        reason="I am on leave.",
        password=factories.PASSWORD,
        is_interactive=True,
        actor=people.bob,
    )
    return Ask(people.bob, path={"pk": given.pk})
