"""`manage.py create_account`: somebody who logs in, or a program that holds a token.

Prints the credentials once, as JSON; nothing but their digests is kept.
"""

import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit.errors import DomainError
from audit.services import system_account
from tracking.models import Workspace
from tracking.models.workspace import DEFAULT_WORKSPACE
from tracking.permissions import Role
from tracking.services.accounts import (
    create_person,
    create_service_account,
    new_password,
)
from tracking.services.roles import grant_role
from tracking.services.tokens import create_token
from tracking.services.workspaces import create_workspace


class Command(BaseCommand):
    """Creates the workspace too, if it is not there yet."""

    help = "Create an account in a role and print its password and API token as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", choices=Role.values, required=True)
        parser.add_argument("--workspace", default=DEFAULT_WORKSPACE)
        parser.add_argument(
            "--email", default="", help="by which authors of commits are recognised"
        )
        kind = parser.add_mutually_exclusive_group(required=True)
        kind.add_argument("--full-name", help="a person's name, as signatures print it")
        kind.add_argument(
            "--purpose", help="makes it a service account for this purpose"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                credentials = _create(options)
        except User.DoesNotExist:
            raise CommandError("There is no log yet: run manage.py init_log.") from None
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(json.dumps(credentials, indent=2))


def _create(options: dict[str, Any]) -> dict[str, str]:
    role, username, password = Role(options["role"]), options["username"], ""
    if options["purpose"]:
        user = create_service_account(
            username, purpose=options["purpose"], actor=system_account()
        )
    else:
        password = new_password()
        user = create_person(
            username,
            full_name=options["full_name"],
            email=options["email"],
            password=password,
            is_superuser=role == Role.ADMINISTRATOR,
            actor=system_account(),
        )
    token = _equip(user, role, options["workspace"])
    return {"username": username, "password": password, "token": token}


def _equip(user: User, role: Role, workspace_name: str) -> str:
    actor = system_account()
    workspace = Workspace.objects.filter(name=workspace_name).first()
    workspace = workspace or create_workspace(workspace_name, actor=actor)
    grant_role(user, role=role, workspace=workspace, actor=actor)
    return create_token(user, name="first", actor=actor)[1]
