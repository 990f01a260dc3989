"""What the test saw people do, in its own words; nothing here is read from the product."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

Thing = TypeVar("Thing")

OWNER = "olivia"  # of the model; others with that role own other models
STRENGTH = {"bad": 0, "good": 1, "better": 2}
DATA = ("loans", "cards", "rents")
# Governance section 3, written down a second time.
SIGNERS: dict[int, set[str]] = {
    1: {"validator", "risk", "owner"},
    2: {"validator", "owner"},
    3: set(),
    4: set(),
}
APPROVAL_DAYS = {1: 14, 2: 30, 3: 60, 4: 90}
BEARERS = {1: 2, 2: 1, 3: 1, 4: 1}  # of a risk
WITH_TWO_FACTORS = 2  # and the stricter tier
REVALIDATION_YEARS = {1: 1, 2: 1, 3: 2, 4: None}
POLICY_DAYS = 30
AUTHOR_WAITS = timedelta(days=30)
LONGEST_WAIVER = timedelta(days=90)
UNRESOLVED = {"open", "planned", "fixed"}
JUDGED = {"verified", "closed"}


@dataclass(frozen=True)
class Policy:
    """What a policy asks for, who wrote it and since when it binds."""

    sign_offs: frozenset[str]
    attestations: tuple[str, ...]
    author: str
    since: datetime


@dataclass(eq=False)
class Version:
    """Who had a hand in a version, and what became of it."""

    pk: int
    number: int
    scores: str
    data: str
    hands: set[str]
    askers: set[str] = field(default_factory=set)
    is_retired: bool = False
    is_archived: bool = False
    left_at: datetime | None = None
    validated_at: datetime | None = None


@dataclass(frozen=True)
class Basis:
    """What a signature is about: what was measured, waived and attested."""

    attempt: int
    waivers: tuple[int, ...]
    attestations: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """An accepted signature; `people` are who signed and for whom they did."""

    role: str
    people: frozenset[str]
    duties: frozenset[str]
    digest: str
    basis: Basis
    at: datetime
    was_read: bool
    was_proven: bool
    by_code: bool


@dataclass(eq=False)
class Request:
    """What was asked for; `rival` is who it was compared with.

    `cards` counts what was said of its data when the attempt began.
    """

    pk: int
    version: Version
    asker: str
    policy: Policy
    rival: Version | None
    settled_at: datetime
    cards: int = 0
    attempt: int = 1
    has_run: bool = False
    is_open: bool = True
    is_promoted: bool = False
    approved_at: datetime | None = None
    life: timedelta = timedelta(0)
    signatures: list[Signature] = field(default_factory=list)
    read: set[tuple[str, str]] = field(default_factory=set)

    @property
    def evidence(self) -> tuple[Version | None, int]:
        """Return what may be other evidence in another attempt; its files may not."""
        return self.rival, self.cards

    @property
    def open_gates(self) -> set[str]:
        """Return what this version does not pass, by what it was made to score."""
        mine = STRENGTH[self.version.scores]
        gates = {"auc"} if mine == STRENGTH["bad"] else set()
        if self.rival and mine < STRENGTH[self.rival.scores]:
            gates.add("regression")
        return gates


@dataclass(eq=False)
class Waiver:
    """A gate let through, once somebody else has approved."""

    pk: int
    request: Request
    gate: str
    scope: str
    asker: str
    starts_at: datetime
    ends_at: datetime
    evidence: tuple[Version | None, int]
    approvers: set[str] = field(default_factory=set)
    is_withdrawn: bool = False

    def covers(self, request: Request) -> bool:
        """Say whether who approved it saw what a request of the version rests on."""
        if self.scope == "version":
            is_compared_alike = self.evidence[0] is request.evidence[0]
            return self.request.version is request.version and (
                self.gate != "regression" or is_compared_alike
            )
        return self.request is request and self.evidence == request.evidence


@dataclass(eq=False)
class Attested:
    """A statement on a version."""

    pk: int
    version: Version
    kind: str
    people: frozenset[str]
    ends_at: datetime
    withdrawn_at: datetime | None = None


@dataclass(eq=False)
class Lending:
    """A signing role lent to somebody for a while."""

    pk: int
    role: str
    giver: str
    taker: str
    starts_at: datetime
    ends_at: datetime
    by_code: bool
    is_withdrawn: bool = False


@dataclass(eq=False)
class Trouble:
    """A finding, and who may not judge it."""

    pk: int
    severity: str
    version: Version | None
    due_at: datetime | None
    own: set[str]
    state: str = "open"
    borne_until: datetime | None = None
    signed: list[tuple[frozenset[str], datetime]] = field(default_factory=list)

    def bearers(self, now: datetime) -> list[tuple[frozenset[str], datetime]]:
        """Return who have signed for the risk as it stands, and until when."""
        return [(people, until) for people, until in self.signed if now < until]

    def is_unresolved(self, now: datetime) -> bool:
        if self.borne_until and self.state == "risk_accepted":
            return self.borne_until <= now
        return self.state in UNRESOLVED


@dataclass(eq=False)
class Emergency:
    """Asked by some, confirmed by others; it serves until its hours are over."""

    pk: int
    version: Version
    role: str
    people: frozenset[str]
    duties: frozenset[str]
    hours: int
    at: datetime
    by_code: bool
    ends_at: datetime | None = None
    trouble: Trouble | None = None


@dataclass(eq=False)
class Frozen:
    """A slot that was rolled back, until somebody else has looked at that."""

    pk: int
    by: str
    is_lifted: bool = False


@dataclass
class Ledger:
    """All of it, of one model and its slot in production."""

    policy: Policy
    roles: dict[str, set[str]]
    tier: int = 3
    closed: set[str] = field(default_factory=set)
    is_retired: bool = False
    versions: list[Version] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    waivers: list[Waiver] = field(default_factory=list)
    attested: list[Attested] = field(default_factory=list)
    lendings: list[Lending] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    emergencies: list[Emergency] = field(default_factory=list)
    freezes: list[Frozen] = field(default_factory=list)
    calls: list[tuple[Version | None, datetime]] = field(default_factory=list)
    sensitive: set[str] = field(default_factory=set)
    labellers: dict[str, set[str]] = field(default_factory=dict)
    cards: dict[str, int] = field(default_factory=dict)
    champion: Version | None = None  # by an approval
    emergency: Emergency | None = None
    last_put: Version | None = None

    @property
    def wants_two_factors(self) -> bool:
        return self.tier <= WITH_TWO_FACTORS

    def holds(self, person: str, *roles: str) -> bool:
        return person not in self.closed and bool(self.roles[person] & set(roles))

    def signs_for(self, person: str, role: str, now: datetime) -> frozenset[str]:
        """Return whom a signature counts as; nobody, if it may not be given."""
        if self._signs(person, role):
            return frozenset({person})
        for lent in self.lendings:
            if (
                (lent.taker, lent.role, lent.is_withdrawn) == (person, role, False)
                and lent.starts_at <= now < lent.ends_at
                and (lent.by_code or not self.wants_two_factors)
                and self._signs(lent.giver, role)
                and person not in self.closed
            ):
                return frozenset({person, lent.giver})
        return frozenset()

    def _signs(self, person: str, role: str) -> bool:
        return self.holds(person, role) and (role != "owner" or person == OWNER)

    def hands(self, version: Version) -> frozenset[str]:
        labellers = self.labellers.get(version.data, set())
        return frozenset(version.hands | labellers)

    def duties(self, version: Version) -> frozenset[str]:
        return self.hands(version) | version.askers

    def duties_at(self, request: Request, now: datetime) -> frozenset[str]:
        """Return who may not sign a request."""
        wrote = (
            {request.policy.author}
            if now < request.policy.since + AUTHOR_WAITS
            else set()
        )
        attested = (
            given.people
            for given in self.attested
            if given.version is request.version
            and given.kind in set(request.policy.attestations) - {"business_impact"}
            and given.withdrawn_at is None
            and now < given.ends_at
        )
        return self.duties(request.version).union(wrote, *attested)

    def wanted(self, request: Request) -> set[str]:
        """Return the roles that must have signed."""
        wanted = set(request.policy.sign_offs) | SIGNERS[self.tier]
        if not wanted and self.tier == 3:
            wanted = {"validator"}
        return wanted | (
            {"ethics"} if request.version.data in self.sensitive else set()
        )

    def waiver_of(self, request: Request, gate: str, now: datetime) -> Waiver | None:
        """Return the newest waiver by which somebody independent lets a gate through."""
        covering = [
            waiver
            for waiver in self.waivers
            if waiver.gate == gate
            and not waiver.is_withdrawn
            and waiver.starts_at <= now < waiver.ends_at
            and waiver.ends_at - waiver.starts_at <= LONGEST_WAIVER
            and waiver.approvers
            and request.asker not in waiver.approvers
            and waiver.covers(request)
        ]
        return covering[-1] if covering and self.tier > 1 else None

    def attestation_of(
        self, request: Request, kind: str, now: datetime
    ) -> Attested | None:
        held = [
            given
            for given in self.attested
            if (given.version, given.kind) == (request.version, kind)
            and given.withdrawn_at is None
            and now < given.ends_at
            and not (kind == "business_impact" and request.asker in given.people)
        ]
        return held[-1] if held else None

    def basis(self, request: Request, now: datetime) -> Basis:
        waivers = (self.waiver_of(request, g, now) for g in sorted(request.open_gates))
        given = (
            self.attestation_of(request, kind, now)
            for kind in request.policy.attestations
        )
        return Basis(request.attempt, _keys(waivers), _keys(given))

    def hindered(self, version: Version, now: datetime) -> list[Trouble]:
        """Return the findings that forbid a version: critical ones, or overdue high ones."""
        return [
            found
            for found in self.troubles
            if found.is_unresolved(now)
            and (
                found.version in {None, version}
                if found.severity == "critical"
                else found.severity == "high"
                and found.due_at is not None
                and found.due_at <= now
                and not (found.version and found.version.is_retired)
            )
        ]

    def is_out_of_use(self, version: Version) -> bool:
        return self.is_retired or version.is_retired or version.is_archived

    def lasting(self, now: datetime) -> Emergency | None:
        """Return the emergency of now."""
        lasts = (
            self.emergency and self.emergency.ends_at and now < self.emergency.ends_at
        )
        return self.emergency if lasts else None

    def serving(self, now: datetime) -> Version | None:
        emergency = self.lasting(now)
        if emergency:
            return emergency.version
        champion = self.champion
        return None if champion is None or self.is_out_of_use(champion) else champion

    @property
    def served(self) -> list[Version]:
        """Return who came by an approval that nobody took back."""
        return [asked.version for asked in self.requests if asked.is_promoted]

    def promoted(self, version: Version) -> Request | None:
        """Return the request by which a version came, unless that was taken back."""
        came_by = [
            request
            for request in self.requests
            if request.version is version and request.is_promoted
        ]
        return came_by[-1] if came_by else None


def pick(things: Sequence[Thing], which: int) -> Thing | None:
    """Return one of the newest, if there is any."""
    return things[-1 - which % len(things)] if things else None


def _keys(rows: Iterable[Waiver | Attested | None]) -> tuple[int, ...]:
    return tuple(row.pk if row else 0 for row in rows)
