"""What `make bench-tracking` measures with: a ratio is worth what its parts are."""

import http.server
import os
import subprocess
import sys
import threading

import pytest

from benchmarks.side_by_side import (
    Compared,
    Row,
    Side,
    Turn,
    compare,
    cpu_seconds,
    family,
)

pytestmark = pytest.mark.any_database

WORK_FOR_HALF_A_SECOND = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
STARTS_A_CHILD_THAT_WORKS = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', sys.argv[1] + '\\ninput()'],"
    " stdin=subprocess.PIPE)\n"
    "input()\nchild.communicate(b'\\n')\nprint(flush=True)\ninput()"
)


def test_the_processor_time_of_a_server_is_that_of_its_children_running_or_ended():
    command = [sys.executable, "-c", STARTS_A_CHILD_THAT_WORKS, WORK_FOR_HALF_A_SECOND]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin
        assert server.stdout
        while len(family(server.pid)) < 2 or cpu_seconds(family(server.pid)) < 0.5:
            assert server.poll() is None
        server.stdin.write("\n")
        server.stdin.flush()
        server.stdout.readline()
        assert family(server.pid) == [server.pid]
        assert cpu_seconds(family(server.pid)) >= 0.5
        server.communicate("\n")


def test_a_row_passes_by_the_processor_time_and_shows_the_throughput():
    row = Row("a work", lambda _client, _: int, bar=4)
    pairs = [
        (Turn(10, 0.004, 0, 0.002), Turn(30, 0.001, 0.0005, 0.001)),
        (Turn(10, 0.009, 0, 0.002), Turn(20, 0.003, 0.0005, 0.001)),
        (Turn(10, 0.005, 0, 0.002), Turn(50, 0.001, 0.0005, 0.001)),
    ]
    compared = Compared(row, pairs)
    assert (compared.faster, compared.cheaper, compared.passes) == (3, 4, True)
    assert compared.line() == (
        "| a work | 10.0 → 30.0 | 3.0 x | 5.0 → 1.0 | **4.0 x** | 2.0 → 1.0 | 0.5 | 4 x | ok |"
    )


class Counted(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        body = b"{}"
        self.send_response(200 if "wrong" not in self.path else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def side():
    Counted.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counted)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Side(
        "here", server.server_port, "postgres://nobody", {"web": os.getpid()}, {}
    )
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_client_of_a_row_works_at_least_once_in_each_turn(side):
    def begin(client, prepared):
        return lambda number: client.call("GET", f"{prepared}?number={number}")

    row = Row("a work", begin, bar=1, clients=3, prepare=lambda _: "runs/get")
    compared = compare(row, side, side, turns=2, seconds=0)
    assert len(compared.pairs) == 2
    first = [path for path in Counted.asked if path.endswith("runs/get?number=0")]
    assert len(first) == 3 * (2 + 2 * 2)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_answer_other_than_200_ends_the_measurement(side):
    def begin(client, prepared):
        return lambda _: client.call("GET", "wrong")

    with pytest.raises(RuntimeError, match="a client failed"):
        compare(Row("a work", begin, bar=1), side, side, turns=1, seconds=0)
