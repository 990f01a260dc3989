"""Starts a log, changes the keys that sign it, and closes it when one was compromised."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from audit import sequencer
from audit.errors import ConflictError
from audit.events import AuditEvent
from audit.models import Event, Head, StoredCheckpoint
from audit.services.recording import SYSTEM_USERNAME, record, system_account
from audit.storage import guard, keys
from audit.storage.durable_files import SECRET, write_durably
from audit.tlog.keys import PrivateKey
from audit.tlog.merkle import EMPTY_ROOT


def init_log() -> Head:
    """Start this installation's log with its keys; there is one, started once."""
    origin = settings.ATTESTRY_LOG_ORIGIN
    with transaction.atomic():
        if Head.objects.exists():
            raise ConflictError(
                "log_exists", "This installation's log exists already; go on using it."
            )
        system = User(username=SYSTEM_USERNAME)
        system.set_unusable_password()
        system.save()
        return _start(origin, keys.create_keys(origin), predecessor=None)


def adopt_keys() -> bool:
    """Give keys to a log that was started before logs had any; say whether it had none.

    A log that was ever signed keeps the key that it had: a new one would be another
    signer, and only `rotate_log_key` may name one.
    """
    head = Head.objects.current()
    if StoredCheckpoint.objects.filter(log=head).exists() or keys.may_sign():
        return False
    with transaction.atomic():
        key = keys.create_keys(head.origin)
        guard.write_guard(head, 0, EMPTY_ROOT)
        _record_key(AuditEvent.LOG_KEY_ADDED, head, key)
    return True


def rotate_log_key() -> PrivateKey:
    """Add a key; it and the old one sign from now on, and an entry names it.

    The new key is stored before it is recorded, so that no entry names a lost key;
    repeated after a crash, this goes on where it stopped.
    """
    path, head = keys.key_file(), Head.objects.current()
    signing = keys.signing_keys()
    is_resumed = _next_file(path).exists()
    if len(signing) > 1 and not is_resumed:
        raise ConflictError(
            "log_key_being_rotated",
            "Two keys sign already: run manage.py rotate_log_key --retire-old once "
            "everybody who verifies has the new verifier key.",
        )
    key = _next_key(path, head.origin)
    with transaction.atomic():
        _record_key(AuditEvent.LOG_KEY_ADDED, head, key)
        # Before the commit, so that the entry is signed by the key that it names.
        keys.store_signing_keys(path, key, *(old for old in signing if old != key))
    _next_file(path).unlink()
    sequencer.sequence_pending()
    return key


def retire_old_log_key() -> PrivateKey:
    """Let only the newest key sign; what the old one signed stays valid."""
    path, head = keys.key_file(), Head.objects.current()
    newest, *older = keys.signing_keys()
    if not older:
        raise ConflictError(
            "log_key_not_rotated", "One key signs: run manage.py rotate_log_key first."
        )
    # Published with both signatures, so that the folder goes on under the new one.
    sequencer.sequence_pending()
    with transaction.atomic():
        for key in older:
            _record_key(AuditEvent.LOG_KEY_RETIRED, head, key)
    keys.store_signing_keys(path, newest)
    sequencer.sequence_pending()
    return newest


def declare_log_key_compromised(*, new_origin: str, reason: str) -> Head:
    """Close the log at a last checkpoint and start another, whose entry 0 names it.

    Everything that waits is sequenced and signed once more; then the old tree is
    final. Its published files move aside, to `<folder>.closed-log-<number>`. Repeated
    after a crash, this goes on where it stopped.
    """
    path, closed = keys.key_file(), Head.objects.current()
    if closed.origin == new_origin and _next_file(path).exists():
        _let_next_key_sign(path)
        return closed
    if Head.objects.filter(origin=new_origin).exists():
        raise ConflictError(
            "origin_used",
            f"There is a log named {new_origin} already: choose a name that was never "
            f"used, such as {closed.origin}-2.",
        )
    with transaction.atomic():
        _record_once(
            AuditEvent.LOG_CLOSED,
            closed,
            {"successor": new_origin},
            private={"reason": reason},
        )
    sequencer.sequence_pending()
    key = _next_key(path, new_origin)
    with transaction.atomic():
        # The old key must sign until the commit, and the new one right after it:
        # ahead of what record() leaves for then.
        transaction.on_commit(partial(_let_next_key_sign, path))
        closed = Head.objects.locked()
        last = sequencer.seal()
        sequencer.publish()
        assert last is not None  # noqa: S101 - entry 0 is sealed at the latest here
        closed.is_current = False
        closed.save(update_fields=["is_current"])
        return _start(
            new_origin,
            key,
            predecessor={
                "origin": closed.origin,
                "size": last.size,
                "checkpoint": bytes(last.note).decode(),
            },
        )


def _let_next_key_sign(path: Path) -> None:
    following = _next_file(path)
    _set_published_aside()
    keys.store_signing_keys(path, _read_key(following))
    following.unlink()
    sequencer.sequence_pending()


def _start(origin: str, key: PrivateKey, *, predecessor: dict[str, Any] | None) -> Head:
    head = Head.objects.create(origin=origin, size=0, root=EMPTY_ROOT, edge=b"")
    guard.write_guard(head, 0, EMPTY_ROOT)
    event = record(
        AuditEvent.LOG_INITIALISED,
        actor=system_account(),
        subject=f"log/{origin}",
        payload={
            "origin": origin,
            "hash": "sha256",
            "tree": "rfc6962",
            "key": str(key.verifier_key),
            "predecessor": predecessor,
        },
    )
    # Now, because what waits since before the commit would come first otherwise.
    sequencer.integrate_inception(head, event)
    return head


def _record_key(kind: AuditEvent, head: Head, key: PrivateKey) -> None:
    _record_once(kind, head, {"key": str(key.verifier_key)})


def _record_once(
    kind: AuditEvent,
    head: Head,
    payload: dict[str, Any],
    *,
    private: Mapping[str, str] | None = None,
) -> None:
    """Record what happens to a log once, although its command may be repeated."""
    subject = f"log/{head.origin}"
    recorded = Event.objects.filter(kind=str(kind), subject=subject)
    if any(json.loads(bytes(event.body))["payload"] == payload for event in recorded):
        return
    record(
        kind, actor=system_account(), subject=subject, payload=payload, private=private
    )


def _next_key(path: Path, origin: str) -> PrivateKey:
    """Return the key that comes next, stored already for the case of a crash."""
    following = _next_file(path)
    if following.exists():
        key = _read_key(following)
        if key.name == origin:
            return key
    key = keys.new_signing_key(origin)
    write_durably(following, f"{key.to_text()}\n".encode(), mode=SECRET)
    return key


def _read_key(path: Path) -> PrivateKey:
    return PrivateKey.parse(path.read_text(encoding="utf-8").strip())


def _next_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _set_published_aside() -> None:
    folder: Path | str = settings.ATTESTRY_LOG_PUBLISH_TO
    if isinstance(folder, str):
        # A bucket stays as it is; publishing asks for another prefix.
        return
    closed = Head.objects.filter(is_current=False).latest("pk")
    aside = folder.with_name(f"{folder.name}.closed-log-{closed.pk}")
    if folder.exists() and not aside.exists():
        folder.rename(aside)
