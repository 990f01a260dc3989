"""Rows that a decision rests on are held against the log: only what it tells counts.

Whoever writes rows past the services, or takes some away, is found out here, whatever
rights in the database they have. What is claimed of which rows stands in `claims`;
signatures are held against the log in `sign_off_verification`, both ways.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit.proofs import TrailEntry, trail
from registry.events import RegistryEvent

# Between the moment that a row keeps and that of its entry, in one transaction.
SAME_MOMENT = timedelta(minutes=5)


@dataclass(frozen=True)
class Claim:
    """What a row says that somebody did, as an entry must tell it.

    `subjects` are the names that its subject has or had in the log; `said` is part of
    the payload, where a set holds all that may stand there. Without an actor anybody
    may have done it. What is `withdrawn` by an entry claims that there is none; the
    `newest` entry of its kind must be the one, where only that counts.
    """

    row: str
    kind: RegistryEvent
    subjects: tuple[str, ...]
    said: Mapping[str, Any]
    actor: str | None = None
    at: datetime | None = None
    withdrawn: bool = False
    newest: bool = False

    @property
    def fault(self) -> str:
        if self.withdrawn:
            return f"The log tells that {self.row} was withdrawn, and its row says no."
        return f"The log does not tell of {self.row} as it stands there."


def unfounded(claims: Iterable[Claim]) -> Iterator[Claim]:
    """Return the claims that the log does not bear out, in one query."""
    claims = tuple(claims)
    told = defaultdict(list)
    for entry in trail(sorted({name for claim in claims for name in claim.subjects})):
        told[entry.kind].append(entry)
    for claim in claims:
        about = [entry for entry in told[claim.kind] if entry.subject in claim.subjects]
        is_told = any(_tells(e, claim) for e in about[-1 if claim.newest else 0 :])
        if is_told is claim.withdrawn:
            yield claim


def _tells(entry: TrailEntry, claim: Claim) -> bool:
    return (
        claim.actor in (entry.actor, None)
        and (claim.at is None or abs(entry.recorded_at - claim.at) <= SAME_MOMENT)
        and all(_is(entry.payload.get(key), said) for key, said in claim.said.items())
    )


def _is(told: Any, said: Any) -> bool:
    return told in said if isinstance(said, frozenset) else bool(told == said)
