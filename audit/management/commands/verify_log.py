"""`manage.py verify_log`: recompute the whole log and say what does not agree."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.models import Head
from audit.proofs import LogVerification, verify_log
from audit.sequencer import sequence_pending

SHOWN_FAULTS = 20


class Command(BaseCommand):
    """Exits 0 when the log is intact, 7 when it is not."""

    help = "Recompute every leaf and the root of the audit log (exit code 7: tampered)."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            sequence_pending()
            verification = verify_log(progress=self._progress())
        except Head.DoesNotExist:
            raise CommandError("There is no log yet: run manage.py init_log.") from None
        self.stdout.write(_sentence(verification))
        if not verification.is_intact:
            for fault in verification.faults[:SHOWN_FAULTS]:
                self.stderr.write(f"  {fault.sentence}")
            sys.exit(7)

    def _progress(self) -> Any:
        started = time.monotonic()

        def progress(done: int, size: int) -> None:
            if time.monotonic() - started > 2:
                self.stderr.write(f"  {done} of {size} entries", ending="\r")

        return progress


def _sentence(verification: LogVerification) -> str:
    head = verification.head
    if verification.is_intact:
        return (
            f"The log is intact: {verification.entries} entries recomputed, "
            f"root {head.root}."
        )
    where = verification.first_bad_index
    at = "" if where is None else f", first at entry {where}"
    return f"The log is NOT intact: {_counted(len(verification.faults))}{at}."


def _counted(faults: int) -> str:
    return "1 fault" if faults == 1 else f"{faults} faults"
