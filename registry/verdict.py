"""What a gate answers: the outcomes, the evidence levels and the verdict itself."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The answer to a gate's question; only PASS lets a version through."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"


class EvidenceLevel(StrEnum):
    """Who did the computing behind a number."""

    E0 = "E0"  # asserted: a metric that somebody logged
    E1 = "E1"  # asserted, with the artifact's digest
    E2 = "E2"  # recomputed from the stored predictions
    E3 = "E3"  # re-executed: the worker ran the pinned model
    E4 = "E4"  # re-performed by an independent party


class Comparator(StrEnum):
    """What a number must be to its threshold."""

    AT_LEAST = ">="
    AT_MOST = "<="
    MORE_THAN = ">"

    @property
    def words(self) -> str:
        return {">=": "at least", "<=": "at most", ">": "more than"}[self.value]

    def holds(self, number: float, threshold: float) -> bool:
        relation = {">=": operator.ge, "<=": operator.le, ">": operator.gt}
        return bool(relation[self.value](number, threshold))


class Rule(StrEnum):
    """Which part of a measurement must meet the threshold."""

    POINT = "point"
    CONFIDENT_PASS = "confident_pass"  # noqa: S105 - a rule, not a password


class ReasonCode(StrEnum):
    """Why a gate answered as it did, for programs; the sentence is for people."""

    MEETS_THRESHOLD = "meets_threshold"
    MISSES_THRESHOLD = "misses_threshold"
    INTERVAL_REACHES_ACROSS_THRESHOLD = "interval_reaches_across_threshold"
    TOO_FEW_ROWS = "too_few_rows"
    TOO_FEW_ROWS_OF_ONE_CLASS = "too_few_rows_of_one_class"
    NO_SPREAD = "no_spread"
    NO_CHAMPION = "no_champion"


@dataclass(frozen=True)
class Verdict:
    """One gate's answer about one candidate, with what is needed to repeat it.

    `lower` and `upper` are one-sided bounds, each of confidence 1 - alpha; `upper` is
    None where the sample gives no bound. `n` counts rows or, for latency, requests.
    `details` is JSON: method, parameters, digests of the inputs, seed, exact numbers.
    """

    outcome: Outcome
    reason_code: ReasonCode
    sentence: str
    evidence_level: EvidenceLevel
    comparator: Comparator
    threshold: float
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    positives: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
