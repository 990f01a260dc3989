"""Sends what is wrong for each field of an endpoint, and looks at what that left behind."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection, transaction
from django.test import Client

from audit.triggers import APPEND_ONLY_TABLES
from tests.tracking import hostile
from tests.tracking.hostile import (
    MARK,
    MEGABYTE,
    VALUES,
    Endpoint,
    as_body,
    as_query,
    changed,
    places,
    without,
)
from tracking.models import ApiToken

REFUSALS = {400, 401, 403, 404, 409, 413, 501}
WRITING = re.compile(
    r"\b(INSERT|DELETE|TRUNCATE|(?<!FOR )(?<!KEY )UPDATE)\b", re.IGNORECASE
)
PARAMETER = re.compile(r"<\w+:(\w+)>")
LONGEST_MESSAGE = 5000
MOST_QUERIES = 150  # however many items a message names
MANY = 5000
LONGEST_QUERY = 2**18  # of waitress; granian lets less through
NOTES = {ApiToken._meta.db_table}  # a token notes its use
Case = tuple[str, Callable[[], Any]]


@dataclass(frozen=True)
class Target:
    """An endpoint, with a message to it that is right."""

    client: Client
    endpoint: Endpoint
    known: dict[str, str]
    message: dict[str, Any]

    def path(self, **instead: bytes) -> str:
        def part(match: re.Match[str]) -> str:
            name = match[1]
            return quote(instead.get(name, self.known[name]), safe="")

        return "/api/2.0/mlflow/" + PARAMETER.sub(part, self.endpoint.route)

    def send(self, message: Any, value: bytes = b"", **options: Any) -> Any:
        """Send a message with these bytes where the mark stands."""
        if self.endpoint.is_query:
            return self.send_raw(as_query(message, value), **options)
        return self.send_raw(as_body(message, value), **options)

    def send_raw(
        self,
        content: "str | bytes",
        *,
        content_type: str = "application/json",
        **named: bytes,
    ) -> Any:
        method, path = self.endpoint.method, self.path(**named)
        if self.endpoint.is_query:
            query = content if isinstance(content, str) else quote(content)
            return self.client.generic(method, path, QUERY_STRING=query)
        return self.client.generic(method, path, content, content_type)


def everything(folder) -> tuple[Any, ...]:
    """How many rows every table has, what may be altered of it, and the files."""
    tables = connection.introspection.django_table_names()
    append_only = APPEND_ONLY_TABLES | NOTES
    queries = [
        f"SELECT * FROM {table}"  # noqa: S608 - one of our own tables
        for table in tables
        if table.startswith(("tracking_", "registry_")) and table not in append_only
    ]
    counts = (f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608 - too
    found = []
    with connection.cursor() as cursor:
        for query in (f"SELECT {', '.join(counts)}", *queries):
            cursor.execute(query)
            found.append(sorted(cursor.fetchall(), key=str))
    return found, files(folder)


def files(folder) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


class Counted:
    """Counts queries, without keeping their megabytes, and sees whether any may write."""

    queries = 0
    may_write = False

    def __call__(self, execute, sql, *arguments):
        self.queries += 1
        self.may_write |= WRITING.search(sql) is not None
        return execute(sql, *arguments)


class Watch:
    """Looks at answers, and at what a refused request has left behind."""

    def __init__(self, folder) -> None:
        self._folder = folder
        self._before = everything(folder)
        self._wrong: list[str] = []

    def __call__(self, what: str, send: Callable[[], Any]) -> None:
        """Send, look, and take back what was done, so that the next finds the same."""
        with transaction.atomic():
            asked = Counted()
            with connection.execute_wrapper(asked):
                response = send()
            found = list(complaints(response))
            if asked.queries > MOST_QUERIES:
                found.append(f"took {asked.queries} queries")
            if response.status_code != 200 and self._is_changed(asked):
                found.append("changed something")
            transaction.set_rollback(True)
        self._wrong += [f"{what[:200]}: {complaint}" for complaint in found]

    def _is_changed(self, asked: Counted) -> bool:
        """Compare what there is now; tables only if a query may have changed them."""
        if asked.may_write:
            return bool(everything(self._folder) != self._before)
        return bool(files(self._folder) != self._before[-1])

    def found_nothing(self) -> None:
        if self._wrong:
            pytest.fail("\n".join(self._wrong), pytrace=False)


def complaints(response):
    """Yield what is wrong with an answer."""
    text = response.content.decode("utf-8", "replace")
    shown = f"{response.status_code} {text[:150]} … {text[-150:]}"
    try:
        answer = json.loads(text)
    except ValueError:
        yield f"no JSON: {shown}"
        return
    if response.status_code == 200:
        return
    if response.status_code not in REFUSALS:
        yield f"odd status: {shown}"
    if not {"error_code", "message"} <= set(answer):
        yield f"not in MLflow's shape: {shown}"
    elif not answer["message"].endswith("."):
        yield f"no sentence: {shown}"
    elif len(answer["message"]) > LONGEST_MESSAGE:
        yield f"a message of {len(answer['message'])} characters: {shown}"


def fields(target) -> Iterator[Case]:
    """Yield every field with every odd value, and left out."""
    for at, _ in places(target.endpoint.fields):
        name = ".".join(map(str, at))
        yield f"{name} left out", partial(target.send, without(target.message, at))
        marked = changed(target.message, at, MARK)
        for what, value in VALUES.items():
            yield f"{name}: {what}", partial(target.send, marked, value)


def parts_of_the_path(target) -> Iterator[Case]:
    for name in PARAMETER.findall(target.endpoint.route):
        for what, text in hostile.TEXTS.items():
            yield (
                f"{name}: {what}",
                partial(target.send, target.message, **{name: text}),
            )


def longest_texts(target) -> Iterator[Case]:
    """Yield as many letters as a type allows, and one more.

    No index of PostgreSQL holds more than 2704 bytes that cannot be packed.
    """
    for at, kind in places(target.endpoint.fields):
        most = 0 if hostile.is_list(kind) else hostile.longest(kind) or 0
        for length in (most, most + 1) if 0 < most <= MEGABYTE else ():
            message = changed(target.message, at, hostile.incompressible(length))
            yield f"{at}: {length} letters", partial(target.send, message)


def long_lists(target) -> Iterator[Case]:
    """Yield as many items as a type allows, and one more."""
    for at, kind in places(target.endpoint.fields):
        if hostile.is_list(kind):
            (item,) = hostile.value_at(target.message, at)
            most = hostile.longest(kind) or MANY
            for length in (most, most + 1):
                items = [hostile.numbered(item, number) for number in range(length)]
                message = changed(target.message, at, items)
                yield f"{at}: {length} items", partial(target.send, message)


def bodies(target) -> Iterator[Case]:
    """Yield odd bodies, or queries as long as a server lets through, and odd types."""
    for what, body in hostile.BODIES.items():
        if len(body) < LONGEST_QUERY or not target.endpoint.is_query:
            yield what, partial(target.send_raw, body)
    if target.endpoint.is_query:
        many = "&".join(f"a{number}=1" for number in range(MANY))
        yield "many names", partial(target.send_raw, many)
        yield "one name often", partial(target.send_raw, "run_id=a&" * MANY)
    for claimed in (
        "",
        "text/html",
        "multipart/form-data; boundary=x",
        "é",
        "a/b;" * 99,
    ):
        yield claimed, partial(target.send, target.message, content_type=claimed)
