"""What a lineage report tells of oversight, as frozen values.

That is what people stated about a model, found wrong with it, let pass, undid and
looked at again.
Every `standing`, `is_…` and answer is as of the report's making.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why an answer is what it is: a code that never changes, and a sentence."""

    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the decision API said of the version in an environment: allow, deny, pending.

    `waivers` are the numbers of those that it rests on.
    """

    environment: str
    answer: str
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    waivers: tuple[int, ...]
    restrictions: tuple[str, ...]
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """The newest card of the model; `executive` is "" where it names nobody.

    `upstream_unnamed` counts the models that who ordered the report does not see.
    """

    number: int
    purpose: str
    limits_of_use: str
    origin: str
    vendor: str
    owner: str
    executive: str
    upstream: tuple[str, ...]
    upstream_unnamed: int
    revalidation_months: int | None
    revalidation_reason: str
    written_by: str
    written_at: datetime


@dataclass(frozen=True, kw_only=True)
class TierAssessment:
    """Somebody signed which risk tier the model is in, and why."""

    tier: int
    former_tier: int | None
    rationale: str
    exposure: str
    printed_name: str
    authentication: str
    signed_at: datetime


@dataclass(frozen=True, kw_only=True)
class FindingMove:
    """One step of a finding; `authentication` is "" where the step is not signed.

    `signed_with` are the others who signed where it takes more than one.
    """

    from_state: str
    to_state: str
    reason: str
    accepted_until: datetime | None
    moved_by: str
    signed_with: tuple[str, ...] = ()
    authentication: str
    moved_at: datetime


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is wrong with a version, or with the whole model where `version` is None."""

    number: int
    version: int | None
    severity: str
    cause: str
    title: str
    description: str
    state: str
    is_unresolved: bool
    is_overdue: bool
    owner: str
    opened_by: str
    opened_at: datetime
    due_at: datetime | None
    accepted_until: datetime | None
    moves: tuple[FindingMove, ...]


@dataclass(frozen=True, kw_only=True)
class BreakGlass:
    """A version was let serve in an emergency, or one person asked for that.

    What belongs to the second person is "" or None until somebody has confirmed.
    """

    number: int
    environment: str
    version: int
    standing: str
    is_in_force: bool
    reason: str
    hours: int
    asked_by: str
    asked_as: str
    asked_at: datetime
    asked_authentication: str
    lapses_at: datetime
    confirmed_by: str = ""
    confirmed_as: str = ""
    confirmed_at: datetime | None = None
    confirmed_authentication: str = ""
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    fallback: int | None = None
    finding: int | None = None

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None

    @property
    def has_lasted(self) -> bool:
        """Say whether its hours ended it, and nothing before they were over."""
        ended_at, expires_at = self.ended_at, self.expires_at
        return bool(ended_at and expires_at and ended_at >= expires_at)


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """A slot went back to a version that held its approval, and was frozen.

    `conclusion` and what follows are of the review that lifted the freeze.
    """

    number: int
    environment: str
    rolled_back: int
    to: int
    request: int
    reason: str
    rolled_back_by: str
    rolled_back_at: datetime
    finding: int
    freeze: int
    review_due_at: datetime
    is_frozen: bool
    is_review_overdue: bool
    conclusion: str = ""
    lifted_by: str = ""
    lifted_at: datetime | None = None
    authentication: str = ""


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """The version will not serve again, or the whole model where `version` is None.

    `dependants_unnamed` counts the models that who ordered the report does not see.
    """

    version: int | None
    reason: str
    printed_name: str
    authentication: str
    retired_at: datetime
    dependants: tuple[str, ...]
    dependants_unnamed: int


@dataclass(frozen=True, kw_only=True)
class Challenger:
    """A version ran beside a champion; `number` counts how many were tried there."""

    environment: str
    number: int
    version: int
    champion: int | None
    same_datasets: bool | None
    standing: str
    reason: str
    added_by: str
    added_at: datetime
    removal_reason: str = ""
    removed_by: str = ""
    removed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DueDate:
    """When the version must be validated again where it serves; None: nothing calls."""

    environment: str
    validated_at: datetime | None
    due_at: datetime | None
    why: str
    is_due: bool


@dataclass(frozen=True, kw_only=True)
class RevalidationTrigger:
    """Something called for a validation, of the version or of the whole model."""

    version: int | None
    kind: str
    detail: str
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True)
class SignedRevalidation:
    """A validator signed that the version may go on serving."""

    environment: str
    conclusion: str
    printed_name: str
    authentication: str
    signed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Revalidation:
    """How often the model is validated, when it is next, and what was done so far.

    `interval_months` None says: only when something calls for it.
    """

    interval_months: int | None = None
    interval_reason: str = ""
    due_dates: tuple[DueDate, ...] = ()
    triggers: tuple[RevalidationTrigger, ...] = ()
    signed: tuple[SignedRevalidation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Delegation:
    """In whose place somebody signed; `scope` says for which models."""

    number: int
    delegator: str
    scope: str
    reason: str
    authentication: str
    signed_at: datetime
    starts_at: datetime
    ends_at: datetime
    withdrawn_at: datetime | None
