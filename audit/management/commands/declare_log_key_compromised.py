"""`manage.py declare_log_key_compromised`: close the log, start another with a new key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.services.log import declare_log_key_compromised
from audit.storage.keys import signing_keys


class Command(BaseCommand):
    """Cannot be undone; the closed log stays readable and verifiable."""

    help = "Close the log at a last checkpoint and start another under a new key."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--new-origin", required=True)
        parser.add_argument(
            "--reason", required=True, help="kept outside the entry, erasable"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            head = declare_log_key_compromised(
                new_origin=options["new_origin"], reason=options["reason"]
            )
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        self.stdout.write(
            f"The log goes on as {head.origin}. Its verifier key: "
            f"{signing_keys()[0].verifier_key}\n"
            f"Set ATTESTRY_LOG_ORIGIN to {head.origin} and tell whoever verifies."
        )
