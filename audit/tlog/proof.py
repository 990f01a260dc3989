"""Proofs in files and requests: tlog-proof, and the body of a witness's add-checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from audit.tlog.checkpoint import OpenedCheckpoint
from audit.tlog.encoding import (
    format_base64,
    parse_base64,
    parse_decimal,
    parse_hash,
)
from audit.tlog.errors import MalformedError
from audit.tlog.merkle import (
    HASH_BYTES,
    MAX_PROOF_HASHES,
    MAX_SIZE,
    leaf_hash,
    verify_inclusion,
)
from audit.tlog.policy import Policy

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF_BYTES = 2_000_000


@dataclass(frozen=True)
class TlogProof:
    """That an entry is in a log: its index, its audit path, a checkpoint as it was.

    `extra` is not authenticated: nothing may be concluded from it.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        _check(self.index, self.hashes, self.checkpoint)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a `.tlog-proof` file (tlog-proof, Format)."""
        lines, checkpoint = _split(data)
        if lines.pop(0) != HEADER:
            raise MalformedError(f"A proof begins with {HEADER}.")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = parse_base64(lines.pop(0).removeprefix("extra "))
            if not extra:
                raise MalformedError("Without extra data there is no extra line.")
        index = _parse_number("index", lines)
        return cls(index, tuple(map(parse_hash, lines)), checkpoint, extra)

    def to_bytes(self) -> bytes:
        """Write a `.tlog-proof` file (tlog-proof, Format)."""
        extra = [f"extra {format_base64(self.extra)}"] if self.extra else []
        lines = [HEADER, *extra, f"index {self.index}"]
        return _join(lines, self.hashes, self.checkpoint)

    def verify(self, leaf: bytes, policy: Policy) -> OpenedCheckpoint:
        """Refuse unless a leaf hash is in a log that the policy accepts (tlog-proof).

        Checks the signatures, the quorum of witnesses and the path (RFC 6962 2.1.1).
        """
        opened = policy.open_checkpoint(self.checkpoint)
        head = opened.checkpoint
        verify_inclusion(leaf, self.index, head.size, self.hashes, head.root)
        return opened

    def verify_entry(self, entry: bytes, policy: Policy) -> OpenedCheckpoint:
        """Refuse unless the bytes of an entry are in such a log (RFC 6962 2.1)."""
        return self.verify(leaf_hash(entry), policy)


@dataclass(frozen=True)
class AddCheckpointRequest:
    """What a log asks of a witness: to cosign a checkpoint that follows its last one."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def __post_init__(self) -> None:
        _check(self.old_size, self.proof, self.checkpoint)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the body of a request (tlog-witness, add-checkpoint)."""
        lines, checkpoint = _split(body)
        old_size = _parse_number("old", lines)
        return cls(old_size, tuple(map(parse_hash, lines)), checkpoint)

    def to_bytes(self) -> bytes:
        """Write the body of a request (tlog-witness, add-checkpoint)."""
        return _join([f"old {self.old_size}"], self.proof, self.checkpoint)


def _split(data: bytes) -> tuple[list[str], bytes]:
    """Split into the lines before the first empty line and the checkpoint behind it."""
    if len(data) > MAX_PROOF_BYTES:
        raise MalformedError(f"A proof has at most {MAX_PROOF_BYTES} bytes.")
    head, separator, checkpoint = data.partition(b"\n\n")
    if not separator:
        raise MalformedError("An empty line stands between a proof and its checkpoint.")
    if head.count(b"\n") > MAX_PROOF_HASHES + 2:
        raise MalformedError(f"A proof has at most {MAX_PROOF_HASHES} hashes.")
    try:
        return head.decode("ascii").split("\n"), checkpoint
    except UnicodeDecodeError:
        raise MalformedError("The lines of a proof are ASCII.") from None


def _parse_number(word: str, lines: list[str]) -> int:
    line = lines.pop(0) if lines else ""
    if not line.startswith(f"{word} "):
        raise MalformedError(f"The line with the word {word!r} is missing.")
    return parse_decimal(line.removeprefix(f"{word} "))


def _join(lines: list[str], hashes: Sequence[bytes], checkpoint: bytes) -> bytes:
    text = "".join(f"{line}\n" for line in [*lines, *map(format_base64, hashes)])
    return text.encode("ascii") + b"\n" + checkpoint


def _check(number: int, hashes: Sequence[bytes], checkpoint: bytes) -> None:
    if not 0 <= number <= MAX_SIZE:
        raise MalformedError("An index or size is at least 0 and below 2**63.")
    if len(hashes) > MAX_PROOF_HASHES:
        raise MalformedError(f"A proof has at most {MAX_PROOF_HASHES} hashes.")
    if any(len(item) != HASH_BYTES for item in hashes):
        raise MalformedError(f"A hash has {HASH_BYTES} bytes.")
    if not checkpoint:
        raise MalformedError("A proof ends with a checkpoint.")
