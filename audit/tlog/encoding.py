"""The plain encodings inside the C2SP formats, read so that each value has one form."""

import base64
import re

from audit.tlog.errors import MalformedError
from audit.tlog.merkle import HASH_BYTES, MAX_SIZE

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def parse_decimal(text: str) -> int:
    """Read a number below 2**63 without sign or leading zero (tlog-checkpoint)."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise MalformedError(f"{text[:40]!r} is not a plain decimal below 2**63.")
    return int(text)


def parse_base64(text: str) -> bytes:
    """Read standard, padded, canonical base64 (RFC 4648 sections 4 and 3.5)."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise MalformedError(f"{text[:40]!r} is not base64.") from None
    # Python lets the unused bits of the last character be anything.
    if format_base64(data) != text:
        raise MalformedError(f"{text[:40]!r} is not canonical base64.")
    return data


def parse_hash(text: str) -> bytes:
    """Read one SHA-256 hash in base64 (tlog-checkpoint, tlog-proof)."""
    if len(text) != 44:
        raise MalformedError(f"{text[:50]!r} is not a hash of {HASH_BYTES} bytes.")
    data = parse_base64(text)
    if len(data) != HASH_BYTES:
        raise MalformedError(f"{text!r} is not a hash of {HASH_BYTES} bytes.")
    return data


def format_base64(data: bytes) -> str:
    """Write standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")
