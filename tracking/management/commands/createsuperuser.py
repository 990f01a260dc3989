"""`manage.py createsuperuser` is refused: Django's command would leave no entry."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.core.management.base import CommandError


class Command(createsuperuser.Command):
    """Takes the arguments of Django's command, and names ours."""

    help = "Refused: manage.py create_account makes superusers, with an entry."

    def handle(self, *_args: Any, **_options: Any) -> str | None:
        raise CommandError(
            "This would leave no entry in the log: run manage.py create_account "
            "<username> --role administrator --full-name <name>."
        )
