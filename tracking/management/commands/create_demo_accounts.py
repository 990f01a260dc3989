"""`manage.py create_demo_accounts`: one account a role, for the demo story.

Passwords and tokens are random and stand in one file that only its owner reads.
"""

import io
import json
import os
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from tracking.permissions import Role

PEOPLE = {
    Role.DEVELOPER: "Dana Developer",
    Role.OWNER: "Olivia Owner",
    Role.VALIDATOR: "Victor Validator",
    Role.RISK: "Rita Risk",
    Role.ETHICS: "Eve Ethics",
    Role.STEWARD: "Stella Steward",
    Role.POLICY_AUTHOR: "Paul Policy",
    Role.AUDITOR: "Aud Itor",
    Role.RELEASE: "Rex Release",
    Role.ADMINISTRATOR: "Ada Administrator",
    Role.OPERATOR: "Oscar Operator",
}


class Command(BaseCommand):
    """Needs a started log; creates the default workspace if it is not there."""

    help = "Create one account a role and write their credentials to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--credentials", type=Path, required=True)

    def handle(self, *_args: Any, **options: Any) -> None:
        with transaction.atomic():
            accounts = {
                str(role): _create(str(role), role, "--full-name", full_name)
                for role, full_name in PEOPLE.items()
            }
            accounts["ci"] = _create(
                "ci", Role.BOT, "--purpose", "Continuous integration"
            )
        _write_privately(options["credentials"], {"accounts": accounts})
        self.stdout.write(f"{len(accounts)} accounts: {options['credentials']}")


def _create(username: str, role: Role, *kind: str) -> dict[str, str]:
    printed = io.StringIO()
    call_command("create_account", username, "--role", role, *kind, stdout=printed)
    credentials: dict[str, str] = json.loads(printed.getvalue())
    return credentials


def _write_privately(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
