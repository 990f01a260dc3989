"""`manage.py init_log`: start this installation's log and make its keys, once."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.proofs import has_log
from audit.services.log import adopt_keys, init_log
from audit.storage.keys import signing_keys


class Command(BaseCommand):
    """Starts the log; a second time is refused, or with --exist-ok does nothing."""

    help = "Start this installation's audit log and make its keys (once)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--exist-ok",
            action="store_true",
            help="succeed without doing anything if the log is started already",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            if options["exist_ok"] and has_log():
                adopted = adopt_keys()
                self.stdout.write("The log is started already.")
                if adopted:
                    self._say_keys()
                return
            head = init_log()
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        self.stdout.write(f"The log {head.origin} is started.")
        self._say_keys()

    def _say_keys(self) -> None:
        self.stdout.write(f"Its verifier key: {signing_keys()[0].verifier_key}")
        for source in (settings.ATTESTRY_LOG_KEY, settings.ATTESTRY_LOG_MAC_KEY):
            if not isinstance(source, str):
                self.stdout.write(f"Keep a copy of {source} where nobody reads it.")
