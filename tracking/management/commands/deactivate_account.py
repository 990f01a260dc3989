"""`manage.py deactivate_account`: let nobody in by an account any more."""

from typing import Any

from django.contrib.auth.models import User

from audit.services import system_account
from tracking.management.account_command import AccountCommand
from tracking.services.accounts import deactivate_account


class Command(AccountCommand):
    """Acts as the installation; what the account has signed stays valid."""

    help = "Close an account and revoke its tokens."

    def act(self, user: User, _options: dict[str, Any]) -> str:
        deactivate_account(user, actor=system_account())
        return f"The account {user.username} is closed."
