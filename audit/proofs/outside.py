"""Holds the database against what it cannot rewrite: the guard and the published log."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db.models import OuterRef, Subquery

from audit.errors import DomainError
from audit.models import Cosignature, Head, StoredCheckpoint
from audit.proofs.faults import Fault
from audit.proofs.signers import Signers
from audit.storage import keys
from audit.storage.guard import read_guard
from audit.storage.published_place import CHECKPOINT, published_place
from audit.storage.tree import StoredTree
from audit.tlog.checkpoint import Checkpoint, parse_checkpoint
from audit.tlog.errors import TlogError, VerificationError
from audit.tlog.keys import VerifierKey
from audit.tlog.log_verification import verify_published_log
from audit.tlog.note import Note, parse_signatures
from audit.tlog.policy import Log, Policy
from audit.tlog.published_log import PublishedLog


def guard_faults(log: Head) -> list[Fault]:
    """Compare with the guard, in a process that has it: the one that signs."""
    is_signed = StoredCheckpoint.objects.filter(log=log).exists()
    if not (keys.may_sign() and is_signed):
        return []
    try:
        guard = read_guard(log)
    except DomainError as error:
        return [Fault(None, error.detail)]
    # After the guard, which is never ahead of what is committed before it.
    log = Head.objects.get(pk=log.pk)
    if guard.size > log.size:
        sentence = f"The guard saw {guard.size} entries; the head says {log.size}."
        return [Fault(log.size, sentence)]
    if _root_at(log, guard.size) != guard.root:
        sentence = f"The guard saw another tree of {guard.size} entries."
        return [Fault(None, sentence)]
    return []


def published_faults(
    log: Head, signers: Signers, *, is_head_sound: bool
) -> list[Fault]:
    """Verify the published folder of the current log, and that it tells of this tree.

    With a head that is unsound already, the two are not compared.
    """
    if not log.is_current:
        return []
    folder: Path | str = settings.ATTESTRY_LOG_PUBLISH_TO
    if isinstance(folder, str):
        return _bucket_faults(log) if keys.may_sign() and is_head_sound else []
    if not folder.is_dir():
        return []
    if not (folder / "checkpoint").exists():
        if (folder / "tile").exists():
            return [Fault(None, f"The published checkpoint in {folder} is missing.")]
        return []
    try:
        policy = Policy(tuple(Log(key) for key in signers.keys))
        head = verify_published_log(PublishedLog(folder), policy).head.checkpoint
    except VerificationError as error:
        return [Fault(error.index, f"Published in {folder}: {error}")]
    except TlogError as error:
        return [Fault(None, f"Published in {folder}: {error}")]
    if is_head_sound and not _holds(Head.objects.get(pk=log.pk), head):
        sentence = f"Published in {folder} is another tree of {head.size} entries."
        return [Fault(None, sentence)]
    return []


def _bucket_faults(log: Head) -> list[Fault]:
    """Compare the checkpoint of a bucket; its tiles are for verifiers outside."""
    place = published_place()
    try:
        note = place.read(CHECKPOINT)
        if note is None or _holds(Head.objects.get(pk=log.pk), parse_checkpoint(note)):
            return []
    except (DomainError, TlogError) as error:
        return [Fault(None, f"Published: {error}")]
    sentence = f"{place.address_of(CHECKPOINT)} is of another tree."
    return [Fault(None, sentence)]


def cosignature_faults(log: Head) -> Iterator[Fault]:
    """Yield the stored cosignatures that their witness did not make, or not of this."""
    checkpoints = StoredCheckpoint.objects.filter(log=log, size=OuterRef("size"))
    rows = Cosignature.objects.filter(log=log).annotate(
        note=Subquery(checkpoints.values("note")[:1])
    )
    for row in rows.order_by("size", "key").iterator():
        name = row.key.partition("+")[0]
        try:
            text = Note.parse(bytes(row.note or b"")).text
            lines = parse_signatures(row.line)
            Note(text, lines).verified_by([VerifierKey.parse(row.key)])
        except TlogError as error:
            sentence = f"The cosignature of size {row.size} by {name}: {error}"
            yield Fault(None, sentence)


def _holds(log: Head, published: Checkpoint) -> bool:
    return (
        published.origin == log.origin
        and published.size <= log.size
        and _root_at(log, published.size) == published.root
    )


def _root_at(log: Head, size: int) -> bytes | None:
    try:
        return StoredTree(log).at(size).root()
    except TlogError:
        return None
