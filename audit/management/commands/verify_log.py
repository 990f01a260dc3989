"""`manage.py verify_log`: recompute the log and say what does not agree."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.models import Head, VerificationMode
from audit.proofs import Fault, LogVerification
from audit.sequencer import sequence_pending
from audit.services.verification import scrub_log, verify_log

SHOWN_FAULTS = 20
TAMPERED = 7


class Command(BaseCommand):
    """Exits 0 when the log is intact, 7 when it is not."""

    help = "Recompute the audit log and compare it (exit code 7: tampered)."

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--incremental",
            action="store_true",
            help="read only what came since the log was last found intact",
        )
        how.add_argument(
            "--scrub",
            action="store_true",
            help="read one bundle of 256 entries, chosen at random",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            if options["scrub"]:
                self._scrub()
                return
            refusal = _sequence()
            mode = (
                VerificationMode.INCREMENTAL
                if options["incremental"]
                else VerificationMode.FULL
            )
            for log in Head.objects.order_by("-is_current", "pk"):
                self._verify(log, mode, [refusal] if refusal else [])
                refusal = None
        except Head.DoesNotExist:
            raise CommandError("There is no log yet: run manage.py init_log.") from None
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error

    def _verify(
        self, log: Head, mode: VerificationMode, found_before: list[Fault]
    ) -> None:
        verification = verify_log(
            log, mode=mode, found_before=found_before, progress=self._progress()
        )
        if not verification.is_intact:
            self.stdout.write(
                _broken(verification.faults, verification.first_bad_index)
            )
            self._leave_with(verification.faults)
        self.stdout.write(_intact(verification))

    def _scrub(self) -> None:
        read, faults = scrub_log()
        if faults:
            bad = min((f.index for f in faults if f.index is not None), default=None)
            self.stdout.write(_broken(faults, bad))
            self._leave_with(faults)
        self.stdout.write(f"Entries {read.start} to {read.stop - 1} are intact.")

    def _leave_with(self, faults: tuple[Fault, ...]) -> None:
        for fault in faults[:SHOWN_FAULTS]:
            self.stderr.write(f"  {fault.sentence}")
        sys.exit(TAMPERED)

    def _progress(self) -> Any:
        started = time.monotonic()

        def progress(done: int, size: int) -> None:
            if time.monotonic() - started > 2:
                self.stderr.write(f"  {done} of {size} entries", ending="\r")

        return progress


def _sequence() -> Fault | None:
    """Let the sequencer run first; that it refuses is a finding and no error."""
    Head.objects.current()
    try:
        sequence_pending()
    except DomainError as error:
        return Fault(None, error.detail)
    return None


def _intact(verification: LogVerification) -> str:
    head = verification.head
    since = verification.first_index
    which = f"entries from {since} on" if since else "entries"
    return (
        f"The log is intact: {verification.entries} {which} recomputed, "
        f"root {head.root}."
    )


def _broken(faults: tuple[Fault, ...], where: int | None) -> str:
    at = "" if where is None else f", first at entry {where}"
    counted = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return f"The log is NOT intact: {counted}{at}."
