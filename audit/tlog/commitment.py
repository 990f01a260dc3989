"""Salted commitments: what an entry holds in place of a personal value."""

import hashlib

from audit.tlog.canonical import canonical_bytes

SALT_BYTES = 32


def commitment(salt: bytes, field: str, value: str) -> str:
    """Return `sha256:<hex>` over salt ‖ canonical JSON of [field, value].

    The salt has 32 random bytes: without it a name could be guessed from its hash.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    opened = salt + canonical_bytes([field, value])
    return f"sha256:{hashlib.sha256(opened).hexdigest()}"
