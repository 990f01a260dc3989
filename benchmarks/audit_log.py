"""What the log costs and how fast it is: `make bench`, or with smaller numbers

    python scripts/private_services.py python -m benchmarks.audit_log --entries 20000 --seconds 2

Each client is a process of its own that works through the product's code: a business
insert is a Param of a run, with or without an event of 400 bytes in its transaction.
"""

import argparse
import io
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure, print_table

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
# Until when every client is ready for a common start.
START_SECONDS = 2.0
EVENTS_PER_SECOND = 500
PROOFS = 200


class Benchmarked(StrEnum):
    """The kind of event that clients record."""

    NOTED = "benchmark.thing.noted"


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="attestry-bench-") as var:
        _install(var)
        figures = [
            *_rates(arguments.clients, arguments.seconds),
            *_delays(arguments.clients, arguments.seconds),
            *_large_log(arguments.entries),
        ]
        print_table(figures)
    return 0 if all(figure.passes for figure in figures) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each phase")
    return parser.parse_args()


def _install(var: str) -> None:
    """Start a log on the PostgreSQL of ATTESTRY_DATABASE_URL."""
    os.environ |= {
        "ATTESTRY_VAR": var,
        "ATTESTRY_LOG_SEQUENCER": "own-process",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("init_log", stdout=io.StringIO())


# How much of the rate of business inserts is left


def _rates(clients: int, seconds: float) -> Iterator[Figure]:
    """Alternate both kinds of transaction within the same minute, rounds of each."""
    ratios, part = [], seconds / ROUNDS
    with _sequencer(), _clients(clients) as in_clients:
        for number in range(ROUNDS):
            bare = sum(in_clients(_write_for, part, False)) / part
            recorded = sum(in_clients(_write_for, part, True)) / part
            ratios.append(100 * recorded / bare)
            _say(
                f"round {number + 1}: {bare:,.0f} inserts a second, "
                f"{recorded:,.0f} with an event each"
            )
    what = f"rate with events, of the bare inserts ({clients} clients)"
    yield Figure(what, statistics.median(ratios), "%", 45)


def _write_for(client: int, start: float, seconds: float, is_recorded: bool) -> int:
    """Return how many transactions one client did within the seconds from `start`."""
    write, count = _writer(client), 0
    write(is_recorded)
    _sleep_until(start)
    while time.time() < start + seconds:
        write(is_recorded)
        count += 1
    return count


def _writer(client: int) -> Callable[[bool], int]:
    """Return a function that does one transaction and returns the event's id, or 0."""
    from django.db import connection, transaction

    from audit.services import record, system_account
    from benchmarks.large_log import payload_of
    from tracking.models import Param

    connection.close()
    actor, run, number = system_account(), _run_of(client), 0

    def write(is_recorded: bool) -> int:
        nonlocal number
        number += 1
        with transaction.atomic():
            key = f"{time.time_ns()}-{number}"
            Param.objects.create(run=run, key=key, value="0.1")
            if not is_recorded:
                return 0
            event = record(
                Benchmarked.NOTED,
                actor=actor,
                subject=f"thing/{client}",
                payload=payload_of(number),
            )
        return event.pk

    return write


def _run_of(client: int):  # type: ignore[no-untyped-def]  # models come after setup
    from django.utils import timezone

    from audit.services import system_account
    from tracking.models import Experiment, Run, Workspace

    system = system_account()
    workspace, _ = Workspace.objects.get_or_create(name="benchmark")
    experiment, _ = Experiment.objects.get_or_create(
        workspace=workspace, name="benchmark", defaults={"created_by": system}
    )
    return Run.objects.create(
        experiment=experiment,
        name=f"client {client}",
        started_at=timezone.now(),
        created_by=system,
    )


# How long an event waits for a signed checkpoint


def _delays(clients: int, seconds: float) -> Iterator[Figure]:
    with _sequencer(), _clients(clients) as in_clients, _pool(1) as pool:
        watching = pool.apply_async(_watch, (seconds + 2 * START_SECONDS,))
        told = in_clients(_write_at_rate, seconds, clients)
        sizes = watching.get()
    waited = sorted(_waited(dict(pair for part in told for pair in part), sizes))
    _say(f"{len(waited)} events, {len(waited) / seconds:,.0f} a second")
    what = f"recorded to signed checkpoint at {EVENTS_PER_SECOND} events/s"
    yield Figure(f"{what}, median", statistics.median(waited), "s", 0.5, is_limit=True)
    p99 = waited[int(len(waited) * 0.99)]
    yield Figure(f"{what}, 99th percentile", p99, "s", 0.5, is_limit=True)


def _write_at_rate(
    client: int, start: float, seconds: float, clients: int
) -> list[tuple[int, float]]:
    """Record at a fixed rate; return each event's id and when it was committed."""
    write = _writer(client)
    write(True)
    period, told = clients / EVENTS_PER_SECOND, []
    for number in range(int(seconds / period)):
        _sleep_until(start + (number + client / clients) * period)
        event = write(True)
        told.append((event, time.time()))
    return told


def _watch(seconds: float) -> list[tuple[float, int]]:
    """Return when which size of the log was first seen signed."""
    import psycopg

    seen: list[tuple[float, int]] = []
    end = time.time() + seconds
    url = os.environ["ATTESTRY_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        while time.time() < end:
            query = "SELECT max(size) FROM audit_storedcheckpoint"
            (size,) = connection.execute(query).fetchone()  # type: ignore[misc]  # one row
            if not seen or size > seen[-1][1]:
                seen.append((time.time(), size))
            time.sleep(0.005)
    return seen


def _waited(
    committed: dict[int, float], sizes: list[tuple[float, int]]
) -> Iterator[float]:
    """Yield how long each event waited; one that was never signed waits for ever."""
    from audit.models import Entry

    index_of = dict(
        Entry.objects.filter(event__in=committed).values_list("event_id", "index")
    )
    for event, at in committed.items():
        index = index_of.get(event)
        signed = (
            (when for when, size in sizes if index < size)
            if index is not None
            else iter(())
        )
        yield max(0.0, next(signed, float("inf")) - at)


# A large log: drained, verified, proven from


def _large_log(entries: int) -> Iterator[Figure]:
    from audit.sequencer import seal_pending
    from benchmarks.large_log import add_events

    memory, drained, rate = [], [], 0.0
    for half in (entries // 2, entries - entries // 2):
        _say(f"recording {half:,} events")
        add_events(half)
        _say("sequencing them")
        started = time.perf_counter()
        seal_pending()
        drained.append(half / (time.perf_counter() - started))
        _say("verifying the log")
        with _pool(1) as pool:
            rate, peak = pool.apply(_verify)
        memory.append(peak)
    yield Figure("backlog, sequenced and signed", min(drained), "leaves/s", 15_000)
    yield Figure(f"full verification of {entries:,}", rate, "entries/s", 120_000)
    growth = memory[1] / memory[0]
    yield Figure("memory of it, against half the log", growth, "x", 1.2, is_limit=True)
    yield from _proofs(entries)


def _verify() -> tuple[float, int]:
    from audit.proofs import verify_log

    started = time.perf_counter()
    found = verify_log()
    seconds = time.perf_counter() - started
    if not found.is_intact:
        raise RuntimeError(found.faults[0].sentence)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found.entries / seconds, peak


def _proofs(entries: int) -> Iterator[Figure]:
    from django.conf import settings
    from django.test import Client

    from audit.proofs.inclusion import inclusion_proof

    chance = random.Random(7)  # noqa: S311 - to be repeated, not to be secret
    indices = [chance.randrange(entries) for _ in range(PROOFS)]
    settings.ATTESTRY_LOG_PUBLIC, settings.ALLOWED_HOSTS = True, ["testserver"]
    client = Client()
    asked: dict[str, Callable[[int], object]] = {
        "inclusion proof": inclusion_proof,
        "inclusion proof over the API": lambda index: client.get(
            f"/api/v1/log/entries/{index}/proof"
        ),
    }
    for what, ask in asked.items():
        ask(0)
        took = statistics.median(_seconds(ask, index) for index in indices)
        yield Figure(f"{what}, median", 1000 * took, "ms", 5, is_limit=True)


def _seconds(ask: Callable[[int], object], index: int) -> float:
    started = time.perf_counter()
    ask(index)
    return time.perf_counter() - started


# Processes


@contextmanager
def _clients(clients: int) -> Iterator[Callable[..., list[Any]]]:
    """Yield a function that runs `work(client, start, …)` in as many processes at once."""
    with _pool(clients) as pool:

        def run(work: Callable[..., Any], *arguments: object) -> list[Any]:
            start = time.time() + START_SECONDS
            each = [(client, start, *arguments) for client in range(clients)]
            return pool.starmap(work, each, 1)

        # Whoever has not yet set up Django would start late.
        pool.map(time.sleep, [START_SECONDS] * clients, 1)
        yield run


def _pool(processes: int) -> "Pool":
    return multiprocessing.get_context("spawn").Pool(processes, _set_up_client)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def _set_up_client() -> None:
    import django

    django.setup()


@contextmanager
def _sequencer() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "manage.py", "sequence"], cwd=ROOT)
    try:
        _wait_until_it_seals()
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_seals() -> None:
    from audit.models import Pending

    _writer(0)(True)
    while Pending.objects.exists():
        time.sleep(0.05)


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
