"""Which logs and which witnesses must have signed a checkpoint (C2SP tlog-policy)."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Self

from audit.tlog.checkpoint import OpenedCheckpoint, open_checkpoint
from audit.tlog.encoding import parse_decimal
from audit.tlog.errors import MalformedError, VerificationError
from audit.tlog.keys import SignatureType, VerifierKey

NO_QUORUM = "none"
MAX_POLICY_BYTES = 1_000_000

_FORBIDDEN_OCTET = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_WHITESPACE = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Log:
    """A log whose signature counts; its key's name is its origin."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class Witness:
    """A witness, with the name that it has in this policy only."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class Group:
    """A group, which has witnessed what `threshold` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """A trust policy: any one of the logs, and the witnesses that its quorum asks for.

    Without a log it accepts no checkpoint: `with_log` adds one known from elsewhere.
    """

    logs: tuple[Log, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NO_QUORUM

    def __post_init__(self) -> None:
        if any(log.key.type is not SignatureType.ED25519 for log in self.logs):
            raise MalformedError("A log has a key of type 0x01.")
        if any(w.key.type is not SignatureType.COSIGNATURE_V1 for w in self.witnesses):
            raise MalformedError("A witness has a key of type 0x04.")
        _check_distinct(log.key.public_key for log in self.logs)
        _check_distinct(witness.key.public_key for witness in self.witnesses)
        _check_names(self)

    @classmethod
    def of_log(cls, key: VerifierKey) -> Self:
        """Return the policy that asks for one log's signature and for no witness."""
        return cls(logs=(Log(key),))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a policy file (tlog-policy, Policy file syntax and structure)."""
        if len(data) > MAX_POLICY_BYTES:
            raise MalformedError(f"A policy has at most {MAX_POLICY_BYTES} bytes.")
        if _FORBIDDEN_OCTET.search(data):
            raise MalformedError("A policy has no control characters but tab, newline.")
        draft = _Draft()
        # Names are octets to the policy, whether or not they are UTF-8.
        for line in data.decode("utf-8", "surrogateescape").split("\n"):
            items = _WHITESPACE.split(line.strip(" \t"))
            if items[0] and not items[0].startswith("#"):
                draft.read(items)
        if draft.quorum is None:
            raise MalformedError("A policy has one quorum line.")
        return cls(
            tuple(draft.logs),
            tuple(draft.witnesses),
            tuple(draft.groups),
            draft.quorum,
        )

    def to_bytes(self) -> bytes:
        """Write the policy file (tlog-policy, Policy file syntax and structure)."""
        lines = [
            *(("log", str(log.key), log.url) for log in self.logs),
            *(("witness", w.name, str(w.key), w.url) for w in self.witnesses),
            *(("group", g.name, str(g.threshold), *g.members) for g in self.groups),
            ("quorum", self.quorum),
        ]
        text = "".join(f"{' '.join(filter(None, line))}\n" for line in lines)
        return text.encode("utf-8", "surrogateescape")

    def with_log(self, key: VerifierKey) -> "Policy":
        """Return the policy with this log as its only one."""
        return replace(self, logs=(Log(key),))

    def is_met_by(self, keys: Collection[VerifierKey]) -> bool:
        """Tell whether these cosigners are a quorum (tlog-policy, Defining the quorum)."""
        met = {w.name for w in self.witnesses if w.key in keys} | {NO_QUORUM}
        for group in self.groups:
            if len(met.intersection(group.members)) >= group.threshold:
                met.add(group.name)
        return self.quorum in met

    def open_checkpoint(self, data: bytes) -> OpenedCheckpoint:
        """Verify the log's signature and the quorum of cosignatures (tlog-policy)."""
        logs = [log.key for log in self.logs]
        opened = open_checkpoint(data, [*logs, *(w.key for w in self.witnesses)])
        if not self.is_met_by(opened.keys):
            raise VerificationError(f"The quorum {self.quorum!r} has not cosigned.")
        return opened


class _Draft:
    """The lines of a policy so far; each may name only what stands above it."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self._names: set[str] = set()

    def read(self, items: list[str]) -> None:
        match items:
            case ["log", key, *url] if len(url) <= 1:
                self.logs.append(Log(VerifierKey.parse(key), *url))
            case ["witness", name, key, *url] if len(url) <= 1:
                self.witnesses.append(Witness(name, VerifierKey.parse(key), *url))
                self._names.add(name)
            case ["group", name, threshold, *members] if self._names.issuperset(
                members
            ):
                number = _parse_threshold(threshold, members)
                self.groups.append(Group(name, number, tuple(members)))
                self._names.add(name)
            case ["quorum", name] if self.quorum is None and self._defines(name):
                self.quorum = name
            case _:
                line = " ".join(items)
                raise MalformedError(f"{line[:80]!r} is no line of a policy here.")

    def _defines(self, name: str) -> bool:
        return name == NO_QUORUM or name in self._names


def _parse_threshold(text: str, members: list[str]) -> int:
    if text == "all":
        return len(members)
    return 1 if text == "any" else parse_decimal(text)


def _check_distinct(public_keys: Iterable[bytes]) -> None:
    keys = list(public_keys)
    if len(set(keys)) != len(keys):
        raise MalformedError("A policy lists a public key only once.")


def _check_names(policy: Policy) -> None:
    """Refuse names of two meanings, members in two groups, and members not yet there."""
    defined, used = {NO_QUORUM}, {NO_QUORUM}
    for witness in policy.witnesses:
        _define(witness.name, defined)
    for group in policy.groups:
        if not 1 <= group.threshold <= len(group.members):
            raise MalformedError(f"Group {group.name!r} cannot reach its threshold.")
        for member in group.members:
            if member not in defined or member in used:
                raise MalformedError(f"{member!r} cannot be a member of a group here.")
            used.add(member)
        _define(group.name, defined)
    if policy.quorum not in defined:
        raise MalformedError(f"The quorum {policy.quorum!r} is not defined.")


def _define(name: str, defined: set[str]) -> None:
    if not name or name.startswith("#") or re.search(r"[ \t\n]", name):
        raise MalformedError(f"{name!r} is no name in a policy.")
    if name in defined:
        raise MalformedError(f"A policy defines the name {name!r} once.")
    defined.add(name)
