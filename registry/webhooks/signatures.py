"""Standard Webhooks 1.0.0: keys, and the signature over `id.timestamp.body`.

`v1` is HMAC-SHA256 with a secret that both sides know, `v1a` Ed25519 with a key pair, of
which the receiver knows the public half only.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.models.webhook import Scheme

SECRET_BYTES = 32  # both schemes; the specification wants 24 to 64 for HMAC


@dataclass(frozen=True)
class SigningKey:
    """A scheme and its 32 secret bytes."""

    scheme: Scheme
    secret: bytes

    @property
    def shown(self) -> str:
        """Return what the receiver needs: the secret itself, or the public key."""
        if self.scheme == Scheme.HMAC:
            return f"whsec_{_base64(self.secret)}"
        public = Ed25519PrivateKey.from_private_bytes(self.secret).public_key()
        return f"whpk_{_base64(public.public_bytes_raw())}"

    def signature(self, signed: bytes) -> str:
        if self.scheme == Scheme.HMAC:
            raw = hmac.digest(self.secret, signed, hashlib.sha256)
        else:
            raw = Ed25519PrivateKey.from_private_bytes(self.secret).sign(signed)
        return f"{self.scheme.value},{_base64(raw)}"


def signed_headers(
    message_id: str, body: bytes, *, keys: Iterable[SigningKey], now: datetime
) -> dict[str, str]:
    """Return the three headers; several keys while one replaces another."""
    stamp = str(int(now.timestamp()))
    signed = f"{message_id}.{stamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(key.signature(signed) for key in keys),
    }


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
