"""People in roles, with what they log in and sign with."""

import base64
import hmac
from dataclasses import dataclass
from datetime import timedelta

import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from audit.services import system_account
from tracking.models import (
    Workspace,
)
from tracking.permissions import Role
from tracking.services.accounts import create_person, create_service_account
from tracking.services.roles import grant_role
from tracking.services.second_factors import (
    confirm_second_factor,
    enrol_second_factor,
)
from tracking.services.tokens import create_token

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class AuthenticatorApp:
    """Somebody's phone: it shows codes of six digits, after RFC 6238."""

    secret: bytes

    def code(self, *, steps: int = 0) -> str:
        """Return the code of now, or of some time steps later or before."""
        counter = int(timezone.now().timestamp()) // 30 + steps
        mac = hmac.digest(self.secret, counter.to_bytes(8), "sha1")
        offset = mac[-1] & 15
        number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


@dataclass(frozen=True)
class Cast:
    """One person a role, and a bot."""

    alice: User  # developer: asks
    olivia: User  # owner of the model
    bob: User  # validator: approves
    rita: User  # risk: publishes policies
    eve: User  # ethics
    stella: User  # data steward
    paul: User  # policy author
    carol: User  # auditor
    rex: User  # release: promotes
    ada: User  # administrator and superuser
    oscar: User  # system operator
    mallory: User  # an account without a role
    bot: User


def cast(workspace: Workspace) -> Cast:
    bot = program("bot")
    grant(bot, Role.BOT, workspace)
    return Cast(
        alice=person("alice", workspace, Role.DEVELOPER),
        olivia=person("olivia", workspace, Role.OWNER),
        bob=person("bob", workspace, Role.VALIDATOR),
        rita=person("rita", workspace, Role.RISK),
        eve=person("eve", workspace, Role.ETHICS),
        stella=person("stella", workspace, Role.STEWARD),
        paul=person("paul", workspace, Role.POLICY_AUTHOR),
        carol=person("carol", workspace, Role.AUDITOR),
        rex=person("rex", workspace, Role.RELEASE),
        ada=person("ada", workspace, Role.ADMINISTRATOR, is_superuser=True),
        oscar=person("oscar", workspace, Role.OPERATOR),
        mallory=person("mallory", workspace, None),
        bot=bot,
    )


def person(
    username: str,
    workspace: Workspace,
    role: Role | None,
    *,
    is_superuser: bool = False,
) -> User:
    system = system_account()
    user = create_person(
        username,
        full_name=f"{username.title()} Example",
        password=PASSWORD,
        is_superuser=is_superuser,
        actor=system,
    )
    if role:
        grant(user, role, workspace)
    return user


def program(username: str) -> User:
    return create_service_account(username, purpose="tests", actor=system_account())


def grant(user: User, role: Role, workspace: Workspace) -> None:
    """Grant a role at once, as the installation's commands do."""
    grant_role(user, role=role, workspace=workspace, actor=system_account())


def second_factor(user: User) -> AuthenticatorApp:
    """Enrol somebody's app, with a code of half an hour ago so that all others are new."""
    with time_machine.travel(timezone.now() - timedelta(minutes=30), tick=False):
        begun = enrol_second_factor(user, password=PASSWORD, is_interactive=True)
        app = AuthenticatorApp(base64.b32decode(begun.secret))
        confirm_second_factor(user, code=app.code(), is_interactive=True)
    return app


def token(user: User) -> str:
    return create_token(user, name="test", actor=system_account())[1]
