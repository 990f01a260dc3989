"""How a call that changes something is written down: who asks what, and what is logged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from tests import factories
from tests.factories import Cast
from tracking.models import Workspace

JSON = "application/json"


@dataclass(frozen=True)
class Ask:
    """One call; `path` fills the placeholders of the route, bytes are sent as they are."""

    by: User
    body: dict[str, Any] | bytes = field(default_factory=dict)
    path: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    in_session: bool = False

    def client(self) -> Client:
        """Return the asker's client; making one is logged, so it comes before the call."""
        if not self.in_session:
            secret = factories.token(self.by)
            return Client(headers={"Authorization": f"Bearer {secret}"})
        client = Client()
        client.force_login(self.by)
        return client


Prepare = Callable[[Workspace, Cast], Ask]


@dataclass(frozen=True)
class Change:
    """What a call of a route leaves in the log, and how to come to make one."""

    kinds: list[str]
    prepare: Prepare


class Table(dict[tuple[str, str], Change]):
    """Changes by method and route, as Django's resolver spells the route."""

    def call(
        self, method: str, route: str, *kinds: str
    ) -> Callable[[Prepare], Prepare]:
        def enter(prepare: Prepare) -> Prepare:
            assert (method, route) not in self
            self[method, route] = Change(list(kinds), prepare)
            return prepare

        return enter


def signing(by: User, body: dict[str, Any], **path: Any) -> Ask:
    """Return what a person signs in a session, with the password entered again."""
    return Ask(by, body | {"password": factories.PASSWORD}, path, in_session=True)
