"""Rows that a decision rests on are held against the log: only what it tells counts.

Whoever writes rows past the services, or takes some away, is found out here, whatever
rights in the database they have. What is claimed of which rows stands in `claims`;
signatures are held against the log in `sign_off_verification`, both ways.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from audit.proofs import Openings, TrailEntry, openings, trail

# Between the moment that a row keeps and that of its entry, in one transaction.
SAME_MOMENT = timedelta(minutes=5)


@dataclass(frozen=True)
class Claim:
    """What a row says that somebody did, as an entry must tell it.

    `subjects` are the names that its subject has or had in the log; `said` is part of
    the payload, where a set holds all that may stand there; `written` are values that
    the entry only commits to. Without an actor anybody may have done it. The `newest`
    entry of its kind must be the one, where only that counts. As many entries as `times`
    must tell it, where each has a row of its own; at least one otherwise.
    """

    row: str
    kind: StrEnum
    subjects: tuple[str, ...]
    said: Mapping[str, Any] = field(default_factory=dict)
    actor: str | None = None
    at: datetime | None = None
    newest: bool = False
    times: int | None = None
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def fault(self) -> str:
        if self.times is None:
            return f"The log does not tell of {self.row} as it stands there."
        return f"The log does not tell of as many {self.row} as there are."

    def is_borne_out(self, telling: int) -> bool:
        return bool(telling) if self.times is None else telling == self.times


def unfounded(claims: Iterable[Claim]) -> Iterator[Claim]:
    """Return the claims that the log does not bear out, in two queries."""
    claims = tuple(claims)
    told = defaultdict(list)
    for entry in trail(sorted({name for claim in claims for name in claim.subjects})):
        told[entry.kind].append(entry)
    found = [(claim, _telling(told[claim.kind], claim)) for claim in claims]
    kept = openings(e.uid for claim, entries in found if claim.written for e in entries)
    for claim, entries in found:
        telling = [e for e in entries if not _is_other(kept.get(e.uid), claim)]
        if not claim.is_borne_out(len(telling)):
            yield claim


def _telling(entries: Iterable[TrailEntry], claim: Claim) -> list[TrailEntry]:
    about = [entry for entry in entries if entry.subject in claim.subjects]
    return [e for e in about[-1 if claim.newest else 0 :] if _tells(e, claim)]


def _tells(entry: TrailEntry, claim: Claim) -> bool:
    return (
        claim.actor in (entry.actor, None)
        and (claim.at is None or abs(entry.recorded_at - claim.at) <= SAME_MOMENT)
        and all(_is(entry.payload.get(key), said) for key, said in claim.said.items())
    )


def _is(told: Any, said: Any) -> bool:
    return told in said if isinstance(said, frozenset) else bool(told == said)


def _is_other(opened: Openings | None, claim: Claim) -> bool:
    return opened is not None and opened.contradict(claim.written)
