"""Threads that record events until told to stop, some of them in vain.

    python -m tests.faults.writers STOP_FILE COMMITTED_FILE THREADS

Writes a line `<writer> <number>` for every event whose transaction has committed, and
into `in-doubt.<writer>` for every one whose server went away.
"""

import os
import random
import sys
import threading
import time
from enum import StrEnum
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - after django.setup()
from django.db import (  # noqa: E402 - after django.setup()
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

from audit.services import record, system_account  # noqa: E402 - after django.setup()

UNDONE = 0.2
PAUSE_SECONDS = 0.05


class Written(StrEnum):
    NUMBER = "tests.number.written"


def write(writer: int, stop: Path, committed: Path) -> None:
    system = system_account()
    chance = random.Random(writer)  # noqa: S311 - to be repeated, not to be secret
    number = 0
    with (
        committed.with_name(f"{committed.name}.{writer}").open("w") as told,
        committed.with_name(f"in-doubt.{writer}").open("w") as doubted,
    ):
        while not stop.exists():
            number += 1
            is_undone = chance.random() < UNDONE
            try:
                _write_one(system, writer, number, chance, is_undone=is_undone)
            except (OperationalError, InterfaceError):
                # Whether it was committed before the server went, nobody was told.
                connection.close()
                doubted.write(f"{writer} {number}\n")
                doubted.flush()
                time.sleep(PAUSE_SECONDS)
                continue
            if not is_undone:
                told.write(f"{writer} {number}\n")
                told.flush()
    connection.close()


def _write_one(
    system: User, writer: int, number: int, chance: random.Random, *, is_undone: bool
) -> None:
    with transaction.atomic():
        record(
            Written.NUMBER,
            actor=system,
            subject=f"writer/{writer}",
            payload={"number": number},
        )
        with transaction.atomic():
            record(
                Written.NUMBER,
                actor=system,
                subject="undone",
                payload={"number": number},
            )
            transaction.set_rollback(True)
        # Ids become visible out of order.
        time.sleep(chance.random() * PAUSE_SECONDS)
        transaction.set_rollback(is_undone)


def main() -> None:
    stop, committed, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    running = [
        threading.Thread(target=write, args=(writer, stop, committed))
        for writer in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


if __name__ == "__main__":
    main()
