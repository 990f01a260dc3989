"""How a report names people who did not sign: by their name, else by their account."""

from django.contrib.auth.models import User


def name_of(user: User) -> str:
    return user.get_full_name() or user.get_username()
