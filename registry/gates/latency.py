"""Does the model answer one request fast enough on the worker's own hardware?"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from registry.evidence import Evidence, FileName
from registry.gate import Gate, Measurement
from registry.model_timing import time_model
from registry.statistics.order_statistics import (
    fewest_observations,
    percentile_with_bounds,
)
from registry.verdict import Comparator, EvidenceLevel, Rule, Verdict

LONGEST_RUN_SECONDS = 600


@dataclass(frozen=True)
class LatencyParameters:
    """What a policy sets for the gate `latency`."""

    threshold_ms: Annotated[float, Meta(gt=0, le=60_000)]
    percentile: Annotated[float, Meta(ge=50, le=99.9)] = 99.0
    rule: Rule = Rule.CONFIDENT_PASS
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    requests: Annotated[int, Meta(ge=1000, le=100_000)] = 2000
    requests_per_second: Annotated[float, Meta(ge=1, le=2000)] = 200.0
    warm_up_requests: Annotated[int, Meta(ge=10, le=10_000)] = 100

    def __post_init__(self) -> None:
        fewest = fewest_observations(self.percentile, alpha=self.alpha)
        if self.requests < fewest:
            raise ValueError(
                f"requests must be at least {fewest:,} to bound the percentile"
                f" {self.percentile:g} at this alpha"
            )
        if self.requests / self.requests_per_second > LONGEST_RUN_SECONDS:
            raise ValueError(
                f"requests / requests_per_second must not exceed"
                f" {LONGEST_RUN_SECONDS} seconds"
            )


class LatencyGate(Gate[LatencyParameters]):
    """A percentile of the answer times of the ONNX model, run at a fixed rate."""

    slug = "latency"
    evidence_level = EvidenceLevel.E3
    needs = frozenset({FileName.MODEL, FileName.MODEL_INPUTS})
    parameters = LatencyParameters

    def evaluate(self, evidence: Evidence, parameters: LatencyParameters) -> Verdict:
        result = time_model(
            evidence.candidate.model,
            evidence.candidate.model_inputs,
            requests=parameters.requests,
            requests_per_second=parameters.requests_per_second,
            warm_up_requests=parameters.warm_up_requests,
        )
        measured = percentile_with_bounds(
            result.latencies_ms, parameters.percentile, alpha=parameters.alpha
        )
        return self.decide(
            Measurement(
                name=f"Latency p{parameters.percentile:g}",
                method="latency.open_loop.order_statistic.v1",
                estimate=measured.value,
                lower=measured.lower,
                upper=measured.upper,
                alpha=parameters.alpha,
                n=parameters.requests,
                unit=" ms",
                counted="requests",
                details=result.as_json(),
            ),
            evidence,
            parameters,
            rule=parameters.rule,
            comparator=Comparator.AT_MOST,
            threshold=parameters.threshold_ms,
        )
