"""`manage.py changepassword`: a new password for somebody who forgot theirs.

Stands in the place of Django's command, which would leave no entry.
"""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.services import system_account
from tracking.services.accounts import reset_password


class Command(BaseCommand):
    """Acts as the installation; prints the password once, and ends the sessions."""

    help = "Give a person a new password, which is printed once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(
                f"There is no account {options['username']}: check the name."
            )
        try:
            password = reset_password(user, actor=system_account())
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        self.stdout.write(
            f"{user.username} logs in with {password} from now on, and chooses another "
            f"in the admin."
        )
