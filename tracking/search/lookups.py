"""SQL's own LIKE: `%` is any text, `_` any character, a backslash is just that.

PostgreSQL's LIKE minds case and SQLite's does not, so SQLite answers by GLOB.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup, TextField
from django.db.models.sql.compiler import SQLCompiler

_AS_GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})


class _Pattern(Lookup[Any]):
    def _sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, word: str
    ) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} {word} {right}", (*left_params, *right_params)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        sql, params = self._sql(compiler, connection, str(self.lookup_name).upper())
        return sql, (*params[:-1], params[-1].replace("\\", "\\\\"))


@CharField.register_lookup
@TextField.register_lookup
class Like(_Pattern):
    """Compares with a pattern and minds case."""

    lookup_name = "like"

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        sql, params = self._sql(compiler, connection, "GLOB")
        return sql, (*params[:-1], params[-1].translate(_AS_GLOB))


@CharField.register_lookup
@TextField.register_lookup
class ILike(_Pattern):
    """Compares with a pattern whatever the case (on SQLite that of ASCII letters)."""

    lookup_name = "ilike"

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        return self._sql(compiler, connection, "LIKE")
