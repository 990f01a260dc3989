"""`manage.py changepassword`: a new password for somebody who forgot theirs.

Stands in the place of Django's command, which would leave no entry.
"""

from typing import Any

from django.contrib.auth.models import User

from audit.services import system_account
from tracking.management.account_command import AccountCommand
from tracking.services.accounts import reset_password


class Command(AccountCommand):
    """Acts as the installation; prints the password once, and ends the sessions."""

    help = "Give a person a new password, which is printed once."

    def act(self, user: User, _options: dict[str, Any]) -> str:
        password = reset_password(user, actor=system_account())
        return (
            f"{user.username} logs in with {password} from now on, and chooses another "
            f"in the admin."
        )
