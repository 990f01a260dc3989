"""`manage.py verify_run`: hold a run against its seal in the log."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from tracking.models import Run
from tracking.services.sealing import verify_run

ALTERED = 7


class Command(BaseCommand):
    """Exits 0 when the run is as it was sealed, 7 when it is not."""

    help = "Recompute a run and compare it with its seal (exit code 7: altered)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run_id")

    def handle(self, *_args: Any, **options: Any) -> None:
        run = Run.objects.filter(run_id=options["run_id"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run_id']}: check the id.")
        try:
            found = verify_run(run)
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        place = "pending" if found.index is None else f"entry {found.index}"
        if found.is_intact:
            self.stdout.write(f"The run is as it was sealed ({place}): {found.content}")
            return
        self.stdout.write(f"The run is NOT as it was sealed ({place}); these differ:")
        for difference in found.differences:
            self.stderr.write(f"  {difference}")
        sys.exit(ALTERED)
