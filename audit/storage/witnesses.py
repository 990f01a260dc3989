"""The policy that names this log's witnesses, and what they have said so far."""

from pathlib import Path

from django.conf import settings

from audit.errors import ConflictError
from audit.models import Cosignature, Head, StoredCheckpoint
from audit.tlog.errors import MalformedError
from audit.tlog.policy import Policy


def witness_policy() -> Policy | None:
    """Return the witnesses and their quorum; None where nobody is asked."""
    path: Path | None = settings.ATTESTRY_LOG_WITNESS_POLICY
    if path is None:
        return None
    try:
        return Policy.parse(path.read_bytes())
    except (OSError, MalformedError) as error:
        raise ConflictError(
            "witness_policy_unreadable",
            f"The witness policy {path} cannot be read ({error}), so no witness is "
            f"asked. Write it as C2SP tlog-policy says, or unset "
            f"ATTESTRY_LOG_WITNESS_POLICY.",
        ) from None


def cosigned_note(checkpoint: StoredCheckpoint) -> bytes:
    """Return the checkpoint with the cosignatures that have come in by now."""
    lines = Cosignature.objects.filter(log=checkpoint.log_id, size=checkpoint.size)
    found = lines.order_by("key").values_list("line", flat=True)
    return bytes(checkpoint.note) + "".join(found).encode()


def witnessed_size(log: Head) -> int:
    """Return the largest size that a quorum has cosigned; 0 without a policy."""
    policy = witness_policy()
    if policy is None:
        return 0
    keys = {str(witness.key): witness.key for witness in policy.witnesses}
    signers: dict[int, set[str]] = {}
    said = Cosignature.objects.filter(log=log).order_by("-size")
    for size, key in said.values_list("size", "key").iterator():
        signers.setdefault(size, set()).add(key)
        if policy.is_met_by({keys[name] for name in signers[size] if name in keys}):
            return size
    return 0
