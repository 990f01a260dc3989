"""The four kinds of error of every app; which HTTP status each gets is not known here.

A code never changes once published. The detail is one sentence or two that say what is
wrong and what to do next.
"""

from collections.abc import Callable
from typing import Any


class DomainError(Exception):
    """What the product refuses, with a stable code and a sentence for the reader."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.extra = extra


class InvalidError(DomainError):
    """What was sent cannot be right, whoever sends it and whenever."""


class UnauthenticatedError(DomainError):
    """Nobody knows who is asking."""


class PermissionDeniedError(DomainError):
    """The person may not do this to this subject."""


class NotFoundError(DomainError):
    """There is no such subject, or none that this person may know of."""


class ConflictError(DomainError):
    """The request is well formed, but the state of things does not allow it now."""


def would_refuse(guard: Callable[..., object], *arguments: object) -> bool:
    """Say whether a guard of a service refuses, for pages that offer what it lets through.

    It changes nothing; whoever acts is asked by the service again.
    """
    try:
        guard(*arguments)
    except DomainError:
        return True
    return False
