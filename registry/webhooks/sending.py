"""One POST to a webhook: to an address that was checked, within a time, no redirects."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException

from registry.webhooks.addresses import Endpoint, Resolver, addresses_of, resolved

TIMEOUT_SECONDS = 15.0


def post(
    place: Endpoint,
    body: bytes,
    *,
    headers: Mapping[str, str],
    resolve: Resolver = resolved,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> int:
    """Send, and return the status that came back; the answer's body is not read.

    Raises ConflictError for an internal address, OSError or HTTPException when there is
    no answer within the time, which counts as a whole: a receiver that sends a byte now
    and then is given up too.
    """
    deadline = time.monotonic() + timeout_seconds
    addresses = addresses_of(place, resolve=resolve)
    connection = _Connection(place, addresses, deadline=deadline)
    with contextlib.closing(connection), _cut_at(deadline, connection):
        connection.request(
            "POST", place.target, body, {"Host": place.authority, **headers}
        )
        return connection.getresponse().status


class _Connection(HTTPConnection):
    """Connects to the addresses that it is given; the name is only for TLS and Host."""

    def __init__(
        self, place: Endpoint, addresses: list[str], *, deadline: float
    ) -> None:
        super().__init__(place.host, place.port)
        self.place, self.addresses, self.deadline = place, addresses, deadline

    def connect(self) -> None:
        self.sock = self._connected()
        if self.place.is_encrypted:
            # The handshake comes later, so that it can be cut as well.
            self.sock = ssl.create_default_context().wrap_socket(
                self.sock,
                server_hostname=self.place.host,
                do_handshake_on_connect=False,
            )
            self.sock.settimeout(_left(self.deadline))
            self.sock.do_handshake()
        self.sock.settimeout(_left(self.deadline))

    def _connected(self) -> socket.socket:
        failure = OSError("There is no address.")
        for address in self.addresses:
            try:
                return socket.create_connection(
                    (address, self.place.port), timeout=_left(self.deadline)
                )
            except OSError as error:
                failure = error
        raise failure


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("There was no answer in time.")
    return left


@contextlib.contextmanager
def _cut_at(deadline: float, connection: HTTPConnection) -> Iterator[None]:
    """Shut the connection down at that time, whatever the receiver does."""

    def cut() -> None:
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_left(deadline), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, HTTPException, ValueError):
        _left(deadline)
        raise
    else:
        # What was cut within its headers reads like a whole answer.
        _left(deadline)
    finally:
        timer.cancel()
