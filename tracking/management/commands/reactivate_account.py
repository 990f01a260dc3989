"""`manage.py reactivate_account`: let somebody in by a closed account again."""

from typing import Any

from django.contrib.auth.models import User

from audit.services import system_account
from tracking.management.account_command import AccountCommand
from tracking.services.accounts import reactivate_account


class Command(AccountCommand):
    """Acts as the installation; tokens that were revoked stay so."""

    help = "Open a closed account again."

    def act(self, user: User, _options: dict[str, Any]) -> str:
        reactivate_account(user, actor=system_account())
        return f"The account {user.username} is open again."
