"""The contract of a quality gate, the rule by which it decides, and the list of gates.

Subclassing `Gate` installs it; `registry.gates` holds one file a gate.
"""

import dataclasses
import math
import platform
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from audit.errors import InvalidError
from registry.evidence import Evidence, FileName, Predictions
from registry.verdict import (
    Comparator,
    EvidenceLevel,
    Outcome,
    ReasonCode,
    Rule,
    Verdict,
)

__all__ = [
    "Comparator",
    "EvidenceLevel",
    "Gate",
    "Measurement",
    "Outcome",
    "ReasonCode",
    "Rule",
    "Shortage",
    "Verdict",
    "all_gates",
    "gate",
    "judge",
    "parameters_as_json",
    "split_location",
    "too_few_rows",
]

P = TypeVar("P")


@dataclass(frozen=True)
class Shortage:
    """Why these data cannot decide anything, whatever number they give."""

    reason: ReasonCode
    words: str


@dataclass(frozen=True)
class Measurement:
    """What a gate found before it was compared with anything.

    `name` opens the sentence ("AUC"), `unit` follows its numbers (" ms"), `counted`
    names what `n` counts and `advice` ends the sentence of an INCONCLUSIVE verdict.
    A bound that the data do not give is infinite.
    """

    name: str
    method: str
    estimate: float
    lower: float
    upper: float
    alpha: float
    n: int
    positives: int | None = None
    unit: str = ""
    counted: str = "rows"
    shortage: Shortage | None = None
    advice: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(math.isnan(value) for value in (self.estimate, self.lower, self.upper)):
            raise ValueError(f"{self.name} has no value for these data")

    def shown(self, number: float) -> str:
        return f"{number:.4g}{self.unit}" if math.isfinite(number) else "unbounded"


class Gate(ABC, Generic[P]):
    """One question about a candidate, answered from its evidence. It never writes.

    `parameters` is a frozen dataclass of what a policy may set, with its ranges;
    `needs` names the files that the policy must point to.
    """

    slug: ClassVar[str]
    evidence_level: ClassVar[EvidenceLevel]
    needs: ClassVar[frozenset[FileName]]
    parameters: type[P]

    def __init_subclass__(cls) -> None:
        if cls.slug in _GATES:
            raise TypeError(
                f"{cls.__module__} and {_GATES[cls.slug].__module__} are both"
                f" the gate {cls.slug!r}; rename one"
            )
        _GATES[cls.slug] = cls

    @abstractmethod
    def evaluate(self, evidence: Evidence, parameters: P) -> Verdict:
        """Answer the question. Whatever is raised becomes an ERROR, never a PASS."""

    def read_parameters(self, given: Mapping[str, Any], *, path: str = "") -> P:
        """Turn a policy clause into parameters, defaults filled in.

        `path` leads to the clause inside the document and opens every message.
        """
        known = [item.name for item in dataclasses.fields(self.parameters)]  # type: ignore[arg-type] # P is always a dataclass
        for name in given:
            if name not in known:
                raise InvalidError(
                    "policy_unknown_parameter",
                    f"{_join(path, name)}: the gate {self.slug!r} has no parameter"
                    f" {name!r}; it has {', '.join(known)}.",
                    path=_join(path, name),
                )
        try:
            return msgspec.convert(given, self.parameters)
        except msgspec.ValidationError as error:
            problem, where = split_location(error, path)
            raise InvalidError(
                "policy_invalid_parameter",
                f"{where}: {problem}. Correct it; docs/gates.md lists the parameters"
                f" of the gate {self.slug!r} with their ranges.",
                path=where,
            ) from error

    def verdict(
        self,
        outcome: Outcome,
        reason: ReasonCode,
        sentence: str,
        *,
        parameters: P,
        evidence: Evidence,
        comparator: Comparator,
        threshold: float,
        measurement: Measurement | None = None,
    ) -> Verdict:
        """Assemble the answer with all that this code knows about its making."""
        details: dict[str, Any] = {
            "gate": self.slug,
            "parameters": parameters_as_json(parameters),
            "inputs": evidence.candidate.digests(self.needs),
            "environment": {
                "python": platform.python_version(),
                "platform": platform.platform(),
                **{name: version(name) for name in ("numpy", "scipy", "scikit-learn")},
            },
        }
        numbers: dict[str, Any] = {}
        if measurement is not None:
            exact = {
                "estimate": measurement.estimate,
                "lower": _finite(measurement.lower),
                "upper": _finite(measurement.upper),
            }
            numbers = {
                **exact,
                "n": measurement.n,
                "positives": measurement.positives,
            }
            details |= {
                "method": measurement.method,
                "alpha": measurement.alpha,
                "exact": {key: _hexadecimal(value) for key, value in exact.items()},
                **measurement.details,
            }
        return Verdict(
            outcome=outcome,
            reason_code=reason,
            sentence=sentence,
            evidence_level=self.evidence_level,
            comparator=comparator,
            threshold=threshold,
            details=details,
            **numbers,
        )

    def decide(
        self,
        measurement: Measurement,
        evidence: Evidence,
        parameters: P,
        *,
        rule: Rule,
        comparator: Comparator,
        threshold: float,
    ) -> Verdict:
        """Judge a measurement by the policy's rule and say it in one sentence."""
        outcome, reason = judge(
            measurement, rule=rule, comparator=comparator, threshold=threshold
        )
        why = measurement.shortage.words if measurement.shortage else _WHY[reason, rule]
        advice = measurement.advice if outcome is Outcome.INCONCLUSIVE else ""
        shown = measurement.shown
        return self.verdict(
            outcome,
            reason,
            f"{measurement.name} is {shown(measurement.estimate)}"
            f" ({100 * (1 - 2 * measurement.alpha):.4g}% interval {shown(measurement.lower)} to"
            f" {shown(measurement.upper)}, {measurement.n:,} {measurement.counted});"
            f" the policy asks for {comparator.words} {shown(threshold)}: {why}."
            f"{advice}",
            parameters=parameters,
            evidence=evidence,
            comparator=comparator,
            threshold=threshold,
            measurement=measurement,
        )


_GATES: dict[str, type[Gate[Any]]] = {}

_WHY = {
    (ReasonCode.MEETS_THRESHOLD, Rule.POINT): "the estimate meets it",
    (ReasonCode.MISSES_THRESHOLD, Rule.POINT): "the estimate misses it",
    (
        ReasonCode.MEETS_THRESHOLD,
        Rule.CONFIDENT_PASS,
    ): "the whole interval meets it",
    (
        ReasonCode.MISSES_THRESHOLD,
        Rule.CONFIDENT_PASS,
    ): "the whole interval misses it",
    (
        ReasonCode.INTERVAL_REACHES_ACROSS_THRESHOLD,
        Rule.CONFIDENT_PASS,
    ): "the interval reaches across it, so these data cannot tell",
}


def all_gates() -> dict[str, Gate[Any]]:
    """Return every installed gate by its slug, in alphabetical order."""
    return {slug: _GATES[slug]() for slug in sorted(_GATES)}


def gate(slug: str) -> Gate[Any]:
    """Return the gate of this slug, or refuse with the list of those known."""
    if slug not in _GATES:
        raise InvalidError(
            "policy_unknown_gate",
            f"There is no gate {slug!r}; use one of {', '.join(sorted(_GATES))}.",
        )
    return _GATES[slug]()


def judge(
    measurement: Measurement, *, rule: Rule, comparator: Comparator, threshold: float
) -> tuple[Outcome, ReasonCode]:
    """Compare both ends of the interval (or the estimate alone) with the threshold."""
    if measurement.shortage is not None:
        return Outcome.INCONCLUSIVE, measurement.shortage.reason
    worst, best = measurement.lower, measurement.upper
    if comparator is Comparator.AT_MOST:
        worst, best = best, worst
    if rule is Rule.POINT:
        worst = best = measurement.estimate
    if comparator.holds(worst, threshold):
        return Outcome.PASS, ReasonCode.MEETS_THRESHOLD
    if not comparator.holds(best, threshold):
        return Outcome.FAIL, ReasonCode.MISSES_THRESHOLD
    return Outcome.INCONCLUSIVE, ReasonCode.INTERVAL_REACHES_ACROSS_THRESHOLD


def too_few_rows(
    predictions: Predictions, min_rows: int, min_class_rows: int
) -> Shortage | None:
    """Name the shortage of rows, or of rows of the rarer class, if there is one."""
    if len(predictions) < min_rows:
        return Shortage(
            ReasonCode.TOO_FEW_ROWS, f"too few rows, at least {min_rows:,} are needed"
        )
    rarer = predictions.rows_of_rarer_class
    if rarer < min_class_rows:
        return Shortage(
            ReasonCode.TOO_FEW_ROWS_OF_ONE_CLASS,
            f"only {rarer:,} rows of the rarer class, at least {min_class_rows:,} are"
            " needed",
        )
    return None


def parameters_as_json(parameters: Any) -> dict[str, Any]:
    """Spell out every parameter; msgspec alone would leave out those left at default."""
    return {
        item.name: msgspec.to_builtins(getattr(parameters, item.name))
        for item in dataclasses.fields(parameters)
    }


def split_location(error: msgspec.ValidationError, path: str) -> tuple[str, str]:
    """Part msgspec's message from its JSON path, and hang that path under `path`."""
    problem, _, inner = str(error).partition(" - at `$")
    return problem.replace("`", ""), _join(path, inner.rstrip("`").removeprefix("."))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _hexadecimal(number: float | None) -> str | None:
    """Write the exact value in a form that no reader of JSON can round."""
    return None if number is None else float(number).hex()
