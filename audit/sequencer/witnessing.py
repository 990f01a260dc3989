"""Asks the witnesses to cosign the newest checkpoint (C2SP tlog-witness).

Outside any transaction and after publishing: a witness that is slow or silent delays
nobody, and is asked again with the next round.
"""

import logging
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db.models import Max

from audit.models import Cosignature, Head, StoredCheckpoint
from audit.storage.tree import StoredTree
from audit.storage.witnesses import witness_policy
from audit.tlog.checkpoint import parse_checkpoint
from audit.tlog.encoding import parse_decimal
from audit.tlog.errors import TlogError
from audit.tlog.note import Note, parse_signatures
from audit.tlog.policy import Witness
from audit.tlog.proof import AddCheckpointRequest

TIMEOUT_SECONDS = 5.0
LARGEST_ANSWER_BYTES = 100_000
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a witness answered: an HTTP status and a body, or 0 and why there is none."""

    status: int
    body: bytes


def ask_witnesses() -> int:
    """Ask each witness that has not cosigned the newest checkpoint; count who has."""
    policy = witness_policy()
    head = Head.objects.current()
    newest = StoredCheckpoint.objects.filter(log=head).order_by("-size").first()
    if policy is None or newest is None:
        return 0
    known = _known_sizes(head)
    waiting = {
        witness: known.get(str(witness.key), 0)
        for witness in policy.witnesses
        if witness.url and known.get(str(witness.key)) != newest.size
    }
    behind = _ask(head, newest, waiting)
    # A witness knows best where it stands, for instance after we lost its last answer.
    _ask(head, newest, behind)
    return Cosignature.objects.filter(log=head, size=newest.size).count()


def _known_sizes(head: Head) -> dict[str, int]:
    rows = Cosignature.objects.filter(log=head).values_list("key")
    return dict(rows.annotate(largest=Max("size")))


def _ask(
    head: Head, newest: StoredCheckpoint, old_sizes: dict[Witness, int]
) -> dict[Witness, int]:
    """Ask all at once; return the sizes at which others of them stand."""
    tree = StoredTree(Head.objects.get(pk=head.pk)).at(newest.size)
    requests = [
        AddCheckpointRequest(
            old, tree.consistency_proof(old) if old else (), bytes(newest.note)
        ).to_bytes()
        for old in old_sizes.values()
    ]
    behind: dict[Witness, int] = {}
    for witness, answer in zip(old_sizes, _post(old_sizes, requests), strict=True):
        if answer.status == 200:
            _keep(newest, witness, answer.body)
            continue
        stands_at = _size_in(answer, newest.size)
        if stands_at is None or stands_at == old_sizes[witness]:
            said = answer.body.decode(errors="replace").strip()[:200]
            logger.warning(
                "The witness %s did not cosign size %d: %s %s",
                *(witness.name, newest.size, answer.status or "no answer,", said),
            )
        else:
            behind[witness] = stands_at
    return behind


def _post(witnesses: Iterable[Witness], bodies: list[bytes]) -> list[Answer]:
    if not bodies:
        return []
    with ThreadPoolExecutor(max_workers=len(bodies)) as pool:
        return list(pool.map(_post_one, witnesses, bodies))


def _post_one(witness: Witness, body: bytes) -> Answer:
    url = f"{(witness.url or '').rstrip('/')}/add-checkpoint"
    request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310 - the operator's own policy names it
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - likewise
            return Answer(answer.status, answer.read(LARGEST_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(LARGEST_ANSWER_BYTES))
    except (OSError, ValueError) as error:
        return Answer(0, str(error).encode())


def _size_in(answer: Answer, newest: int) -> int | None:
    """Return where a witness stands, if it said so (409, text/x.tlog.size)."""
    if answer.status != 409:
        return None
    try:
        size = parse_decimal(answer.body.decode("ascii").removesuffix("\n"))
    except (TlogError, UnicodeDecodeError):
        return None
    return size if size <= newest else None


def _keep(newest: StoredCheckpoint, witness: Witness, body: bytes) -> None:
    """Store the cosignature if it is one; other lines are not for us."""
    text = parse_checkpoint(bytes(newest.note)).text
    try:
        lines = parse_signatures(body.decode())
        [verified] = Note(text, lines).verified_by([witness.key])
    except (TlogError, UnicodeDecodeError) as error:
        logger.warning("The answer of the witness %s: %s", witness.name, error)
        return
    Cosignature.objects.get_or_create(
        log=newest.log,
        size=newest.size,
        key=str(witness.key),
        defaults={"line": str(verified.signature)},
    )
