"""`manage.py set_email_address`: where somebody gets mail about what waits for them."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.services import system_account
from tracking.services.accounts import change_email


class Command(BaseCommand):
    """Acts as the installation; the entry only commits to the address."""

    help = "Set the e-mail address of an account; without one it gets no mail."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("address", nargs="?", default="")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(
                f"There is no account {options['username']}: check the name."
            )
        try:
            change_email(user, email=options["address"], actor=system_account())
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        gets = f"gets mail at {user.email}" if user.email else "gets no mail"
        self.stdout.write(f"The account {user.username} {gets}.")
