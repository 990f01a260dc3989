"""Signed notes: a text, an empty line, and lines with signatures (C2SP signed-note)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from audit.tlog import cosignature
from audit.tlog.encoding import format_base64, parse_base64
from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.keys import (
    KEY_ID_BYTES,
    PrivateKey,
    SignatureType,
    VerifierKey,
    check_key_name,
)

# The specification asks for 16 at least and a limit at all.
MAX_SIGNATURES = 64
MAX_NOTE_BYTES = 1_000_000

_SIGNATURE_START = "\N{EM DASH} "
_CONTROL_CHARACTER = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True)
class Signature:
    """One signature line: who signs, and what their key made of the text."""

    name: str
    key_id: bytes
    signature: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line without its newline (signed-note, Format)."""
        start, parts = line[:2], line[2:].split(" ")
        if start != _SIGNATURE_START or len(parts) != 2:
            raise MalformedError(f"{line[:80]!r} is no signature line.")
        check_key_name(parts[0])
        data = parse_base64(parts[1])
        if len(data) <= KEY_ID_BYTES:
            raise MalformedError(f"{line[:80]!r} holds a key ID and no signature.")
        return cls(parts[0], data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])

    def __str__(self) -> str:
        data = format_base64(self.key_id + self.signature)
        return f"{_SIGNATURE_START}{self.name} {data}\n"


@dataclass(frozen=True)
class VerifiedSignature:
    """A signature that a known key has made."""

    key: VerifierKey
    signature: Signature

    @property
    def time(self) -> int | None:
        """Return the POSIX seconds that a cosigner vouches for (tlog-cosignature)."""
        if self.key.type is not SignatureType.COSIGNATURE_V1:
            return None
        return cosignature.split(self.signature.signature)[0]


@dataclass(frozen=True)
class Note:
    """A text, which ends in a newline, with its signatures, verified or not."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.endswith("\n"):
            raise MalformedError("The text of a note ends in a newline.")
        if _CONTROL_CHARACTER.search(self.text):
            raise MalformedError("A note has no control characters but newlines.")
        if len(self.signatures) > MAX_SIGNATURES:
            raise MalformedError(f"A note has at most {MAX_SIGNATURES} signatures.")
        try:
            self.text.encode()
        except UnicodeEncodeError:
            raise MalformedError("The text of a note is valid Unicode.") from None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Split a note at its last empty line (signed-note, Format)."""
        if len(data) > MAX_NOTE_BYTES:
            raise MalformedError(f"A note has at most {MAX_NOTE_BYTES} bytes.")
        try:
            content = data.decode()
        except UnicodeDecodeError:
            raise MalformedError("A note is UTF-8.") from None
        text, separator, lines = content.rpartition("\n\n")
        if not separator or not lines.endswith("\n"):
            raise MalformedError("A note is a text, an empty line and signature lines.")
        if lines.count("\n") > MAX_SIGNATURES:
            raise MalformedError(f"A note has at most {MAX_SIGNATURES} signatures.")
        return cls(f"{text}\n", parse_signatures(lines))

    def to_bytes(self) -> bytes:
        """Write the note (signed-note, Format)."""
        if not self.signatures:
            raise MalformedError("A signed note has a signature.")
        return f"{self.text}\n{''.join(map(str, self.signatures))}".encode()

    def signed(self, key: PrivateKey, *, time: int | None = None) -> "Note":
        """Return the note with one more signature; a cosigner tells the `time`."""
        signature = key.sign(self.text.encode(), time=time)
        line = Signature(key.name, key.verifier_key.key_id, signature)
        return Note(self.text, (*self.signatures, line))

    def verified_by(self, keys: Iterable[VerifierKey]) -> tuple[VerifiedSignature, ...]:
        """Return the signatures by known keys, one a key (signed-note, Signatures).

        Unknown keys are ignored. One known key that fails rejects the note, and so
        does a note on which no known key has signed.
        """
        known = _by_name_and_id(keys)
        text, verified = self.text.encode(), dict[VerifierKey, VerifiedSignature]()
        for signature in self.signatures:
            key = known.get((signature.name, signature.key_id))
            if key is None:
                continue
            if not key.verifies(text, signature.signature):
                raise VerificationError(f"The signature of {key.name} does not verify.")
            verified.setdefault(key, VerifiedSignature(key, signature))
        if not verified:
            raise VerificationError("No known key has signed this note.")
        return tuple(verified.values())


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Read signature lines alone, as a witness answers them (tlog-witness)."""
    if not lines.endswith("\n") or lines.count("\n") > MAX_SIGNATURES:
        raise MalformedError(f"From 1 to {MAX_SIGNATURES} lines end in a newline.")
    # Not splitlines(), which also splits at characters that a key name may hold.
    return tuple(Signature.parse(line) for line in lines[:-1].split("\n"))


def _by_name_and_id(
    keys: Iterable[VerifierKey],
) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise MalformedError(f"Two keys of {key.name} share the ID of one.")
    return known
