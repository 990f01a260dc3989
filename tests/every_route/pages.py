"""How an act on a page of the admin is written down: by the API's call that does the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db.models import Model

from tests.every_route.asking import Ask, Change, Prepare, Table

Fill = Callable[[Ask], Ask]


class Pages(dict[tuple[str, str], Change]):
    """Acts by page and name; each leaves in the log what its twin in the API leaves."""

    def __init__(self, api: Table) -> None:
        super().__init__()
        self.twins = {change.prepare: change for change in api.values()}

    def act(self, page: str, twin: Prepare, *fill: Fill) -> None:
        """Enter that a page does what a call does, its form filled in from the call."""

        def prepare(workspace, people) -> Ask:
            ask = replace(twin(workspace, people), in_session=True)
            for step in fill:
                ask = step(ask)
            return ask

        assert (page, twin.__name__) not in self
        self[page, twin.__name__] = Change(self.twins[twin].kinds, prepare)


def on(table: type[Model], **lookup: Any) -> Fill:
    """Go to the page of the one row that the call names otherwise."""

    def found(ask: Ask) -> Ask:
        return replace(ask, path={"pk": table._default_manager.get(**lookup).pk})

    return found


def stating(**fields: Any) -> Fill:
    """Fill in what the API has a default for, or calls otherwise."""
    return lambda ask: replace(ask, body=stated(ask) | fields)


def seen(ask: Ask) -> Ask:
    """Send along which evidence the page showed."""
    return stating(seen_digest=stated(ask)["subject_digest"])(ask)


def stated(ask: Ask) -> dict[str, Any]:
    assert not isinstance(ask.body, bytes)
    return ask.body
