"""What a lineage report says, as frozen values; the PDF and the JSON are both made of it.

Nothing here reads the database and nothing here knows how a page looks.
"""

import hashlib
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from audit.tlog.canonical import canonical_bytes
from registry.reports.oversight import (
    BreakGlass,
    Challenger,
    Decision,
    Delegation,
    Finding,
    ModelCard,
    Retirement,
    Revalidation,
    Rollback,
    TierAssessment,
)

SCHEMA = "attestry.lineage-report.v2"

NOTHING_VALIDATED = Revalidation()
PASSING = frozenset({"pass", "waived", "not_applicable"})


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A named value: a param, a metric, a tag, a part of the environment."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which model version this report is about.

    `downstream_unnamed` counts the models that who ordered the report does not see.
    """

    workspace: str
    registered_model: str
    version: int
    purpose: str
    tier: int | None
    owner: str
    registered_by: str
    registered_at: datetime
    artifact_path: str
    artifact_sha256: str
    artifact_bytes: int
    standing: str
    downstream: tuple[str, ...] = ()
    downstream_unnamed: int = 0

    @property
    def name(self) -> str:
        return f"{self.registered_model} v{self.version}"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One thing in the lineage graph; `is_broken` when what it names is not there."""

    key: str
    kind: str
    name: str
    digest: str = ""
    is_subject: bool = False
    is_broken: bool = False


@dataclass(frozen=True, kw_only=True)
class Edge:
    """`target` was made from, or decided on, `source`; both are keys of nodes."""

    source: str
    target: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset that the source run used; `row_count` is None when nobody stated it."""

    name: str
    context: str
    digest: str
    sha256: str
    row_count: int | None
    source_type: str
    source: str


@dataclass(frozen=True, kw_only=True)
class ArtifactFile:
    """A file that the source run left behind."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class SourceRun:
    """The run that produced the version; `metrics` are what the run said of itself."""

    experiment: str
    run_id: str
    name: str
    status: str
    created_by: str
    started_at: datetime
    ended_at: datetime | None
    seal_digest: str
    params: tuple[Fact, ...]
    metrics: tuple[Fact, ...]
    tags: tuple[Fact, ...]
    environment: tuple[Fact, ...]
    artifacts: tuple[ArtifactFile, ...]


@dataclass(frozen=True, kw_only=True)
class PinnedPolicy:
    """The policy that the request was judged by, word for word."""

    name: str
    version: int
    digest: str
    published_at: datetime
    published_by: str
    text: str


@dataclass(frozen=True, kw_only=True)
class PromotionRequest:
    """The request that this report tells of: what put the version into a slot, else the newest."""

    number: int
    environment: str
    state: str
    attempt: int
    submitted_by: str
    submitted_at: datetime
    subject_digest: str
    required_roles: tuple[str, ...]
    missing_roles: tuple[str, ...]
    promoted_by: str = ""
    promoted_at: datetime | None = None
    former_champion: int | None = None


@dataclass(frozen=True, kw_only=True)
class OtherRequest:
    """Another promotion request of the same version, so that none is left unsaid."""

    number: int
    environment: str
    state: str
    attempt: int
    submitted_at: datetime


@dataclass(frozen=True, kw_only=True)
class GateRow:
    """One verdict; estimate, bounds and threshold share one `unit`, which may be "".

    `waiver` is the number of the one that lets it through as of the report's making; the
    outcome stays what the gate answered.
    """

    gate: str
    question: str
    attempt: int
    outcome: str
    comparator: str
    rule: str
    unit: str
    estimate: float | None
    lower: float | None
    upper: float | None
    threshold: float | None
    n: int | None
    positives: int | None
    evidence_level: str
    reason: str
    sentence: str
    facts: tuple[Fact, ...]
    evidence_digest: str
    started_at: datetime
    finished_at: datetime
    waiver: int | None = None

    @property
    def has_passed(self) -> bool:
        return self.outcome in PASSING or self.waiver is not None


@dataclass(frozen=True, kw_only=True)
class RocCurve:
    """Points (false positive rate, true positive rate) from (0, 0) to (1, 1)."""

    label: str
    auc: float
    positives: int
    negatives: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Rows of similar score: what was predicted, what happened, and how sure that is."""

    mean_score: float
    observed: float
    lower: float
    upper: float
    rows: int


@dataclass(frozen=True, kw_only=True)
class ScoreBar:
    """How many rows were scored from `start` (included) to `end`."""

    start: float
    end: float
    rows: int


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How the predicted probabilities of the version compare with what happened."""

    binning: str
    bins: tuple[ReliabilityBin, ...]
    histogram: tuple[ScoreBar, ...]


@dataclass(frozen=True, kw_only=True)
class ChampionComparison:
    """The version against the former champion on the same rows, row by row.

    `difference` is version minus champion; the lower bound has to stay above -`margin`.
    """

    champion_version: int
    champion_run_id: str
    champion_artifact_sha256: str
    metric: str
    candidate_estimate: float
    champion_estimate: float
    difference: float
    lower: float
    upper: float
    interval: str
    margin: float
    n: int
    outcome: str
    method: str


@dataclass(frozen=True, kw_only=True)
class SignOff:
    """A signature as it has to appear in print (21 CFR 11.50).

    `is_valid` is False once the request has another subject digest than was signed.
    `evidence_opened_at` is when the signer first opened what that digest covers.
    """

    printed_name: str
    username: str
    role: str
    signed_at: datetime
    meaning: str
    authentication: str
    subject_digest: str
    is_valid: bool
    reason: str = ""
    evidence_opened_at: datetime | None = None
    delegation: Delegation | None = None


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A gate that was let through; `standing` is as of the report's making."""

    number: int
    gate: str
    scope: str
    standing: str
    reason: str
    compensating_control: str
    residual_risk: str
    requested_by: str
    starts_at: datetime
    expires_at: datetime
    renews: int | None
    approved_by: tuple[str, ...]
    withdrawn_by: str = ""
    withdrawn_at: datetime | None = None
    withdrawal_reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Attestation:
    """What somebody stated of the version; `standing` is as of the report's making."""

    kind: str
    source: str
    standing: str
    statement: str
    link: str
    evidence_sha256: str
    attested_by: str
    attested_at: datetime
    expires_at: datetime
    withdrawn_by: str = ""
    withdrawn_at: datetime | None = None
    withdrawal_reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Closing:
    """How a request of the version ended without a promotion; some ends are signed."""

    request: int
    state: str
    reason: str
    closed_by: str
    role: str
    closed_at: datetime
    authentication: str = ""
    subject_digest: str = ""


@dataclass(frozen=True, kw_only=True)
class SlotChange:
    """Who serves the model in an environment since when, and how it came about.

    `version` is None where nothing has served since.
    """

    environment: str
    version: int | None
    how: str
    changed_at: datetime
    changed_by: str
    request_number: int | None


@dataclass(frozen=True, kw_only=True)
class TrailLine:
    """One entry of the log that concerns this version; `index` is None until sequenced."""

    index: int | None
    recorded_at: datetime
    kind: str
    actor: str
    subject: str
    leaf_hash: str


@dataclass(frozen=True, kw_only=True)
class LogState:
    """The log as it stood when the report was made."""

    origin: str
    size: int
    root: str


@dataclass(frozen=True, kw_only=True)
class LineageReport:
    """Everything that the lineage report of one model version prints.

    `is_draft` if a developer ordered it, who holds no other role for reports: it is for
    working with, however final the decision is.
    """

    generated_at: datetime
    generator: str
    identity: Identity
    request: PromotionRequest | None
    other_requests: tuple[OtherRequest, ...]
    policy: PinnedPolicy | None
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    datasets: tuple[Dataset, ...]
    run: SourceRun
    gates: tuple[GateRow, ...]
    roc: tuple[RocCurve, ...]
    reliability: Reliability | None
    comparison: ChampionComparison | None
    sign_offs: tuple[SignOff, ...]
    slot_history: tuple[SlotChange, ...]
    trail: tuple[TrailLine, ...]
    log: LogState
    waivers: tuple[Waiver, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    closings: tuple[Closing, ...] = ()
    decisions: tuple[Decision, ...] = ()
    card: ModelCard | None = None
    tier_assessments: tuple[TierAssessment, ...] = ()
    break_glasses: tuple[BreakGlass, ...] = ()
    rollbacks: tuple[Rollback, ...] = ()
    retirements: tuple[Retirement, ...] = ()
    findings: tuple[Finding, ...] = ()
    challengers: tuple[Challenger, ...] = ()
    revalidation: Revalidation = NOTHING_VALIDATED
    is_draft: bool = False

    @property
    def alarms(self) -> tuple[BreakGlass, ...]:
        """The emergencies that the first page must not hide, those in force first.

        These are all of this version, and of others those that are in force.
        """
        own = self.identity.version
        told = [
            broken
            for broken in self.break_glasses
            if broken.is_in_force or (broken.is_confirmed and broken.version == own)
        ]
        return tuple(sorted(told, key=lambda broken: not broken.is_in_force))

    @property
    def findings_about_it(self) -> tuple[Finding, ...]:
        """The findings on this version and on the whole model."""
        about = (None, self.identity.version)
        return tuple(found for found in self.findings if found.version in about)

    @property
    def latest_gates(self) -> tuple[GateRow, ...]:
        """The verdicts of the request's current attempt."""
        if self.request is None:
            return ()
        return tuple(row for row in self.gates if row.attempt == self.request.attempt)

    @property
    def earlier_gates(self) -> tuple[GateRow, ...]:
        """The verdicts of former attempts, which stay on record."""
        latest = self.latest_gates
        return tuple(row for row in self.gates if row not in latest)

    @property
    def valid_sign_offs(self) -> tuple[SignOff, ...]:
        return tuple(signed for signed in self.sign_offs if signed.is_valid)

    @property
    def is_policy_older_than_evaluation(self) -> bool:
        """Whether the thresholds were public before the first verdict was worked on."""
        started = [row.started_at for row in self.gates]
        return bool(self.policy and started and self.policy.published_at < min(started))

    def to_json(self) -> bytes:
        """Return the canonical JSON (RFC 8785) of every field."""
        return canonical_bytes({"schema": SCHEMA, **_plain(self)})

    def json_sha256(self) -> str:
        """Return the hex SHA-256 of `to_json()`; the PDF prints it on every page."""
        return hashlib.sha256(self.to_json()).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name)) for field in fields(value)
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value
