"""Keeps webhook keys unreadable in the database: AES-256-GCM under a key outside it.

A signing key must be read again for every message, so unlike a token it cannot be kept
as a digest. The installation's key is a value from the environment or a file of hex
lines, newest first: the first seals, any of them opens.
"""

import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from audit.errors import ConflictError

KEY_BYTES = 32
NONCE_BYTES = 12


def seal(secret: bytes, *, owner: str, nonce: bytes) -> bytes:
    """Encrypt a secret so that it opens for this owner only; a nonce is used once."""
    return nonce + AESGCM(_keys()[0]).encrypt(nonce, secret, owner.encode())


def unseal(sealed: bytes, *, owner: str) -> bytes:
    """Decrypt; ConflictError if no key opens it, or it was another owner's."""
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for key in _keys():
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, owner.encode())
        except InvalidTag:
            continue
    raise ConflictError(
        "webhook_key_does_not_open",
        "The secret of this webhook cannot be read with ATTESTRY_WEBHOOK_KEY: put the "
        "former key back as a second line, or rotate the webhook's secret.",
    )


def make_key_if_absent() -> None:
    """Make the key's file at the first webhook; O_EXCL lets one of several do it."""
    source: str | Path = settings.ATTESTRY_WEBHOOK_KEY
    if isinstance(source, str) or source.exists():
        return
    try:
        source.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(source, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise _missing(source) from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_hex(KEY_BYTES)}\n")


def _keys() -> list[bytes]:
    try:
        keys = [bytes.fromhex(line) for line in _text().split()]
    except ValueError:
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise ConflictError(
            "webhook_key_malformed",
            f"ATTESTRY_WEBHOOK_KEY is not {2 * KEY_BYTES} hex digits: put the line back "
            f"that was there.",
        )
    return keys


def _text() -> str:
    source: str | Path = settings.ATTESTRY_WEBHOOK_KEY
    if isinstance(source, str):
        return source
    try:
        mode = source.stat().st_mode
        text = source.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise _missing(source) from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConflictError(
            "webhook_key_open_to_others",
            f"Everybody on this machine can read or write {source}: run chmod 600 "
            f"{source}, and if others may have read it, rotate the webhooks' secrets.",
        )
    return text


def _missing(source: Path) -> ConflictError:
    return ConflictError(
        "webhook_key_missing",
        f"The file {source} cannot be read: set ATTESTRY_WEBHOOK_KEY to the same "
        f"{2 * KEY_BYTES} hex digits in every process, or ATTESTRY_WEBHOOK_KEY_FILE.",
    )
