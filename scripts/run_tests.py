#!/usr/bin/env python
"""Runs the suite on each database that is named, beside private servers of its own."""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from private_services import (
    ServiceError,
    private_services,
    run_command,
    turn_signals_into_exits,
)

ROOT = Path(__file__).resolve().parent.parent
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL and Redis"}
PYTEST_INTERRUPTED = 2
# Where the tests of a running installation are; looking for them everywhere takes longer
# than some of them do.
LIVE = ("tests/browser", "tests/journeys", "tests/mlflow_client")


def main() -> int:
    arguments = _arguments()
    turn_signals_into_exits()
    os.chdir(ROOT)
    failed = []
    with contextlib.ExitStack() as stack:
        environment = _clean_environment()
        if not arguments.without_services:
            print("Starting a private PostgreSQL and Redis", flush=True)
            services = stack.enter_context(private_services())
            # Tests of the production topology start their own processes on these.
            environment["ATTESTRY_TEST_POSTGRESQL_URL"] = services.database_url
            environment["ATTESTRY_TEST_REDIS_URL"] = services.broker_url
        for database in arguments.databases:
            print(f"\nTests on {TITLES[database]}", flush=True)
            code = _run_suite(
                database,
                arguments.pytest,
                environment,
                is_first=database == arguments.databases[0],
                is_last=database == arguments.databases[-1],
            )
            if code == PYTEST_INTERRUPTED:
                return code
            if code != 0:
                failed.append(TITLES[database])
    if failed:
        print(f"\nTests failed on {' and on '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-services", action="store_true")
    parser.add_argument("databases", nargs="+", choices=TITLES)
    own, pytest = sys.argv[1:], []
    if "--" in own:
        cut = own.index("--")
        own, pytest = own[:cut], own[cut + 1 :]
    arguments = parser.parse_args(own)
    arguments.pytest = pytest
    return arguments


def _clean_environment() -> dict[str, str]:
    """Return our environment without the settings of any other installation."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ATTESTRY_")
    }


def _run_suite(
    database: str,
    chosen: list[str],
    environment: Mapping[str, str],
    *,
    is_first: bool,
    is_last: bool,
) -> int:
    """Run the suite, phase by phase; return how the first that failed ended."""
    with tempfile.TemporaryDirectory(prefix="attestry-test-") as var:
        settings = {**environment, "ATTESTRY_VAR": var}
        if database == "postgresql":
            settings["ATTESTRY_DATABASE_URL"] = settings["ATTESTRY_TEST_POSTGRESQL_URL"]
            settings["ATTESTRY_BROKER_URL"] = settings["ATTESTRY_TEST_REDIS_URL"]
        pytest = [sys.executable, "-m", "pytest"]
        if any(not word.startswith("-") for word in chosen):
            return run_command([*pytest, *chosen], settings)
        first_failure = 0
        for selected, ways in _phases(is_first=is_first, is_last=is_last):
            code = run_command([*pytest, "-m", selected, *ways, *chosen], settings)
            if code == PYTEST_INTERRUPTED:
                return code
            first_failure = first_failure or code
        return first_failure


def _phases(*, is_first: bool, is_last: bool) -> list[tuple[str, tuple[str, ...]]]:
    """Return what is run in turn, and how.

    Each test runs once, unless the database may make a difference to it.
    """
    left_out = "" if is_last else " and not on_postgresql"
    left_out += "" if is_first else " and not any_database and not browser"
    return [
        (f"not installation{left_out}", ("-n", "2")),
        # Two installations at a time; the tests of a file share one.
        (f"installation{left_out}", ("-n", "2", "--dist", "loadfile", *LIVE)),
    ]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServiceError as error:
        sys.exit(f"make test: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
