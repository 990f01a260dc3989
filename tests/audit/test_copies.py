"""Checkpoints are sent where this installation cannot take them back."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
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
