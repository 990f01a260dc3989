"""A real server on 127.0.0.1 that takes what webhooks send and answers as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.test import override_settings

from config.env import Hosts, _network

SHUT_DOWN_SECONDS = 0.01


def hosts(*named: str) -> Hosts:
    """Return what the setting of internal hosts holds when these are named."""
    networks = {
        host: _network("ATTESTRY_WEBHOOK_INTERNAL_HOSTS", host) for host in named
    }
    return Hosts(
        frozenset(host for host, network in networks.items() if network is None),
        tuple(network for network in networks.values() if network is not None),
    )


def internal(*named: str) -> override_settings:
    """Let webhooks reach these hosts and networks for a while.

    Where the fixture `settings` changes something inside, use that for this as well:
    the two must be undone in the order of their doing.
    """
    return override_settings(ATTESTRY_WEBHOOK_INTERNAL_HOSTS=hosts(*named))


@dataclass(frozen=True)
class Received:
    """One call as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came, and the answers still to give; 204 when there are none left."""

    port: int
    calls: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {key.lower(): value for key, value in self.headers.items()}
            found.calls.append(Received(self.path, headers, body))
            self.send_response(found.answers.pop(0) if found.answers else 204)
            self.send_header("Location", f"http://127.0.0.1:{found.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(SHUT_DOWN_SECONDS,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
