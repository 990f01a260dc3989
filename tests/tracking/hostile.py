"""Messages made from the types of an endpoint: one that is right, and ones that are not."""

import inspect
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints
from urllib.parse import quote

import msgspec
from msgspec.inspect import (
    BoolType,
    EnumType,
    FloatType,
    IntType,
    ListType,
    StrType,
    StructType,
    Type,
    UnionType,
    type_info,
)

from tracking.mlflow_api.endpoint import View
from tracking.mlflow_api.urls import MLFLOW

Table = tuple[tuple[str, str, View], ...]
MARK = "\u2620 here \u2620"
MEGABYTE = 2**20
# What is wrong for any field whatever its type, as it stands in a JSON document.
VALUES: dict[str, bytes] = {
    "null": b"null",
    "number": b"7",
    "negative": b"-1",
    "fraction": b"0.5",
    "boolean": b"true",
    "text": b'"text"',
    "empty text": b'""',
    "blank": b'" "',
    "list": b"[]",
    "list of null": b"[null]",
    "list of lists": b"[[[]]]",
    "list of objects": b"[{}]",
    "list of texts": b'["a", "a"]',
    "object": b"{}",
    "object of objects": b'{"a": {"b": {}}}',
    "int64 and one": b"9223372036854775808",
    "below int64": b"-9223372036854775809",
    "int64 as text": b'"9223372036854775808"',
    "5000 digits": b"9" * 5000,
    "huge float": b"1e999",
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "NaN as text": b'"NaN"',
    "digits of another script": '"١٢"'.encode(),
    "control characters": b'"a\\u0001\\u001b\\u007f\\r\\nb"',
    "raw control characters": b'"a\x01\x1b\r\nb"',
    "NUL": b'"a\\u0000b"',
    "only NUL": b'"\\u0000"',
    "half of a pair": b'"a\\ud800b"',
    "encoded half of a pair": b'"a\xed\xa0\x80b"',
    "no UTF-8": b'"a\xffb"',
    "right to left": '"\u202eabc"'.encode(),
    "path": b'"../../../etc/passwd"',
    "quotes": b'"\'\\"`;--"',
    "pattern": b'"%_%\\\\%"',
    "deep lists": b"[" * 10_000 + b"]" * 10_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a megabyte of text": b'"' + b"a" * MEGABYTE + b'"',
    "a megabyte of blanks": b'"' + b" " * MEGABYTE + b'x"',
    "not closed": b'"a',
}
# What is odd in a path, before it is percent-encoded.
TEXTS: dict[str, bytes] = {
    "blank": b" ",
    "dot": b".",
    "up": b"..",
    "far up": b"../../etc/passwd",
    "slash": b"/",
    "backslash": b"a\\b",
    "encoded once more": b"%2e%2e%2f",
    "line break": b"a\nb",
    "NUL": b"a\0b",
    "no UTF-8": b"\xff",
    "half of a pair": b"\xed\xa0\x80",
    "right to left": "\u202eabc".encode(),
    "long": b"a" * 100_000,
}
# What is wrong for a whole body.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"run_id=1",
    "blank": b" ",
    "NUL": b"\0",
    "list": b"[]",
    "number": b"1",
    "text": b'"a"',
    "null": b"null",
    "not closed": b'{"run_id": ',
    "two of them": b"{}{}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "no UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "deep lists": VALUES["deep lists"],
    "deep objects": VALUES["deep objects"],
    "ten megabytes of text": b'{"a": "' + b"a" * (10 * MEGABYTE) + b'"}',
    "ten megabytes of lists": b"[" * (10 * MEGABYTE),
    "too large": b" " * (33 * MEGABYTE),
}


@dataclass(frozen=True)
class Endpoint:
    """One line of the table of routes, and the message that it reads."""

    method: str
    route: str
    message: type[msgspec.Struct]

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    @property
    def fields(self) -> StructType:
        found = type_info(self.message)
        assert isinstance(found, StructType)
        return found

    @property
    def is_query(self) -> bool:
        return self.method == "GET"


def endpoints(table: Table = MLFLOW) -> list[Endpoint]:
    """Return every endpoint of a table that reads a message."""
    return [
        Endpoint(method, route, hints["message"])
        for method, route, view in table
        if "message" in (hints := get_type_hints(inspect.unwrap(view)))
    ]


def valid(known: Mapping[str, str], kind: Type, name: str = "") -> Any:
    """Return what is right for a type; a text is what `known` says for its name."""
    match kind:
        case StructType(fields=fields):
            return {
                field.encode_name: valid(known, field.type, field.name)
                for field in fields
            }
        case UnionType(types=types):
            return valid(known, types[0], name)
        case ListType(item_type=item):
            return [valid(known, item, name)]
        case StrType():
            return known.get(name, "text")
        case EnumType(cls=choices):
            return next(iter(choices)).value
        case BoolType():
            return False
        case FloatType():
            return 0.5
        case IntType(ge=least):
            return max(least or 0, 1)
        case _:
            raise TypeError(f"No valid value is known for {kind}: write one here.")


def places(
    kind: Type, at: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], Type]]:
    """Yield every field of a message, with those of what it holds, as a path and a type."""
    match kind:
        case StructType(fields=fields):
            for field in fields:
                yield (*at, field.encode_name), field.type
                yield from places(field.type, (*at, field.encode_name))
        case UnionType(types=types):
            yield from places(types[0], at)
        case ListType(item_type=item):
            yield from places(item, (*at, 0))
        case _:
            pass


def changed(message: Any, at: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a message with another value at one place."""
    if not at:
        return value
    copy = message.copy()
    copy[at[0]] = changed(message[at[0]], at[1:], value)
    return copy


def without(message: Any, at: tuple[Any, ...]) -> Any:
    copy = message.copy()
    if len(at) > 1:
        copy[at[0]] = without(message[at[0]], at[1:])
    else:
        del copy[at[0]]
    return copy


def as_body(message: Any, value: bytes) -> bytes:
    """Return a message as JSON, with these bytes where the mark stands."""
    return json.dumps(message).encode().replace(json.dumps(MARK).encode(), value)


def as_query(message: Any, value: bytes) -> str:
    """Return a message as a query, with these bytes (a JSON text without its quotes)."""
    text = value
    if value[:1] == value[-1:] == b'"':
        try:
            decoded = json.loads(value)
            text = decoded.encode("utf-8", "surrogatepass")
        except ValueError:
            text = value[1:-1]
    parts = []
    for name, values in message.items():
        for one in values if isinstance(values, list) else [values]:
            sent = quote(text) if one == MARK else quote(str(one))
            parts.append(f"{name}={sent}")
    return "&".join(parts)


def longest(kind: Type) -> int | None:
    """Return the most characters or items of a field, None where no type says it."""
    match kind:
        case StrType(max_length=most) | ListType(max_length=most):
            return most
        case UnionType(types=types):
            return longest(types[0])
        case _:
            return None


def incompressible(length: int) -> str:
    """Return letters of four bytes each, which no database packs into fewer."""
    letters = random.Random(length)  # noqa: S311 - the same letters in each test
    return "".join(chr(letters.randrange(0x20000, 0x2A6D0)) for _ in range(length))


def is_list(kind: Type) -> bool:
    return isinstance(kind, ListType) or (
        isinstance(kind, UnionType) and isinstance(kind.types[0], ListType)
    )


def value_at(message: Any, at: tuple[Any, ...]) -> Any:
    for step in at:
        message = message[step]
    return message


def numbered(item: Any, number: int) -> Any:
    """Return an item that differs from others of the list by its key, name or text."""
    if isinstance(item, str):
        return f"{item}{number}"
    return {
        name: numbered(value, number)
        if isinstance(value, dict) or name in {"key", "name"}
        else value
        for name, value in item.items()
    }
