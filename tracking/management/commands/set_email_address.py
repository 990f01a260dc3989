"""`manage.py set_email_address`: where somebody gets mail about what waits for them."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from audit.services import system_account
from tracking.management.account_command import AccountCommand
from tracking.services.accounts import change_email


class Command(AccountCommand):
    """Acts as the installation; the entry only commits to the address."""

    help = "Set the e-mail address of an account; without one it gets no mail."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("address", nargs="?", default="")

    def act(self, user: User, options: dict[str, Any]) -> str:
        change_email(user, email=options["address"], actor=system_account())
        gets = f"gets mail at {user.email}" if user.email else "gets no mail"
        return f"The account {user.username} {gets}."
