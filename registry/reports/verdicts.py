"""Turns stored verdicts into the rows and the comparison that a report prints."""

import inspect
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from audit.errors import InvalidError
from registry.gate import gate as installed_gate
from registry.models import ModelVersion, Verdict
from registry.reports.lineage import ChampionComparison, Fact, GateRow
from registry.services.assessment import WAIVED
from registry.verdict import Comparator

# Printed elsewhere in the row, or only of use to a program.
LEFT_OUT = frozenset({"gate", "exact", "alpha"})
NO_WAIVERS: Mapping[str, int] = MappingProxyType({})


def gate_row(verdict: Verdict, waivers: Mapping[str, int] = NO_WAIVERS) -> GateRow:
    """Return a stored verdict as a row, with the waiver of its gate if that counts.

    One of an ERROR has no numbers.
    """
    answer, gate = _answer(verdict), verdict.gate_run.gate
    details: Mapping[str, Any] = answer.get("details", {})
    parameters: Mapping[str, Any] = details.get("parameters", {})
    shown = {key: value for key, value in details.items() if key not in LEFT_OUT}
    return GateRow(
        gate=gate,
        question=_question(gate),
        attempt=verdict.gate_run.attempt,
        outcome=verdict.outcome,
        comparator=Comparator(verdict.comparator).words if verdict.comparator else "",
        rule=str(parameters.get("rule", "")),
        unit=_unit(parameters),
        estimate=verdict.estimate,
        lower=verdict.lower,
        upper=verdict.upper,
        threshold=verdict.threshold,
        n=verdict.n,
        positives=answer.get("positives"),
        evidence_level=verdict.evidence_level,
        reason=verdict.reason_code,
        sentence=verdict.sentence,
        facts=tuple(_facts(shown)),
        evidence_digest=verdict.digest,
        started_at=verdict.started_at,
        finished_at=verdict.given_at,
        waiver=waivers.get(gate) if verdict.outcome in WAIVED else None,
    )


def comparison(verdict: Verdict, champion: ModelVersion) -> ChampionComparison | None:
    """Return what a verdict says about the champion, if it compared the two at all."""
    details = _answer(verdict).get("details", {})
    if "champion_auc" not in details or verdict.n is None:
        return None
    if verdict.estimate is None or verdict.lower is None or verdict.upper is None:
        return None
    confidence = 100 * (1 - 2 * details["alpha"])
    return ChampionComparison(
        champion_version=champion.number,
        champion_run_id=champion.linked_run.run_id,
        champion_artifact_sha256=champion.linked_sha256,
        metric="AUC",
        candidate_estimate=details["candidate_auc"],
        champion_estimate=details["champion_auc"],
        difference=verdict.estimate,
        lower=verdict.lower,
        upper=verdict.upper,
        interval=f"{confidence:g} % interval",
        margin=details["parameters"]["margin"],
        n=verdict.n,
        outcome=verdict.outcome,
        method=details["method"],
    )


def _answer(verdict: Verdict) -> Mapping[str, Any]:
    answer: Mapping[str, Any] | None = verdict.content["answer"]
    return answer or {}


def _question(slug: str) -> str:
    """Return the question that the gate's file opens with; "" when it is gone."""
    try:
        module = sys.modules[type(installed_gate(slug)).__module__]
    except InvalidError:
        return ""
    return (inspect.getdoc(module) or "").partition("\n")[0]


def _unit(parameters: Mapping[str, Any]) -> str:
    """Return the unit that the threshold carries in its name, as in `threshold_ms`."""
    names = [name for name in parameters if name.startswith("threshold_")]
    return names[0].removeprefix("threshold_") if names else ""


def _facts(details: Mapping[str, Any]) -> Iterator[Fact]:
    """Keep groups and digests as rows of their own, and gather the loose values."""
    loose = {}
    for name, value in details.items():
        if isinstance(value, Mapping):
            yield Fact(name=name, value="; ".join(_leaves(value)))
        elif isinstance(value, str):
            yield Fact(name=name, value=value)
        else:
            loose[name] = value
    if loose:
        yield Fact(name="also recorded", value="; ".join(_leaves(loose)))


def _leaves(group: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in group.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        elif isinstance(value, list):
            yield f"{path}{name} {', '.join(map(str, value))}"
        else:
            yield f"{path}{name} {value}"
