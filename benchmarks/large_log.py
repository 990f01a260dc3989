"""Makes a log of many events quickly: their rows come in bulk, all else is the product."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection

from audit.models import Event
from audit.sequencer.integration import event_mac
from audit.storage import keys
from audit.tlog.canonical import canonical_bytes
from audit.tlog.merkle import leaf_hash

BODY_BYTES = 400
KIND, ACTOR = "benchmark.thing.noted", "user/1"
START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ("uid", "kind", "actor", "subject", "recorded_at", "body", "leaf_hash", "mac")
Row = tuple[uuid.UUID, str, str, str, datetime, bytes, bytes, bytes]


def payload_of(number: int) -> dict[str, object]:
    """Return a payload that makes a body of about 400 bytes."""
    return {"number": number, "padding": "x" * 180}


def add_events(count: int) -> None:
    """Insert events as `record()` writes them; the database makes them pending."""
    with connection.cursor() as cursor, cursor.copy(_copy_statement()) as copy:
        for row in _rows(count):
            copy.write_row(row)


def _copy_statement() -> str:
    table, columns = Event._meta.db_table, ", ".join(COLUMNS)
    return f"COPY {table} ({columns}) FROM STDIN"


def _rows(count: int) -> Iterator[Row]:
    mac_key = keys.mac_key()
    for number in range(count):
        uid = uuid.uuid4()
        at = START + timedelta(microseconds=number)
        subject = f"thing/{number % 1000}"
        body = canonical_bytes(
            {
                "v": 1,
                "uid": str(uid),
                "kind": KIND,
                "at": at.isoformat(timespec="microseconds"),
                "actor": ACTOR,
                "subject": subject,
                "payload": payload_of(number),
                "private": {},
            }
        )
        mac = event_mac(mac_key, body)
        yield uid, KIND, ACTOR, subject, at, body, leaf_hash(body), mac
