"""Does the model score events above non-events often enough?"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

from msgspec import Meta

from registry.evidence import Evidence, FileName
from registry.gate import Gate, Measurement, Shortage, too_few_rows
from registry.statistics.delong import area_under_curve
from registry.verdict import Comparator, EvidenceLevel, ReasonCode, Rule, Verdict


@dataclass(frozen=True)
class AucParameters:
    """What a policy sets for the gate `auc`."""

    threshold: Annotated[float, Meta(ge=0.5, lt=1)]
    rule: Rule = Rule.CONFIDENT_PASS
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    min_rows: Annotated[int, Meta(ge=100)] = 1000
    min_class_rows: Annotated[int, Meta(ge=10)] = 100


class AucGate(Gate[AucParameters]):
    """The area under the ROC curve, recomputed from the stored predictions."""

    slug = "auc"
    evidence_level = EvidenceLevel.E2
    needs = frozenset({FileName.PREDICTIONS})
    parameters = AucParameters

    def evaluate(self, evidence: Evidence, parameters: AucParameters) -> Verdict:
        # A second's import, which the web processes need not pay to read a policy.
        from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - see above

        predictions = evidence.candidate.predictions
        area = area_under_curve(predictions.labels, predictions.scores)
        estimate = float(roc_auc_score(predictions.labels, predictions.scores))
        if abs(estimate - area.value) > 1e-9:
            raise ArithmeticError(
                f"two computations of the AUC differ: {estimate} and {area.value}"
            )
        margin = NormalDist().inv_cdf(1 - parameters.alpha) * area.standard_error
        shortage = too_few_rows(
            predictions, parameters.min_rows, parameters.min_class_rows
        )
        if area.standard_error == 0 and estimate >= parameters.threshold:
            shortage = shortage or Shortage(
                ReasonCode.NO_SPREAD,
                "the scores separate the classes without a single error, so the rows"
                " tell nothing about its uncertainty; look for leakage",
            )
        return self.decide(
            Measurement(
                name="AUC",
                method="auc.delong.v1",
                estimate=estimate,
                lower=max(0.0, estimate - margin),
                upper=min(1.0, estimate + margin),
                alpha=parameters.alpha,
                n=len(predictions),
                positives=predictions.positives,
                shortage=shortage,
                details={
                    "standard_error": area.standard_error,
                    "negatives": len(predictions) - predictions.positives,
                    "row_key_digest": predictions.row_key_digest,
                    "ties": "one half",
                },
            ),
            evidence,
            parameters,
            rule=parameters.rule,
            comparator=Comparator.AT_LEAST,
            threshold=parameters.threshold,
        )
