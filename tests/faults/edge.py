"""The edge of the process: its calls to the database and to files, one of which fails."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection

FILE_CALLS = ((tempfile, "mkstemp"), (os, "fchmod"), (os, "fsync"), (os, "replace"))


class Manner(StrEnum):
    """A call that takes no effect, and one that took effect before its answer was lost."""

    BEFORE = "before"
    AFTER = "after"


class Crash(BaseException):
    """The process is gone; nothing that could handle an error handles this."""


class Edge:
    """Counts the calls, and lets the n-th one fail."""

    def __init__(self, fail_at: int, manner: Manner, *, is_crash: bool = False) -> None:
        self.calls: list[str] = []
        self._fail_at, self._manner, self._is_crash = fail_at, manner, is_crash

    @property
    def has_failed(self) -> bool:
        return len(self.calls) >= self._fail_at

    def database(self, name: str, act: Callable[[], Any]) -> Any:
        return self._call(name, act, self._lose_connection)

    def file(
        self, name: str, real: Callable[..., Any], *args: Any, **named: Any
    ) -> Any:
        return self._call(name, partial(real, *args, **named), self._fail_at_disk)

    def statement(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: Any,
    ) -> Any:
        act = partial(execute, sql, params, many, context)
        return self.database(" ".join(sql.split()[:3]), act)

    def _call(self, name: str, act: Callable[[], Any], fail: Callable[[], None]) -> Any:
        self.calls.append(name)
        is_failing = len(self.calls) == self._fail_at
        if is_failing and self._manner == Manner.BEFORE:
            fail()
        result = act()
        if is_failing and self._manner == Manner.AFTER:
            fail()
        return result

    def _lose_connection(self) -> None:
        if connection.vendor == "postgresql":
            connection.connection.close()
        if self._is_crash:
            raise Crash
        raise OperationalError("The connection was lost.")

    def _fail_at_disk(self) -> None:
        if self._is_crash:
            connection.close()
            raise Crash
        raise OSError(errno.EIO, "The disk failed.")


@contextmanager
def failing(fail_at: int, manner: Manner, *, is_crash: bool = False) -> Iterator[Edge]:
    """Let the n-th call of the block fail; the block sees the error that it makes.

    On PostgreSQL the connection whose call fails is lost with it.
    """
    edge = Edge(fail_at, manner, is_crash=is_crash)
    connection.ensure_connection()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        stack.enter_context(connection.execute_wrapper(edge.statement))
        commit = connection._commit  # type: ignore[attr-defined]  # where the wrapper commits
        patch.setattr(connection, "_commit", lambda: edge.database("COMMIT", commit))
        for module, name in FILE_CALLS:
            real = getattr(module, name)
            patch.setattr(module, name, partial(edge.file, name, real))
        yield edge
