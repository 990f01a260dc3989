"""`manage.py init_log`: start this installation's log, once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.errors import DomainError
from audit.services import init_log


class Command(BaseCommand):
    """Starts the log; a second time is refused."""

    help = "Start this installation's audit log (once)."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            head = init_log()
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"The log {head.origin} is started.")
