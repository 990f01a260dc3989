"""Checkpoints are sent where this installation cannot take them back."""

import base64
import hashlib
import hmac
import json
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from audit.models import CheckpointCopy
from audit.proofs.inclusion import newest_checkpoint
from audit.sequencer import sequence_pending
from audit.services import send_copies_when_due
from tests.audit.happenings import note

pytestmark = pytest.mark.django_db
SECRET = base64.b64encode(b"s" * 24).decode()


class Quiet(WSGIRequestHandler):
    """A handler that writes no lines about requests."""

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def received(settings) -> Iterator[list[tuple[dict[str, str], bytes]]]:
    """What a webhook receives, headers and body."""
    calls: list[tuple[dict[str, str], bytes]] = []

    def app(environ, start):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        calls.append((environ, body))
        start("204 No Content", [])
        return [b""]

    server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    settings.ATTESTRY_LOG_COPY_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/in"
    yield calls
    server.shutdown()
    server.server_close()


def test_newest_checkpoint_is_mailed_once_a_day_if_the_log_has_grown(settings):
    settings.ATTESTRY_LOG_COPY_EMAIL_TO = ["auditor@example.org"]
    start = timezone.now()

    def sent_after(hours: float) -> list[str]:
        with time_machine.travel(start + timedelta(hours=hours), tick=False):
            return send_copies_when_due()

    assert sent_after(0) == ["e-mail"]
    assert sent_after(25) == []
    note(1)
    sequence_pending()
    assert sent_after(23) == []
    assert sent_after(25) == ["e-mail"]

    assert [message.to for message in mail.outbox] == [["auditor@example.org"]] * 2
    assert mail.outbox[-1].body.endswith(newest_checkpoint().decode())


def test_webhook_is_signed_after_standard_webhooks(settings, received):
    settings.ATTESTRY_LOG_COPY_WEBHOOK_SECRET = f"whsec_{SECRET}"

    assert send_copies_when_due() == ["webhook"]

    [(headers, body)] = received
    stamp, name = headers["HTTP_WEBHOOK_TIMESTAMP"], headers["HTTP_WEBHOOK_ID"]
    signed = f"{name}.{stamp}.".encode() + body
    mac = hmac.digest(b"s" * 24, signed, hashlib.sha256)
    assert headers["HTTP_WEBHOOK_SIGNATURE"] == f"v1,{base64.b64encode(mac).decode()}"
    told = json.loads(body)
    assert told["type"] == "audit.checkpoint.signed"
    assert told["data"]["checkpoint"] == newest_checkpoint().decode()


def test_copy_that_fails_is_said_and_sent_again(settings, received, caplog):
    url = settings.ATTESTRY_LOG_COPY_WEBHOOK_URL
    settings.ATTESTRY_LOG_COPY_WEBHOOK_URL = "http://127.0.0.1:1/in"

    assert send_copies_when_due() == []
    assert "The checkpoint could not be sent by webhook" in caplog.text
    assert not CheckpointCopy.objects.exists()
    settings.ATTESTRY_LOG_COPY_WEBHOOK_URL = url
    assert send_copies_when_due() == ["webhook"]


def test_nothing_is_sent_unless_somebody_is_named():
    assert send_copies_when_due() == []
    assert mail.outbox == []


TSA = """
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha512
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
EXTENSIONS = """
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@pytest.fixture
def authority(tmp_path: Path, settings) -> Iterator[Path]:
    """A time-stamping authority: OpenSSL behind a server on this machine."""

    def openssl(*words: str) -> None:
        done = subprocess.run(
            ["openssl", *words], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()

    (tmp_path / "tsa.cnf").write_text(TSA)
    (tmp_path / "ext.cnf").write_text(EXTENSIONS)
    (tmp_path / "serial").write_text("01\n")
    make = ("req", "-newkey", "rsa:2048", "-nodes")
    ca = ("-config", "ext.cnf", "-extensions", "ca", "-subj", "/CN=root")
    (tmp_path / "ext.cnf").write_text(
        EXTENSIONS + "[req]\ndistinguished_name = dn\n[dn]\n"
    )
    openssl(*make, "-x509", "-keyout", "root.key", "-out", "root.pem", *ca)
    leaf = ("-config", "ext.cnf", "-subj", "/CN=tsa")
    openssl(*make, "-keyout", "tsa.key", "-out", "tsa.csr", *leaf)
    sign = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial")
    of_leaf = ("-extfile", "ext.cnf", "-extensions", "leaf")
    openssl("x509", "-req", "-in", "tsa.csr", "-out", "tsa.pem", *sign, *of_leaf)

    def app(environ, start):
        (tmp_path / "query").write_bytes(
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        )
        reply = ("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query")
        openssl(*reply, "-out", "answer")
        start("200 OK", [("Content-Type", "application/timestamp-reply")])
        return [(tmp_path / "answer").read_bytes()]

    server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    settings.ATTESTRY_LOG_TIMESTAMP_URL = f"http://127.0.0.1:{server.server_port}/"
    settings.ATTESTRY_LOG_TIMESTAMP_ROOTS = tmp_path / "root.pem"
    yield tmp_path
    server.shutdown()
    server.server_close()


def test_checkpoint_is_stamped_and_openssl_verifies_the_stamp(authority):
    assert send_copies_when_due() == ["timestamp"]

    copy = CheckpointCopy.objects.get()
    (authority / "kept").write_bytes(bytes(copy.answer or b""))
    (authority / "note").write_bytes(newest_checkpoint())
    verified = subprocess.run(
        [
            "openssl",
            "ts",
            "-verify",
            "-in",
            "kept",
            "-data",
            "note",
            "-CAfile",
            "root.pem",
        ],
        cwd=authority,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Verification: OK" in verified.stdout + verified.stderr


def test_stamp_of_a_stranger_is_not_kept(authority, settings, caplog):
    other = authority / "other.pem"
    subprocess.run(
        [
            *("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-x509", "-keyout"),
            *("other.key", "-out", "other.pem", "-config", "ext.cnf"),
            *("-extensions", "ca", "-subj", "/CN=other"),
        ],
        cwd=authority,
        capture_output=True,
        check=True,
    )
    settings.ATTESTRY_LOG_TIMESTAMP_ROOTS = other

    assert send_copies_when_due() == []
    assert "the time stamp does not verify" in caplog.text
    assert not CheckpointCopy.objects.exists()
