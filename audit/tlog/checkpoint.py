"""Checkpoints: what a log says of itself at one size, signed (C2SP tlog-checkpoint)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from audit.tlog.encoding import format_base64, parse_decimal, parse_hash
from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.keys import PrivateKey, SignatureType, VerifierKey
from audit.tlog.merkle import HASH_BYTES, MAX_SIZE
from audit.tlog.note import Note, VerifiedSignature


@dataclass(frozen=True)
class Checkpoint:
    """The root over the first `size` entries of the log named `origin`."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if any(not line or "\n" in line for line in lines):
            raise MalformedError("Origin and extension lines are one line, not empty.")
        if not 0 <= self.size <= MAX_SIZE:
            raise MalformedError("A tree size is at least 0 and below 2**63.")
        if len(self.root) != HASH_BYTES:
            raise MalformedError(f"A root has {HASH_BYTES} bytes.")

    @classmethod
    def parse_text(cls, text: str) -> Self:
        """Read the text of the note, believed or not (tlog-checkpoint, Note text)."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():
            raise MalformedError("A checkpoint is three lines or more.")
        origin, size, root, *extensions = lines
        return cls(origin, parse_decimal(size), parse_hash(root), tuple(extensions))

    @property
    def text(self) -> str:
        """Return the text that is signed (tlog-checkpoint, Note text)."""
        lines = (self.origin, str(self.size), format_base64(self.root))
        return "".join(f"{line}\n" for line in (*lines, *self.extensions))

    def signed(self, *keys: PrivateKey) -> bytes:
        """Return the signed note; the log's key has the origin as its name.

        The caller answers for the duty never to sign two heads that are inconsistent
        (tlog-checkpoint, Signatures).
        """
        note = Note(self.text)
        for key in keys:
            note = note.signed(key)
        return note.to_bytes()


@dataclass(frozen=True)
class OpenedCheckpoint:
    """A checkpoint that its log has signed, with every signature that was verified."""

    checkpoint: Checkpoint
    signatures: tuple[VerifiedSignature, ...]

    @property
    def keys(self) -> frozenset[VerifierKey]:
        return frozenset(verified.key for verified in self.signatures)


def parse_checkpoint(data: bytes) -> Checkpoint:
    """Read a signed checkpoint without believing it, as to learn its origin."""
    return Checkpoint.parse_text(Note.parse(data).text)


def open_checkpoint(data: bytes, keys: Iterable[VerifierKey]) -> OpenedCheckpoint:
    """Verify a checkpoint (signed-note, Signatures; tlog-checkpoint).

    `keys` are those of logs and of witnesses. A log's key signs for the origin of its
    own name only, and a cosignature is no substitute for it.
    """
    note = Note.parse(data)
    checkpoint = Checkpoint.parse_text(note.text)
    signatures = note.verified_by(keys)
    if not any(_is_by_log(verified.key, checkpoint) for verified in signatures):
        raise VerificationError(f"{checkpoint.origin} did not sign this checkpoint.")
    return OpenedCheckpoint(checkpoint, signatures)


def _is_by_log(key: VerifierKey, checkpoint: Checkpoint) -> bool:
    return key.type is SignatureType.ED25519 and key.name == checkpoint.origin
