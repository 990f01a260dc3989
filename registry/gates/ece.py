"""Do events happen as often as the model's probabilities say?"""

from dataclasses import asdict, dataclass
from typing import Annotated

from msgspec import Meta

from registry.evidence import Evidence, FileName
from registry.gate import Gate, Measurement, too_few_rows
from registry.statistics import calibration
from registry.verdict import Comparator, EvidenceLevel, Rule, Verdict


@dataclass(frozen=True)
class EceParameters:
    """What a policy sets for the gate `ece`."""

    threshold: Annotated[float, Meta(gt=0, lt=1)]
    rule: Rule = Rule.CONFIDENT_PASS
    bins: Annotated[int, Meta(ge=5, le=100)] = 15
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    resamples: Annotated[int, Meta(ge=500, le=10_000)] = 1000
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    min_rows: Annotated[int, Meta(ge=1000)] = 3000
    min_class_rows: Annotated[int, Meta(ge=10)] = 100


class EceGate(Gate[EceParameters]):
    """The expected calibration error of class 1, recomputed from the predictions."""

    slug = "ece"
    evidence_level = EvidenceLevel.E2
    needs = frozenset({FileName.PREDICTIONS})
    parameters = EceParameters

    def evaluate(self, evidence: Evidence, parameters: EceParameters) -> Verdict:
        predictions = evidence.candidate.predictions
        labels, scores = predictions.labels, predictions.scores
        error = calibration.calibration_error(
            calibration.equal_mass_bins(labels, scores, parameters.bins),
            alpha=parameters.alpha,
            resamples=parameters.resamples,
            seed=parameters.seed,
        )
        equal_width = calibration.equal_width_bins(labels, scores, parameters.bins)
        cox = calibration.cox_recalibration(labels, scores)
        return self.decide(
            Measurement(
                name="Calibration error",
                method="ece.class1.equal_mass.debiased.v1",
                estimate=error.debiased,
                lower=error.lower,
                upper=error.upper,
                alpha=parameters.alpha,
                n=len(predictions),
                positives=predictions.positives,
                shortage=too_few_rows(
                    predictions, parameters.min_rows, parameters.min_class_rows
                ),
                details={
                    "generator": calibration.GENERATOR,
                    "bins_used": error.bins,
                    "plug_in": error.plug_in,
                    "largest_bias": error.largest_bias,
                    "equal_width_plug_in": calibration.plug_in_error(equal_width),
                    "brier_score": calibration.brier_score(labels, scores),
                    "cox_recalibration": None if cox is None else asdict(cox),
                    "row_key_digest": predictions.row_key_digest,
                },
            ),
            evidence,
            parameters,
            rule=parameters.rule,
            comparator=Comparator.AT_MOST,
            threshold=parameters.threshold,
        )
