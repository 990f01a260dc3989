"""The keys of signed notes: verifier keys, and the signers of logs and of witnesses.

A private key is stored as one line, as golang.org/x/mod/sumdb/note writes it:
`PRIVATE+KEY+<name>+<key ID in hex>+<base64 of the type byte and the 32-byte seed>`.
"""

import hashlib
import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from audit.tlog import cosignature
from audit.tlog.encoding import format_base64, parse_base64
from audit.tlog.errors import MalformedError

KEY_BYTES = 32
KEY_ID_BYTES = 4
MAX_KEY_TEXT = 4000

_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)
_PRIVATE = "PRIVATE+KEY+"


class SignatureType(IntEnum):
    """The assigned type bytes that are understood here (signed-note, Signature types)."""

    ED25519 = 0x01
    COSIGNATURE_V1 = 0x04


@dataclass(frozen=True)
class VerifierKey:
    """Who signs, with which public key, and what a signature of theirs covers."""

    name: str
    public_key: bytes
    type: SignatureType = SignatureType.ED25519

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.public_key) != KEY_BYTES:
            raise MalformedError(f"An Ed25519 public key has {KEY_BYTES} bytes.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a vkey, `<name>+<key ID>+<base64>` (signed-note, Verifier keys)."""
        name, key_id, material = _parse_key(text)
        key = cls(name, material[1:], _parse_type(material[0]))
        if key.key_id.hex() != key_id:
            raise MalformedError(f"The verifier key of {name!r} has a wrong key ID.")
        return key

    @property
    def key_id(self) -> bytes:
        """Return the first 4 bytes of the key's hash (signed-note, Signatures)."""
        hashed = f"{self.name}\n".encode() + bytes([self.type]) + self.public_key
        return hashlib.sha256(hashed).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        material = format_base64(bytes([self.type]) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{material}"

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Tell whether this key made the signature over the note text.

        Type 0x01 signs the text itself (signed-note, Ed25519 signatures), type 0x04 a
        time and the text (tlog-cosignature, Ed25519 signed message).
        """
        if self.type is SignatureType.COSIGNATURE_V1:
            try:
                time, signature = cosignature.split(signature)
            except MalformedError:
                return False
            text = cosignature.signed_message(time, text)
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """A name, a secret seed of 32 bytes, and the one kind of signature that it makes."""

    name: str
    seed: bytes = field(repr=False)
    type: SignatureType = SignatureType.ED25519

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.seed) != KEY_BYTES:
            raise MalformedError(f"An Ed25519 seed has {KEY_BYTES} bytes.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the stored line; the key ID guards against a damaged one."""
        if not text.startswith(_PRIVATE):
            raise MalformedError("A private key begins with PRIVATE+KEY+.")
        name, key_id, material = _parse_key(text.removeprefix(_PRIVATE))
        key = cls(name, material[1:], _parse_type(material[0]))
        if key.verifier_key.key_id.hex() != key_id:
            raise MalformedError(f"The private key of {name!r} has a wrong key ID.")
        return key

    @property
    def verifier_key(self) -> VerifierKey:
        public_key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return VerifierKey(self.name, public_key.public_bytes_raw(), self.type)

    def to_text(self) -> str:
        """Return the line to store; whoever reads it can sign."""
        material = format_base64(bytes([self.type]) + self.seed)
        return f"{_PRIVATE}{self.name}+{self.verifier_key.key_id.hex()}+{material}"

    def sign(self, text: bytes, *, time: int | None = None) -> bytes:
        """Return the signature field over a note text, without the key ID.

        A cosignature needs the `time`, in POSIX seconds, at which it is made; another
        signature has none (signed-note; tlog-cosignature, Format).
        """
        if (self.type is SignatureType.COSIGNATURE_V1) != (time is not None):
            raise MalformedError("A cosignature has a time, and nothing else has one.")
        private_key = Ed25519PrivateKey.from_private_bytes(self.seed)
        if time is None:
            return private_key.sign(text)
        message = cosignature.signed_message(time, text)
        return cosignature.join(time, private_key.sign(message))


def check_key_name(name: str) -> None:
    """Refuse a key name that no signature line can hold (signed-note, Format)."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise MalformedError(f"{name[:80]!r} is no key name: no spaces, no plus sign.")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise MalformedError("A key name is valid Unicode.") from None


def _parse_key(text: str) -> tuple[str, str, bytes]:
    if len(text) > MAX_KEY_TEXT:
        raise MalformedError(f"A key has at most {MAX_KEY_TEXT} characters.")
    parts = text.split("+", 2)
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
        raise MalformedError("A key reads <name>+<8 hex digits>+<base64>.")
    material = parse_base64(parts[2])
    if not material:
        raise MalformedError("The key has no type byte.")
    return parts[0], parts[1], material


def _parse_type(number: int) -> SignatureType:
    try:
        return SignatureType(number)
    except ValueError:
        raise MalformedError(
            f"Keys of type 0x{number:02x} are not supported."
        ) from None
