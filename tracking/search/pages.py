"""Page tokens: where the next page begins, and of which query it is the next page."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet

from audit.errors import InvalidError
from audit.tlog.canonical import digest
from tracking.search import limits

Row = TypeVar("Row")
LARGEST_OFFSET = 2**31


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and the token of the next page if there is one."""

    rows: list[Row]
    next_token: str | None


def page_of(
    rows: "QuerySet[Any, Row]",
    *,
    query: Any,
    size: int,
    token: str,
    first: "QuerySet[Any, Row] | None" = None,
) -> Page[Row]:
    """Return the page that a token names; `query` is what the client asked, as JSON.

    `first` has the first of the rows and comes cheaper, so the page is sought there
    before.

    A token that another query was given is refused, and so is a query that takes too
    long (InvalidError).
    """
    name = digest(query)
    offset = _offset(token, name) if token else 0
    with limits.in_time(limits.MOST_SECONDS):
        found = [] if first is None else _part(first, offset, size)
        if len(found) <= size:
            found = _part(rows, offset, size)
    has_more = len(found) > size
    return Page(found[:size], _token(offset + size, name) if has_more else None)


def _part(rows: "QuerySet[Any, Row]", offset: int, size: int) -> list[Row]:
    """Return the page, and one row more if there is one."""
    return list(rows[offset : offset + size + 1])


def _token(offset: int, name: str) -> str:
    return base64.urlsafe_b64encode(
        json.dumps({"offset": offset, "query": name}).encode()
    ).decode()


def _offset(token: str, name: str) -> int:
    try:
        content = json.loads(base64.urlsafe_b64decode(token.encode()))
        offset, query = content["offset"], content["query"]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        raise _refused("cannot be read") from None
    if query != name:
        raise _refused("belongs to another query")
    if not isinstance(offset, int) or not 0 <= offset <= LARGEST_OFFSET:
        raise _refused("cannot be read")
    return offset


def _refused(reason: str) -> InvalidError:
    return InvalidError(
        "page_token_invalid",
        f"The page token {reason}: send the next_page_token of the answer before, with "
        f"everything else as it was.",
    )
