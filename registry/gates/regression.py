"""Is the candidate at most a stated margin worse than the champion, on the same rows?"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

from msgspec import Meta

from registry.evidence import Evidence, FileName, pair
from registry.gate import Gate, Measurement, too_few_rows
from registry.statistics.delong import AreaEstimate, area_difference, area_under_curve
from registry.statistics.non_inferiority import rows_needed
from registry.verdict import (
    Comparator,
    EvidenceLevel,
    Outcome,
    ReasonCode,
    Rule,
    Verdict,
)


@dataclass(frozen=True)
class RegressionParameters:
    """What a policy sets for the gate `regression`."""

    margin: Annotated[float, Meta(gt=0, le=0.2)]
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    min_rows: Annotated[int, Meta(ge=100)] = 1000
    min_class_rows: Annotated[int, Meta(ge=10)] = 100


class RegressionGate(Gate[RegressionParameters]):
    """The paired difference of two AUCs, held against a non-inferiority margin."""

    slug = "regression"
    evidence_level = EvidenceLevel.E2
    needs = frozenset({FileName.PREDICTIONS})
    parameters = RegressionParameters

    def evaluate(self, evidence: Evidence, parameters: RegressionParameters) -> Verdict:
        if evidence.champion is None:
            return self.verdict(
                Outcome.NOT_APPLICABLE,
                ReasonCode.NO_CHAMPION,
                "There is no champion in this environment yet, so there is nothing to"
                " be worse than.",
                parameters=parameters,
                evidence=evidence,
                comparator=Comparator.MORE_THAN,
                threshold=-parameters.margin,
            )
        candidate = evidence.candidate.predictions
        rows = pair(candidate, evidence.champion.predictions)
        difference = area_difference(
            rows.labels, rows.candidate_scores, rows.champion_scores
        )
        critical = NormalDist().inv_cdf(1 - parameters.alpha)
        return self.decide(
            Measurement(
                name="AUC minus the champion's",
                method="auc.difference.paired_delong.v1",
                estimate=difference.value,
                lower=difference.value - critical * difference.standard_error,
                upper=difference.value + critical * difference.standard_error,
                alpha=parameters.alpha,
                n=len(candidate),
                positives=candidate.positives,
                shortage=too_few_rows(
                    candidate, parameters.min_rows, parameters.min_class_rows
                ),
                advice=_advice(difference, len(candidate), parameters),
                details={
                    "standard_error": difference.standard_error,
                    "ranks_alike": difference == AreaEstimate(0.0, 0.0),
                    "candidate_auc": area_under_curve(
                        rows.labels, rows.candidate_scores
                    ).value,
                    "champion_auc": area_under_curve(
                        rows.labels, rows.champion_scores
                    ).value,
                    "champion": evidence.champion.label,
                    "champion_inputs": evidence.champion.digests(self.needs),
                    "row_key_digest": candidate.row_key_digest,
                },
            ),
            evidence,
            parameters,
            rule=Rule.CONFIDENT_PASS,
            comparator=Comparator.MORE_THAN,
            threshold=-parameters.margin,
        )


def _advice(
    difference: AreaEstimate, rows: int, parameters: RegressionParameters
) -> str:
    needed = rows_needed(
        difference.standard_error, rows, parameters.margin, alpha=parameters.alpha
    )
    return (
        f" Were the two equally good, about {needed:,} rows would show it four times"
        " out of five."
    )
