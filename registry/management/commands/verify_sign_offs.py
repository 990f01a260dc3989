"""`manage.py verify_sign_offs`: hold every signature against the log."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from registry.services.sign_off_verification import verify_sign_offs

ALTERED = 7


class Command(BaseCommand):
    """Exits 0 when every signature is as it was given, 7 when one is not."""

    help = "Compare all sign-offs with the log (exit code 7: altered)."

    def handle(self, *_args: Any, **_options: Any) -> None:
        faults = verify_sign_offs()
        for fault in faults:
            self.stderr.write(fault.sentence)
        if faults:
            sys.exit(ALTERED)
        self.stdout.write("Every signature is as the log tells of it.")
