"""`manage.py create_demo_accounts`: one account a role, for the demo story.

Passwords and tokens are random and stand in one file that only its owner reads.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit.errors import DomainError
from audit.services import system_account
from tracking.models import Workspace
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.permissions import Role
from tracking.services.accounts import create_person, create_service_account
from tracking.services.roles import grant_role
from tracking.services.tokens import create_token
from tracking.services.workspaces import create_workspace

PEOPLE = {
    "developer": ("Dana Developer", Role.DEVELOPER),
    "owner": ("Olivia Owner", Role.OWNER),
    "validator": ("Victor Validator", Role.VALIDATOR),
    "risk": ("Rita Risk", Role.RISK),
    "policy_author": ("Paul Policy", Role.POLICY_AUTHOR),
    "auditor": ("Aud Itor", Role.AUDITOR),
    "release": ("Rex Release", Role.RELEASE),
    "administrator": ("Ada Administrator", Role.ADMINISTRATOR),
}


class Command(BaseCommand):
    """Needs a started log; creates the default workspace if it is not there."""

    help = "Create one account a role and write their credentials to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--credentials", type=Path, required=True)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                accounts = _create_accounts()
        except User.DoesNotExist:
            raise CommandError("There is no log yet: run manage.py init_log.") from None
        except DomainError as error:
            raise CommandError(error.detail) from error
        _write_privately(options["credentials"], {"accounts": accounts})
        self.stdout.write(f"{len(accounts)} accounts: {options['credentials']}")


def _create_accounts() -> dict[str, dict[str, str]]:
    actor = system_account()
    workspace = Workspace.objects.filter(name=DEFAULT_WORKSPACE).first()
    workspace = workspace or create_workspace(DEFAULT_WORKSPACE, actor=actor)
    accounts = {}
    for username, (full_name, role) in PEOPLE.items():
        password = secrets.token_urlsafe(12)
        user = create_person(
            username,
            full_name=full_name,
            password=password,
            is_superuser=role == Role.ADMINISTRATOR,
            actor=actor,
        )
        accounts[username] = _equip(user, role, workspace, password)
    bot = create_service_account("ci", purpose="Continuous integration", actor=actor)
    accounts["ci"] = _equip(bot, Role.BOT, workspace, "")
    return accounts


def _equip(
    user: User, role: Role, workspace: Workspace, password: str
) -> dict[str, str]:
    actor = system_account()
    grant_role(user, role=role, workspace=workspace, actor=actor)
    _, token = create_token(user, name="demo", actor=actor)
    return {"username": user.username, "password": password, "token": token}


def _write_privately(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
