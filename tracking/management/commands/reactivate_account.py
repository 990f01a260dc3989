"""`manage.py reactivate_account`: let somebody in by a closed account again."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.services import system_account
from tracking.services.accounts import reactivate_account


class Command(BaseCommand):
    """Acts as the installation; tokens that were revoked stay so."""

    help = "Open a closed account again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(
                f"There is no account {options['username']}: check the name."
            )
        try:
            reactivate_account(user, actor=system_account())
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        self.stdout.write(f"The account {user.username} is open again.")
