"""One POST: where it connects to, what it does not follow, when it ends."""

import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from audit.errors import ConflictError
from registry.webhooks.addresses import endpoint
from registry.webhooks.sending import post
from tests.registry.receiver import internal, receiver

LOOPBACK = "127.0.0.0/8"


def to_loopback(_host, _port):
    return ["127.0.0.1"]


@contextmanager
def listener(answer):
    """Accept one connection and let `answer` do with it what it likes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with server.accept()[0] as connection:
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
    thread.join(5)


def test_body_and_headers_arrive_as_they_were_given():
    with internal(LOOPBACK), receiver() as there:
        status = post(
            endpoint(f"{there.url}?a=1"),
            b'{"x": 1}',
            headers={"Content-Type": "application/json", "webhook-id": "msg_1"},
        )

    [call] = there.calls
    assert (status, call.path, call.body) == (204, "/hook?a=1", b'{"x": 1}')
    assert call.headers["content-type"] == "application/json"
    assert call.headers["webhook-id"] == "msg_1"


def test_name_is_asked_for_once_and_then_only_stands_in_the_host_header():
    asked = []

    def resolve(host, _port):
        asked.append(host)
        # A second question would be answered with an internal address.
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    with internal(LOOPBACK), receiver() as there:
        place = endpoint(f"http://rebinds.example:{there.port}/hook")
        assert post(place, b"{}", headers={}, resolve=resolve) == 204

    assert asked == ["rebinds.example"]
    assert there.calls[0].headers["host"] == f"rebinds.example:{there.port}"


def test_loopback_is_refused_before_anything_is_connected():
    with receiver() as there, pytest.raises(ConflictError) as refusal:
        post(endpoint(f"https://localhost:{there.port}/hook"), b"{}", headers={})

    assert refusal.value.code == "webhook_address_internal"
    assert there.calls == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status):
    with internal(LOOPBACK), receiver() as there:
        there.answers = [status]
        assert post(endpoint(there.url), b"{}", headers={}) == status

    assert [call.path for call in there.calls] == ["/hook"]


def test_proxy_of_the_environment_is_not_asked(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with internal(LOOPBACK), receiver() as there:
        assert post(endpoint(there.url), b"{}", headers={}) == 204


def test_address_that_does_not_answer_gives_way_to_the_next():
    with internal(LOOPBACK, "::1"), receiver() as there:
        place = endpoint(f"http://two.example:{there.port}/hook")
        # The server listens on 127.0.0.1 only.
        both = ["::1", "127.0.0.1"]
        assert post(place, b"{}", headers={}, resolve=lambda *_: both) == 204


def test_receiver_that_says_nothing_is_given_up():
    def silence(connection):
        connection.recv(65536)
        time.sleep(1)

    with internal(LOOPBACK), listener(silence) as port, pytest.raises(TimeoutError):
        post(
            endpoint(f"http://127.0.0.1:{port}/"),
            b"{}",
            headers={},
            timeout_seconds=0.2,
        )


def test_receiver_that_trickles_is_given_up_as_a_whole():
    def trickle(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            try:
                connection.sendall(f"X-{number}: a\r\n".encode())
            except OSError:
                return
            time.sleep(0.05)

    began = time.monotonic()
    with internal(LOOPBACK), listener(trickle) as port, pytest.raises(TimeoutError):
        post(
            endpoint(f"http://127.0.0.1:{port}/"),
            b"{}",
            headers={},
            timeout_seconds=0.3,
        )
    assert time.monotonic() - began < 2


def test_handshake_that_never_ends_is_given_up():
    def silence(connection):
        connection.recv(65536)
        time.sleep(1)

    with internal(LOOPBACK), listener(silence) as port, pytest.raises(TimeoutError):
        post(
            endpoint(f"https://127.0.0.1:{port}/"),
            b"{}",
            headers={},
            timeout_seconds=0.2,
        )


@pytest.fixture
def certificate(tmp_path):
    """A certificate of hooks.example, which nobody has vouched for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    now = timezone.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("hooks.example"),
                    x509.IPAddress(ipaddress.ip_address("127.0.0.9")),
                ]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def answer_with(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def answer(connection):
        try:
            with context.wrap_socket(connection, server_side=True) as encrypted:
                came = b""
                while not came.endswith(b"{}"):
                    came += encrypted.recv(65536)
                encrypted.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError:
            return

    return answer


def test_certificate_is_checked_against_the_name_not_the_address(
    certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with internal(LOOPBACK), listener(answer_with(certificate)) as port:
        place = endpoint(f"https://hooks.example:{port}/")
        assert post(place, b"{}", headers={}, resolve=to_loopback) == 204
    with internal(LOOPBACK), listener(answer_with(certificate)) as port:
        place = endpoint(f"https://other.example:{port}/")
        with pytest.raises(ssl.SSLCertVerificationError):
            post(place, b"{}", headers={}, resolve=to_loopback)


def test_certificate_that_nobody_vouches_for_is_refused(certificate):
    with internal(LOOPBACK), listener(answer_with(certificate)) as port:
        place = endpoint(f"https://hooks.example:{port}/")
        with pytest.raises(ssl.SSLCertVerificationError):
            post(place, b"{}", headers={}, resolve=to_loopback)
