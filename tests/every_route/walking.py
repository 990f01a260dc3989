"""Finds every route that the service has, and what the log holds since."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, get_resolver

from audit.models import Event

PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>")


def routes(patterns=None, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each route as Django's resolver spells it, with its view."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = above + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route, entry.callback
        else:
            yield from routes(entry.url_patterns, route)


def address(route: str, **path: object) -> str:
    return "/" + PLACEHOLDER.sub(lambda found: str(path.get(found[1], 0)), route)


def recorded_since(last: int) -> list[str]:
    return list(
        Event.objects.filter(pk__gt=last).order_by("pk").values_list("kind", flat=True)
    )


def last_entry() -> int:
    return Event.objects.latest("pk").pk
