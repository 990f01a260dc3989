"""Two servers, one client, in turns: how a row of `make bench-tracking` is measured.

A row is a value, and a module declares a tuple of them for `benchmarks/tracking.py`:

    def _get_run(client: Client, run_id: str) -> Once:
        return lambda number: client.call("GET", f"runs/get?run_id={run_id}")

    ROWS = (Row("runs/get", _get_run, bar=4, prepare=_a_run),)

`prepare(side)` is called once a side before anything is measured; what it returns is
handed to `begin(client, prepared)`, which each client calls at the start of each turn and
which returns the work: `once(number)`, called with 0, 1, 2, … until the turn is over.
What is to be stored in bulk may go into `side.database_url`; both sides also have an empty
experiment (`side.experiment_id`), and `side.environment` is what MLflow's own client has
to be told. Rows that share something costly share a function with a cache.

Neighbouring turns make a pair, and a figure is the median of the ratios of the pairs: of
the throughput, and of the processor time (user and system) that one piece of work costs
the server's web processes. The second is what a shared machine disturbs least, so a row
passes by it. Counted apart are PostgreSQL's backends, which are the same program, and
our log's sequencer, which works ten times a second whatever is asked of the server.
"""

import http.client
import json
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import machine

TICKS = os.sysconf("SC_CLK_TCK")
WARM_SECONDS = 1.0
# One client that fails to begin shall not let the others wait for ever.
BEGIN_SECONDS = 120


@dataclass(eq=False)
class Side:
    """One of the two servers; `headers` say who asks, `processes` are `web` and ours `log`."""

    name: str
    port: int
    database_url: str
    processes: Mapping[str, int]
    headers: Mapping[str, str]
    experiment_id: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return what an unmodified MLflow client has to be told."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        told = {"MLFLOW_TRACKING_URI": self.url, "MLFLOW_DISABLE_TELEMETRY": "true"}
        return {**told, "MLFLOW_TRACKING_TOKEN": token} if scheme else told


class Client:
    """A kept-alive connection whose answers are acknowledged at once.

    MLflow's server answers such clients about 44 ms late because of delayed ACKs, which
    is not its cost.
    """

    def __init__(self, side: Side) -> None:
        self.side = side
        self._headers = dict(side.headers)
        self._http = http.client.HTTPConnection("127.0.0.1", side.port, timeout=300)

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, message: Any = None) -> Any:
        """Send JSON to a path below `/api/2.0/mlflow/`, and return what comes back."""
        body = None if message is None else json.dumps(message).encode()
        return json.loads(
            self.send(method, f"/api/2.0/mlflow/{path}", body, "application/json")
        )

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/octet-stream",
    ) -> bytes:
        headers = {**self._headers, "Content-Type": content_type}
        self._http.request(method, path, body, headers)
        # A new answer begins a new round of delayed ACKs, so this is said each time.
        self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content

    def post(self, path: str, **message: Any) -> Any:
        return self.call("POST", path, message)

    def new_run(self) -> str:
        made = self.post(
            "runs/create", experiment_id=self.side.experiment_id, start_time=1
        )
        run_id: str = made["run"]["info"]["run_id"]
        return run_id


Once = Callable[[int], object]


def nothing(_side: Side) -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Row:
    """One kind of work, and how many times faster than MLflow it shall be done."""

    name: str
    begin: Callable[[Client, Any], Once]
    bar: float
    clients: int = 1
    prepare: Callable[[Side], Any] = nothing


@dataclass(frozen=True)
class Turn:
    """What one side did in one turn: pieces of work a second, CPU seconds for each."""

    rate: float
    web: float
    log: float
    database: float


@dataclass(frozen=True)
class Compared:
    """A row with its turns, in pairs of MLflow's and ours."""

    row: Row
    pairs: list[tuple[Turn, Turn]]

    @property
    def faster(self) -> float:
        return statistics.median(our.rate / their.rate for their, our in self.pairs)

    @property
    def cheaper(self) -> float:
        return statistics.median(their.web / our.web for their, our in self.pairs)

    @property
    def passes(self) -> bool:
        return self.cheaper >= self.row.bar

    def line(self) -> str:
        theirs, ours = (
            [statistics.median(getattr(turn, of) for turn in turns) for of in _MEASURED]
            for turns in zip(*self.pairs, strict=True)
        )
        rates, web, log, database = zip(theirs, ours, strict=True)
        cells = (
            self.row.name,
            " → ".join(f"{rate:,.1f}" for rate in rates),
            f"{self.faster:.1f} x",
            " → ".join(f"{1000 * seconds:,.1f}" for seconds in web),
            f"**{self.cheaper:.1f} x**",
            " → ".join(f"{1000 * seconds:,.1f}" for seconds in database),
            f"{1000 * log[1]:,.1f}",
            f"{self.row.bar:g} x",
            "ok" if self.passes else "MISSED",
        )
        return f"| {' | '.join(cells)} |"


_MEASURED = ("rate", "web", "log", "database")


def print_comparison(compared: Iterator[Compared]) -> bool:
    """Print each row as soon as it is known; return whether all of them pass."""
    print(f"\n{machine()}\n\nMLflow → Attestry, medians:\n")
    print(
        "| work | a second | faster | web CPU, ms | less CPU | PostgreSQL CPU, ms "
        "| log CPU, ms | bar | |\n|---|--:|--:|--:|--:|--:|--:|--:|---|"
    )
    passes = True
    for one in compared:
        print(one.line(), flush=True)
        passes &= one.passes
    return passes


def compare(
    row: Row, theirs: Side, ours: Side, *, turns: int, seconds: float
) -> Compared:
    """Let both do the work in turns, the one and the other first."""
    prepared = {side: row.prepare(side) for side in (theirs, ours)}
    for side in (theirs, ours):  # a turn to get warm, which does not count
        _turn(row, side, prepared[side], WARM_SECONDS)
    pairs = []
    for number in range(turns):
        sides = (theirs, ours) if number % 2 else (ours, theirs)
        done = {side: _turn(row, side, prepared[side], seconds) for side in sides}
        pairs.append((done[theirs], done[ours]))
    return Compared(row, pairs)


def _turn(row: Row, side: Side, prepared: Any, seconds: float) -> Turn:
    """Let the row's clients work at once, each in a thread, at least once each."""
    done: list[int] = []
    # The last one to arrive reads the clock, when nobody works yet.
    barrier = threading.Barrier(
        row.clients, lambda: started.append(_now(side)), timeout=BEGIN_SECONDS
    )
    started: list[_Moment] = []

    def work() -> None:
        with closing(Client(side)) as client:
            once, number = row.begin(client, prepared), 0
            barrier.wait()
            end = time.monotonic() + seconds
            while number == 0 or time.monotonic() < end:
                once(number)
                number += 1
            done.append(number)

    threads = [threading.Thread(target=work) for _ in range(row.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) != row.clients:
        raise RuntimeError(f"{row.name}: a client failed with {side.name}, see above")
    before, after, times = started[0], _now(side), sum(done)
    return Turn(
        times / (after.time - before.time),
        (after.web - before.web) / times,
        (after.log - before.log) / times,
        # A backend may have ended meanwhile, and what it had used went with it.
        sum(
            seconds - before.backends.get(pid, 0)
            for pid, seconds in after.backends.items()
        )
        / times,
    )


@dataclass(frozen=True)
class _Moment:
    """The time, and the CPU seconds of web, log and each backend so far."""

    time: float
    web: float
    log: float
    backends: dict[int, float]


def _now(side: Side) -> _Moment:
    log = family(side.processes["log"]) if "log" in side.processes else []
    database = side.database_url.rpartition("/")[2]
    return _Moment(
        time.monotonic(),
        cpu_seconds(family(side.processes["web"])),
        cpu_seconds(log),
        {pid: cpu_seconds([pid]) for pid in _backends(database)},
    )


# Processes


def cpu_seconds(pids: list[int]) -> float:
    """Return the processor time of processes and of their children that have ended."""
    return sum(sum(map(int, _stat(pid)[11:15])) for pid in pids) / TICKS


def family(pid: int) -> list[int]:
    """Return a process and all that it has started, and those, and so on."""
    children: dict[int, list[int]] = {}
    for one in _all_pids():
        if stat := _stat(one):
            children.setdefault(int(stat[1]), []).append(one)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _backends(database: str) -> list[int]:
    """Return the processes that PostgreSQL runs for connections to this database."""
    return [
        pid
        for pid in _all_pids()
        if _command_line(pid).startswith(b"postgres: ")
        and _command_line(pid).split()[2:3] == [database.encode()]
    ]


def _all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _stat(pid: int) -> list[str]:
    """Return the fields of proc(5) after the name; none if the process has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(") ")[2].split()


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
