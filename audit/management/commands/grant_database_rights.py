"""`manage.py grant_database_rights`: what the two roles of running processes may do."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, connection

from audit.rights import DatabaseRole, grant


class Command(BaseCommand):
    """Run by the owner of the tables, after every migration; repeating it is harmless."""

    help = "Give the application and the sequencer their rights on PostgreSQL's tables."

    def add_arguments(self, parser: CommandParser) -> None:
        for role in DatabaseRole:
            parser.add_argument(f"--{role}", metavar="ROLE", required=True)

    def handle(self, *_args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(
                "SQLite has no roles: this is for an installation on PostgreSQL."
            )
        for role in DatabaseRole:
            try:
                grant(options[role], role)
            except ProgrammingError as error:
                raise CommandError(
                    f"The rights of {options[role]} cannot be granted: "
                    f"{str(error).strip()}. Create the role (CREATE ROLE … LOGIN), and "
                    f"run this as the owner of the tables."
                ) from error
            self.stdout.write(f"{options[role]} has the rights of the {role}.")
