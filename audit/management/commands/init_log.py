"""`manage.py init_log`: start this installation's log, once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.proofs import has_log
from audit.services import init_log


class Command(BaseCommand):
    """Starts the log; a second time is refused, or with --exist-ok does nothing."""

    help = "Start this installation's audit log (once)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--exist-ok",
            action="store_true",
            help="succeed without doing anything if the log is started already",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["exist_ok"] and has_log():
            self.stdout.write("The log is started already.")
            return
        try:
            head = init_log()
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"The log {head.origin} is started.")
