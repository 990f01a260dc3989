"""What `manage.py` does to one account, as the installation."""

from abc import ABC, abstractmethod
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError


class AccountCommand(BaseCommand, ABC):
    """Finds the account by its name, and says in a sentence what was done or refused."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(
                f"There is no account {options['username']}: check the name."
            )
        try:
            self.stdout.write(self.act(user, options))
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error

    @abstractmethod
    def act(self, user: User, options: dict[str, Any]) -> str:
        """Do it, and return the sentence that tells of it."""
