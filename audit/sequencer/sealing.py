"""Signs the head, once the guard agrees that it continues what was signed before."""

from django.db import transaction

from audit.errors import ConflictError
from audit.models import Head, StoredCheckpoint
from audit.sequencer.kill_points import reached
from audit.storage import keys
from audit.storage.guard import read_guard, write_guard
from audit.storage.tree import StoredTree
from audit.tlog.checkpoint import Checkpoint
from audit.tlog.errors import TlogError


def seal() -> StoredCheckpoint | None:
    """Sign the head unless it is signed; return its checkpoint, None when it is empty.

    After a crash the same size and root are signed again, with the same bytes: Ed25519
    is deterministic (RFC 8032).
    """
    head = Head.objects.current()
    guard = read_guard(head)
    # After the guard, which is never ahead of what is committed before it.
    head.refresh_from_db()
    _refuse_shrunken(head, guard)
    if not head.size:
        return None
    signed = StoredCheckpoint.objects.filter(log=head, size=head.size).first()
    return signed or _seal()


def _seal() -> StoredCheckpoint:
    signers = keys.signing_keys()
    with transaction.atomic():
        head = Head.objects.locked()
        reached("head locked for signing")
        signed = StoredCheckpoint.objects.filter(log=head, size=head.size).first()
        if signed:
            return signed
        _refuse_foreign_keys(head, {key.name for key in signers})
        root = _root_that_continues_the_guard(head)
        write_guard(head, head.size, root)
        reached("guard written")
        note = Checkpoint(head.origin, head.size, root).signed(*signers)
        signed = StoredCheckpoint.objects.create(log=head, size=head.size, note=note)
        reached("checkpoint written")
    reached("checkpoint committed")
    return signed


def _refuse_foreign_keys(head: Head, names: set[str]) -> None:
    if names != {head.origin}:
        raise ConflictError(
            "log_key_of_another_log",
            f"The log's key is named {', '.join(sorted(names))} and the log "
            f"{head.origin}: nothing is signed. Set the key of this log.",
        )


def _refuse_shrunken(head: Head, guard: Checkpoint) -> None:
    if head.size < guard.size:
        raise ConflictError(
            "log_shrank",
            f"The database holds {head.size} entries, and {guard.size} were signed: it "
            f"was set back. Nothing is signed; bring back the newest database.",
        )


def _root_that_continues_the_guard(head: Head) -> bytes:
    guard = read_guard(head)
    _refuse_shrunken(head, guard)
    try:
        tree = StoredTree(head)
        root, guarded = tree.edge.root(), tree.at(guard.size).root()
    except TlogError as error:
        raise ConflictError(
            "tree_unreadable",
            f"The stored tree cannot be read: {error} Run verify_log.",
        ) from None
    if root != bytes(head.root) or guarded != guard.root:
        raise ConflictError(
            "log_rewritten",
            f"The database holds another tree of {guard.size} entries than the one "
            f"that was signed: it was rewritten or set back. Nothing is signed; bring "
            f"back the right database, or run verify_log to see what differs.",
        )
    return root
