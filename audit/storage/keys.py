"""The log's keys: those that sign its checkpoints, and the one that marks its events.

Each is a value from the environment or a file; never in the database, because whoever
can write there is whom the keys are for. Keys are read anew where they are used, so that
a rotation needs no restart.
"""

import os
import secrets
import stat
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from audit.errors import ConflictError
from audit.storage.durable_files import SECRET, write_durably
from audit.tlog.errors import MalformedError
from audit.tlog.keys import PrivateKey, SignatureType

MAC_KEY_BYTES = 32
_MADE_BY = {
    "log_key": "init_log",
    "log_mac_key": "init_log",
    "witness_key": "witness --init NAME",
}


def may_sign() -> bool:
    """Say whether this process was given the log's key; others only record."""
    source: str | Path = settings.ATTESTRY_LOG_KEY
    return isinstance(source, str) or source.exists()


def signing_keys() -> tuple[PrivateKey, ...]:
    """Return the keys that sign, newest first: two while one replaces the other."""
    text = _read("log_key", settings.ATTESTRY_LOG_KEY)
    try:
        keys = tuple(PrivateKey.parse(line) for line in text.split())
    except MalformedError as error:
        raise ConflictError(
            "log_key_malformed",
            f"The log's key cannot be read: {error} Put the line back that "
            f"manage.py init_log wrote.",
        ) from None
    if not keys:
        raise ConflictError(
            "log_key_malformed", "The log's key is empty: put its line back."
        )
    return keys


def mac_key() -> bytes:
    """Return the key with which the application marks what it records.

    Every event needs it, so its file is read again only when it is another one.
    """
    source: str | Path = settings.ATTESTRY_LOG_MAC_KEY
    if isinstance(source, str):
        return _mac_key_of(source)
    try:
        is_now = source.stat()
    except OSError:
        is_now = None
    return _mac_key_in(source, is_now)


@lru_cache(maxsize=2)
def _mac_key_in(source: Path, _is_now: os.stat_result | None) -> bytes:
    return _mac_key_of(_read("log_mac_key", source))


def _mac_key_of(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != MAC_KEY_BYTES:
        raise ConflictError(
            "log_mac_key_malformed",
            f"The log's MAC key is not {2 * MAC_KEY_BYTES} hex digits: put the line "
            f"back that manage.py init_log wrote.",
        )
    return key


def witness_key() -> PrivateKey:
    """Return the key with which this installation cosigns other logs."""
    text = _read("witness_key", settings.ATTESTRY_WITNESS_KEY)
    try:
        key = PrivateKey.parse(text)
    except MalformedError as error:
        raise ConflictError(
            "witness_key_malformed",
            f"The witness's key cannot be read: {error} Put the line back that "
            f"manage.py witness --init wrote.",
        ) from None
    if key.type is not SignatureType.COSIGNATURE_V1:
        raise ConflictError(
            "witness_key_malformed",
            "The witness's key is the key of a log: make one with manage.py witness "
            "--init.",
        )
    return key


def create_keys(origin: str) -> PrivateKey:
    """Make what is not there yet, in its file; what is there stays and is used."""
    if (path := _absent(settings.ATTESTRY_LOG_MAC_KEY)) is not None:
        line = f"{secrets.token_hex(MAC_KEY_BYTES)}\n"
        write_durably(path, line.encode(), mode=SECRET)
    if (path := _absent(settings.ATTESTRY_LOG_KEY)) is not None:
        store_signing_keys(path, new_signing_key(origin))
    mac_key()
    newest = signing_keys()[0]
    if newest.name != origin:
        raise ConflictError(
            "log_key_of_another_log",
            f"The log's key is named {newest.name} and the log {origin}: set the right "
            f"key, or ATTESTRY_LOG_ORIGIN.",
        )
    return newest


def new_signing_key(origin: str) -> PrivateKey:
    return PrivateKey(origin, secrets.token_bytes(32))


def key_file() -> Path:
    """Return the file of the signing keys; a key from the environment has none."""
    source: str | Path = settings.ATTESTRY_LOG_KEY
    if isinstance(source, Path):
        return source
    raise ConflictError(
        "log_key_not_in_a_file",
        "The log's key comes from the environment, where no command can replace it: "
        "put it into a file and set ATTESTRY_LOG_KEY_FILE.",
    )


def store_signing_keys(path: Path, *keys: PrivateKey) -> None:
    lines = "".join(f"{key.to_text()}\n" for key in keys)
    write_durably(path, lines.encode(), mode=SECRET)


def _absent(source: str | Path) -> Path | None:
    return source if isinstance(source, Path) and not source.exists() else None


def _read(name: str, source: str | Path) -> str:
    if isinstance(source, str):
        return source
    variable = f"ATTESTRY_{name.upper()}"
    try:
        mode = source.stat().st_mode
        text = source.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConflictError(
            f"{name}_missing",
            f"The file {source} cannot be read: run manage.py {_MADE_BY[name]}, or "
            f"point {variable}_FILE at the file that it wrote.",
        ) from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConflictError(
            f"{name}_open_to_others",
            f"Everybody on this machine can read or write {source}: run "
            f"chmod 600 {source}, and if others may have read it, replace the key.",
        )
    return text
