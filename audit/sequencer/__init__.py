"""Gives pending events their index, signs the tree that they make, and publishes it.

Three steps, each complete in itself, so that a crash between any two leaves only work
for the next pass: `integration`, `sealing`, `publishing`. Several processes may run.
"""

import logging
from collections.abc import Callable

from audit.errors import DomainError
from audit.sequencer.integration import integrate_inception, integrate_pending
from audit.sequencer.publishing import publish
from audit.sequencer.sealing import seal
from audit.sequencer.witnessing import ask_witnesses
from audit.storage import keys

__all__ = [
    "ask_witnesses",
    "integrate_inception",
    "publish",
    "seal",
    "seal_pending",
    "sequence_in_background",
    "sequence_pending",
    "succeeds",
]
logger = logging.getLogger(__name__)


def sequence_pending() -> int:
    """Run the three steps once; return how many events got an index.

    Does nothing in a process that was not given the log's key: it only records.
    """
    if not keys.may_sign():
        return 0
    integrated = integrate_pending()
    if seal() is not None:
        publish()
    return integrated


def seal_pending() -> None:
    """Integrate and sign, and leave publishing to a thread that does only that."""
    integrate_pending()
    seal()


def sequence_in_background() -> bool:
    """Run the steps where nobody waits; log a refusal, and say whether there was none."""
    return succeeds(sequence_pending)


def succeeds(step: Callable[[], object]) -> bool:
    """Run one step; log a refusal, and say whether there was none."""
    try:
        step()
    except DomainError as refusal:
        logger.error("%s (%s)", refusal.detail, refusal.code)  # noqa: TRY400 - the sentence says what to do, a traceback would not
        return False
    return True
