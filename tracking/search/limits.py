"""How long a search may work: whatever the filter, the database gives up in time."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from django.db import OperationalError, connection, transaction

from audit.errors import InvalidError

MOST_SECONDS = 20.0
# A plan for any value would suit none.
_FOR_THIS_TRANSACTION = """
SELECT set_config('statement_timeout', %s, true),
    set_config('plan_cache_mode', 'force_custom_plan', true)
"""
# Of SQLite's machine; between two looks at the clock.
_STEPS = 100_000


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Give a search up (InvalidError) when the database works longer than this."""
    try:
        with transaction.atomic(), _database_stops_after(seconds):
            yield
    except OperationalError as error:
        if "statement timeout" in str(error) or str(error) == "interrupted":
            raise _given_up(seconds) from error
        raise


@contextmanager
def _database_stops_after(seconds: float) -> Iterator[None]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_FOR_THIS_TRANSACTION, [str(max(1, round(1000 * seconds)))])
        yield
        return
    end = monotonic() + seconds
    connection.connection.set_progress_handler(lambda: monotonic() > end, _STEPS)
    try:
        yield
    finally:
        connection.connection.set_progress_handler(None, 0)


def _given_up(seconds: float) -> InvalidError:
    return InvalidError(
        "search_too_slow",
        f"The search takes more than {seconds:g} seconds: compare fewer keys, write "
        f"shorter patterns, or name fewer experiments.",
    )
