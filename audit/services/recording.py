"""The way into the log: `record()`, the same within a statement, and who acts when nobody does."""

import secrets
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from audit import sequencer
from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.models import Event, PrivateField
from audit.sequencer.integration import event_mac
from audit.storage import keys
from audit.tlog.canonical import canonical_bytes
from audit.tlog.commitment import SALT_BYTES, commitment
from audit.tlog.merkle import leaf_hash

SYSTEM_USERNAME = "attestry"
_INTO = """
INSERT INTO audit_event
    (uid, kind, actor, subject, recorded_at, body, leaf_hash, mac)
"""
_INSERT = f"{_INTO} VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"
_PRIVATE = """
private AS (
    INSERT INTO audit_privatefield (event_id, field, salt, value)
    SELECT event.id, p.field, p.salt, p.value
    FROM event, (VALUES {rows}) AS p (field, salt, value))
"""
_INSERT_IF_CHANGED = f"""
event AS (
    {_INTO}
    SELECT %s::uuid, %s, %s, %s, %s::timestamptz, %s::bytea, %s::bytea, %s::bytea
    FROM changed RETURNING id)
"""  # noqa: S608 - words of this module
LARGEST_BODY_BYTES = 65_535  # C2SP tlog-tiles: an entry carries a 16-bit length


def record(
    kind: StrEnum,
    *,
    actor: AbstractBaseUser,
    subject: str,
    payload: Mapping[str, Any],
    private: Mapping[str, str] | None = None,
) -> Event:
    """Append one event, in the caller's transaction; call it after locking the subject.

    Personal values belong into `private`: the entry holds only a salted commitment to
    each (`commitment`). Raises RuntimeError outside a transaction.
    """
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise RuntimeError("record() needs the transaction of the change it tells of.")
    salts = _salts(private or {})
    event = _event(kind, actor, subject, payload, private=private or {}, salts=salts)
    _insert(event, private or {}, salts)
    _sequence_when_committed()
    return event


def change_and_record(
    change: str,
    parameters: Sequence[Any],
    *,
    kind: StrEnum,
    actor: AbstractBaseUser,
    subject: str,
    payload: Mapping[str, Any],
    private: Mapping[str, str] | None = None,
) -> int | None:
    """Do a change and append its event in one statement; return the key of what changed.

    For what training code waits for, where each answer of the database counts. `change`
    names common table expressions, one of them `changed`: it has one row with its `id`
    if the change was done, and none if nothing was, which is not recorded (None).
    It locks the subject first. PostgreSQL only: SQLite changes nothing within `WITH`.
    """
    private = private or {}
    salts = _salts(private)
    event = _event(kind, actor, subject, payload, private=private, salts=salts)
    connection = transaction.get_connection()
    parts = [change, _INSERT_IF_CHANGED]
    values = [*parameters, *_values(event, connection)]
    if private:
        parts.append(_insert_private(len(private)))
        values += _private_values(private, salts)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {', '.join(parts)} SELECT id FROM changed",  # noqa: S608 - words of modules
            values,
        )
        (key,) = cursor.fetchone() or (None,)
    if key is not None:
        _sequence_when_committed()
    return key


def _salts(private: Mapping[str, str]) -> dict[str, bytes]:
    return {field: secrets.token_bytes(SALT_BYTES) for field in private}


def _event(
    kind: StrEnum,
    actor: AbstractBaseUser,
    subject: str,
    payload: Mapping[str, Any],
    *,
    private: Mapping[str, str],
    salts: Mapping[str, bytes],
) -> Event:
    now = timezone.now()
    uid = uuid.uuid4()
    body = _body(
        {
            "v": 1,
            "uid": str(uid),
            "kind": str(kind),
            "at": now.isoformat(timespec="microseconds"),
            "actor": pseudonym(actor),
            "subject": subject,
            "payload": payload,
        },
        private=private,
        salts=salts,
    )
    return Event(
        uid=uid,
        kind=str(kind),
        actor=pseudonym(actor),
        subject=subject,
        recorded_at=now,
        body=body,
        leaf_hash=leaf_hash(body),
        mac=event_mac(keys.mac_key(), body),
    )


def _body(
    event: Mapping[str, Any], *, private: Mapping[str, str], salts: Mapping[str, bytes]
) -> bytes:
    try:
        commitments = {
            field: commitment(salts[field], field, value)
            for field, value in private.items()
        }
        body = canonical_bytes({**event, "private": commitments})
    except ValueError as error:
        raise InvalidError(
            "text_has_no_canonical_form",
            f"This cannot be written to the log: {error}. Send valid Unicode text.",
        ) from error
    if len(body) > LARGEST_BODY_BYTES:
        raise InvalidError(
            "entry_too_large",
            f"The log entry would have {len(body)} bytes; {LARGEST_BODY_BYTES} is the "
            f"most. Send the content as an artifact and refer to its digest.",
        )
    return body


def _insert(
    event: Event, private: Mapping[str, str], salts: Mapping[str, bytes]
) -> None:
    """Insert by hand: saving through the ORM costs as much as all else of `record()`.

    SQLite inserts nothing within `WITH`.
    """
    connection = transaction.get_connection()
    is_one = bool(private) and connection.vendor == "postgresql"
    values = _values(event, connection)
    with connection.cursor() as cursor:
        if is_one:
            parts = f"event AS ({_INSERT}), {_insert_private(len(private))}"
            cursor.execute(
                f"WITH {parts} SELECT id FROM event",  # noqa: S608 - words of this module
                [*values, *_private_values(private, salts)],
            )
        else:
            cursor.execute(_INSERT, values)
        (event.pk,) = cursor.fetchone()
    event._state.adding, event._state.db = False, connection.alias
    if private and not is_one:
        PrivateField.objects.bulk_create(
            PrivateField(event=event, field=field, salt=salts[field], value=value)
            for field, value in private.items()
        )


def _insert_private(fields: int) -> str:
    """Return the part of a statement that keeps so many private fields of its `event`."""
    # Each value a parameter: psycopg takes twice as long over lists of them.
    return _PRIVATE.format(rows=", ".join(["(%s, %s::bytea, %s)"] * fields))


def _private_values(
    private: Mapping[str, str], salts: Mapping[str, bytes]
) -> Iterator[str | bytes]:
    return chain(*((field, salts[field], private[field]) for field in private))


def _values(event: Event, connection: BaseDatabaseWrapper) -> tuple[Any, ...]:
    has_uuids = connection.features.has_native_uuid_field
    return (
        event.uid if has_uuids else event.uid.hex,
        event.kind,
        event.actor,
        event.subject,
        connection.ops.adapt_datetimefield_value(event.recorded_at),
        event.body,
        event.leaf_hash,
        event.mac,
    )


def _sequence_when_committed() -> None:
    if settings.ATTESTRY_LOG_SEQUENCER == "after-commit":
        transaction.on_commit(_sequence_after_commit, robust=True)


def _sequence_after_commit() -> None:
    sequencer.sequence_in_background()


def pseudonym(actor: AbstractBaseUser) -> str:
    """Name somebody in the log without naming them: the mapping stays in our tables."""
    return f"user/{actor.pk}"


@contextmanager
def refusals_recorded(
    kind: StrEnum, *, actor: AbstractBaseUser, subject: str, payload: Mapping[str, Any]
) -> Iterator[None]:
    """Record a refusal after the refused transaction has rolled back, then let it travel.

    Stands around the transaction of a governed action, never inside one.
    """
    try:
        yield
    except (PermissionDeniedError, ConflictError) as refusal:
        with transaction.atomic():
            record(
                kind,
                actor=actor,
                subject=subject,
                payload={**payload, "code": refusal.code},
            )
        raise


def system_account() -> User:
    """Return the account as which the installation itself acts; nobody can log in."""
    return User.objects.get(username=SYSTEM_USERNAME)
