"""How fast tracking is beside a real MLflow server: `make bench-tracking`.

Both servers use the same PostgreSQL, two worker processes each, and the same client in
turns; a figure is the median of the ratios of neighbouring turns. MLflow's server answers
keep-alive clients late because of delayed ACKs, which is not its cost, so the client sets
TCP_QUICKACK.
"""

import argparse
import http.client
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, print_table

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120
TURNS = 5


@dataclass
class Server:
    """One side of the comparison; `headers` say who asks."""

    port: int
    headers: Mapping[str, str] = field(default_factory=dict)
    experiment_id: str = ""


class Connection:
    """A kept-alive connection whose answers are acknowledged at once."""

    def __init__(self, server: Server) -> None:
        self._headers = {**server.headers, "Content-Type": "application/json"}
        self._http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        self._http.connect()
        self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method: str, path: str, message: Any = None) -> Any:
        body = None if message is None else json.dumps(message).encode()
        self._http.request(method, f"/api/2.0/mlflow/{path}", body, self._headers)
        # A new answer begins a new round of delayed ACKs, so this is said each time.
        self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        if answer.will_close:
            self._http.close()
        return json.loads(content)

    def post(self, path: str, **message: Any) -> Any:
        return self.call("POST", path, message)

    def new_run(self, server: Server) -> str:
        answer = self.post(
            "runs/create", experiment_id=server.experiment_id, start_time=1
        )
        run_id: str = answer["run"]["info"]["run_id"]
        return run_id


Work = Callable[[Connection, Server, float], int]


def main() -> int:
    arguments = _arguments()
    with ExitStack() as stack:
        theirs = stack.enter_context(_mlflow(arguments.mlflow))
        ours = stack.enter_context(_attestry())
        for server in (theirs, ours):
            answer = Connection(server).post("experiments/create", name="benchmark")
            server.experiment_id = answer["experiment_id"]
        figures = [
            _compared(name, work, theirs, ours, clients, bar, arguments.seconds)
            for name, work, clients, bar in WORKS
            if arguments.only in name
        ]
    print_table(figures)
    return 0 if all(figure.passes for figure in figures) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlflow", default="mlflow", help="MLflow's program")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument("--only", default="", help="a part of the name of the work")
    return parser.parse_args()


# The work: each returns how often it was done within the seconds


def _log_metric(connection: Connection, server: Server, seconds: float) -> int:
    run_id = connection.new_run(server)

    def once(number: int) -> None:
        connection.post(
            "runs/log-metric",
            run_id=run_id,
            key="loss",
            value=number / 7,
            timestamp=number,
            step=number,
        )

    return _repeat(once, seconds)


def _log_batch_of_all(connection: Connection, server: Server, seconds: float) -> int:
    def once(number: int) -> None:
        connection.post(
            "runs/log-batch",
            run_id=runs[number % len(runs)],
            metrics=_points(100, number),
            params=[{"key": f"p{number}-{n}", "value": "1"} for n in range(20)],
            tags=[{"key": f"t{n}", "value": str(number)} for n in range(10)],
        )

    runs = [connection.new_run(server) for _ in range(5)]
    return _repeat(once, seconds)


def _log_batch_of_metrics(
    connection: Connection, server: Server, seconds: float
) -> int:
    run_id = connection.new_run(server)

    def once(number: int) -> None:
        connection.post("runs/log-batch", run_id=run_id, metrics=_points(1000, number))

    return _repeat(once, seconds)


def _whole_run(connection: Connection, server: Server, seconds: float) -> int:
    def once(_number: int) -> None:
        run_id = connection.new_run(server)
        params = [{"key": f"p{n}", "value": "1"} for n in range(20)]
        connection.post("runs/log-batch", run_id=run_id, params=params)
        for step in range(50):
            connection.post("runs/log-batch", run_id=run_id, metrics=_points(4, step))
        for n in range(5):
            connection.post("runs/set-tag", run_id=run_id, key=f"t{n}", value="1")
        connection.post("runs/update", run_id=run_id, status="FINISHED", end_time=2)

    return _repeat(once, seconds)


def _get_run(connection: Connection, server: Server, seconds: float) -> int:
    run_id = connection.new_run(server)
    connection.post(
        "runs/log-batch",
        run_id=run_id,
        metrics=_points(30, 1),
        params=[{"key": f"p{n}", "value": "1"} for n in range(20)],
    )
    return _repeat(
        lambda _: connection.call("GET", f"runs/get?run_id={run_id}"), seconds
    )


def _points(count: int, step: int) -> list[dict[str, Any]]:
    return [
        {"key": f"m{n}", "value": n / 7, "timestamp": step, "step": step}
        for n in range(count)
    ]


WORKS: list[tuple[str, Work, int, float]] = [
    ("log-metric, 1 client", _log_metric, 1, 4),
    ("log-metric, 8 clients", _log_metric, 8, 4),
    ("log-batch of 100 metrics, 20 params, 10 tags", _log_batch_of_all, 1, 4),
    ("log-batch of 1,000 metrics", _log_batch_of_metrics, 1, 8),
    ("whole run", _whole_run, 1, 4),
    ("runs/get, 30 metrics and 20 params", _get_run, 1, 4),
]


def _repeat(once: Callable[[int], Any], seconds: float) -> int:
    done, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        once(done)
        done += 1
    return done


def _compared(
    name: str,
    work: Work,
    theirs: Server,
    ours: Server,
    clients: int,
    bar: float,
    seconds: float,
) -> Figure:
    """Let both do the work in turns, and compare neighbours."""
    for server in (theirs, ours):  # a turn to get warm, which does not count
        _rate(work, server, clients, min(1.0, seconds))
    pairs = [
        (_rate(work, theirs, clients, seconds), _rate(work, ours, clients, seconds))
        for _ in range(TURNS)
    ]
    ratio = statistics.median(our / their for their, our in pairs)
    their_rate, our_rate = (
        statistics.median(rates) for rates in zip(*pairs, strict=True)
    )
    print(
        f"{name}: {their_rate:,.1f}/s by MLflow, {our_rate:,.1f}/s here, {ratio:.1f} times",
        flush=True,
    )
    return Figure(name, ratio, "times", bar)


def _rate(work: Work, server: Server, clients: int, seconds: float) -> float:
    done: list[int] = []
    connections = [Connection(server) for _ in range(clients)]
    threads = [
        threading.Thread(
            target=lambda one=connection: done.append(work(one, server, seconds))
        )
        for connection in connections
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) != clients:
        raise RuntimeError("a client failed: see above")
    return sum(done) / (time.monotonic() - started)


# The two servers


@contextmanager
def _mlflow(program: str) -> Iterator[Server]:
    database_url = os.environ["ATTESTRY_DATABASE_URL"]
    base, _, _ = database_url.rpartition("/")
    import psycopg

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE mlflow")
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="attestry-bench-") as folder:
        command = [
            *(program, "server", "--port", str(port), "--workers", "2"),
            *(
                "--backend-store-uri",
                f"{base}/mlflow".replace("postgres://", "postgresql+psycopg2://"),
            ),
            *("--artifacts-destination", folder),
        ]
        with _running(command, port, {"MLFLOW_DISABLE_TELEMETRY": "true"}):
            yield Server(port)


@contextmanager
def _attestry() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="attestry-bench-") as var:
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
        accounts = Path(var) / "accounts.json"
        call_command("create_demo_accounts", credentials=accounts, stdout=io.StringIO())
        token = _token(json.loads(accounts.read_text()))
        port = _free_port()
        web = [
            *(sys.executable, "-m", "gunicorn", "config.wsgi:application"),
            *("--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"),
            *("--log-level", "warning"),
        ]
        sequencer = [sys.executable, str(ROOT / "manage.py"), "sequence"]
        with _running(web, port, {}), _background(sequencer, {}):
            yield Server(port, {"Authorization": f"Bearer {token}"})


def _token(credentials: Any) -> str:
    accounts = credentials["accounts"]
    if isinstance(accounts, list):
        accounts = {account["username"]: account for account in accounts}
    token: str = accounts["developer"]["token"]
    return token


@contextmanager
def _running(command: list[str], port: int, extra: Mapping[str, str]) -> Iterator[None]:
    with _background(command, extra) as process:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{command[0]} did not start") from None
                time.sleep(0.2)
        yield


@contextmanager
def _background(
    command: list[str], extra: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    log = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the process
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **extra},
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    except BaseException:
        log.seek(0)
        print(log.read().decode(errors="replace")[-2000:])
        raise
    finally:
        process.terminate()
        process.wait()
        log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
