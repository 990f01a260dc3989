"""`manage.py rotate_log_key`: let a new key sign the log, and later retire the old one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.services.log import retire_old_log_key, rotate_log_key


class Command(BaseCommand):
    """Without an option both keys sign afterwards; --retire-old ends that."""

    help = "Add a key that signs the log; with --retire-old, let only the new one sign."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--retire-old", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            key = retire_old_log_key() if options["retire_old"] else rotate_log_key()
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        state = "Alone signs now" if options["retire_old"] else "Signs from now on, too"
        self.stdout.write(f"{state}: {key.verifier_key}")
