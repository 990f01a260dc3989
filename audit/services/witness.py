"""Cosigns the checkpoints of other installations' logs (C2SP tlog-witness)."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from audit.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from audit.models import WitnessedLog
from audit.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.keys import PrivateKey, VerifierKey
from audit.tlog.merkle import EMPTY_ROOT, verify_consistency
from audit.tlog.note import Note
from audit.tlog.proof import AddCheckpointRequest

PROOF_WRONG = "proof_wrong"
SIZE_DIFFERS = "old_size_differs"


def add_checkpoint(
    body: bytes, *, logs: Mapping[str, VerifierKey], key: PrivateKey, now: datetime
) -> bytes:
    """Cosign a checkpoint that follows the last one of its log; return the line.

    What was cosigned is stored before the line is returned, in the step that checked
    it, so that no two answers can tell of two logs.
    """
    try:
        request = AddCheckpointRequest.parse(body)
        claimed = parse_checkpoint(request.checkpoint)
    except MalformedError as error:
        raise InvalidError("request_malformed", str(error)) from None
    if request.old_size > claimed.size:
        raise InvalidError("old_size_too_large", "The old size is above the new one.")
    if claimed.origin not in logs:
        raise NotFoundError(
            "origin_unknown", f"{claimed.origin} is not witnessed here."
        )
    try:
        head = open_checkpoint(request.checkpoint, [logs[claimed.origin]]).checkpoint
    except VerificationError as error:
        raise PermissionDeniedError("signature_wrong", str(error)) from None
    with transaction.atomic():
        _advance(head, request)
    cosigned = Note(head.text).signed(key, time=int(now.timestamp()))
    return str(cosigned.signatures[0]).encode()


def _advance(head: Checkpoint, request: AddCheckpointRequest) -> None:
    last, _ = WitnessedLog.objects.select_for_update().get_or_create(
        origin=head.origin, defaults={"root": EMPTY_ROOT}
    )
    if request.old_size != last.size:
        raise ConflictError(
            SIZE_DIFFERS, f"This witness has seen size {last.size}.", size=last.size
        )
    try:
        verify_consistency(
            last.size, bytes(last.root), head.size, head.root, request.proof
        )
    except VerificationError as error:
        raise InvalidError(PROOF_WRONG, str(error)) from None
    last.size, last.root = head.size, head.root
    last.save(update_fields=["size", "root"])
