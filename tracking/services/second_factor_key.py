"""Encrypts the secrets of second factors, under a key that is not in the database."""

import os
import stat
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from audit.errors import ConflictError


def encrypt(secret: bytes) -> bytes:
    return _keys().encrypt(secret)


def decrypt(encrypted: bytes) -> bytes:
    try:
        return _keys().decrypt(encrypted)
    except InvalidToken:
        raise ConflictError(
            "second_factor_key_wrong",
            "The second factor was encrypted under another key: have an administrator "
            "put the key back, or remove your second factor and enrol a new one.",
        ) from None


def _keys() -> MultiFernet:
    """Return the keys, one a line: the first encrypts, each decrypts."""
    lines = _text(settings.ATTESTRY_SECOND_FACTOR_KEY).split()
    try:
        return MultiFernet([Fernet(line) for line in lines])
    except ValueError:
        raise ConflictError(
            "second_factor_key_malformed",
            "The key of the second factors cannot be read: put the line back that was "
            "there (32 bytes in URL-safe base64).",
        ) from None


def _text(source: str | Path) -> str:
    if isinstance(source, str):
        return source
    _make(source)
    try:
        mode = source.stat().st_mode
        text = source.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise ConflictError(
            "second_factor_key_missing",
            f"The file {source} cannot be read: point ATTESTRY_SECOND_FACTOR_KEY_FILE at "
            f"the key of the second factors.",
        ) from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConflictError(
            "second_factor_key_open_to_others",
            f"Everybody on this machine can read or write {source}: run "
            f"chmod 600 {source}.",
        )
    return text


def _make(path: Path) -> None:
    """Write a key where there is none; O_EXCL lets one of several processes do it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:  # it is there, or its folder cannot be written, which reading says
        return
    with os.fdopen(handle, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
