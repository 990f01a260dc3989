"""`manage.py erase_subject`: remove what is known of a person; the log still verifies.

Stands on this floor because the registry knows which signatures the law keeps.
"""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import DomainError
from audit.services import system_account
from registry.events import RegistryEvent
from tracking.services.erasure import Erasure, erase_subject, foresee_erasure

# 21 CFR 11.50 and 11.70: a signature names its signer as long as its record is kept.
KEPT = (RegistryEvent.SIGN_OFF_GIVEN,)


class Command(BaseCommand):
    """Acts as the installation; --dry-run only says what would go."""

    help = "Erase a person: names, texts of theirs, tokens and roles."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="a username, or user/<number>")
        parser.add_argument(
            "--reason", default="", help="why, such as a request's date"
        )
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = _person(options["person"])
        if options["dry_run"]:
            self._say(foresee_erasure(user, kept=KEPT), "would be erased")
            return
        try:
            erasure = erase_subject(
                user, reason=options["reason"], kept=KEPT, actor=system_account()
            )
        except DomainError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        self._say(erasure, "erased")
        self.stdout.write(f"The account is closed and named erased-{user.pk} now.")

    def _say(self, erasure: Erasure, done: str) -> None:
        for opening in erasure.erased:
            self.stdout.write(f"{done}: {opening.field} of {opening.kind}")
        for opening in erasure.kept:
            self.stdout.write(f"kept as a signature: {opening.field} of {opening.kind}")


def _person(words: str) -> User:
    number = words.removeprefix("user/")
    is_number = words.startswith("user/") and number.isdecimal()
    wanted = {"pk": int(number)} if is_number else {"username": words}
    user = User.objects.filter(**wanted).first()
    if user is None:
        raise CommandError(f"There is no account {words}: check the name.")
    return user
