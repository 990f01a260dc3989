"""`manage.py deactivate_account`: let nobody in by an account any more."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.services import system_account
from tracking.services.accounts import deactivate_account


class Command(BaseCommand):
    """Acts as the installation; what the account has signed stays valid."""

    help = "Close an account and revoke its tokens."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(
                f"There is no account {options['username']}: check the name."
            )
        try:
            deactivate_account(user, actor=system_account())
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        self.stdout.write(f"The account {user.username} is closed.")
