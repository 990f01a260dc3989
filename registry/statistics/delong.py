"""The area under the ROC curve with DeLong's variance, for one model and for two on the same rows."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]


@dataclass(frozen=True)
class AreaEstimate:
    """An area, or a difference of two areas, with its standard error."""

    value: float
    standard_error: float


def area_under_curve(labels: Labels, scores: Scores) -> AreaEstimate:
    """Compute the AUC and DeLong's standard error; ties count one half.

    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837-845, in the O(n log n)
    form of Sun & Xu (2014), IEEE Signal Processing Letters 21:1389-1393.
    `labels` are 0 and 1, each present.
    """
    by_positive, by_negative = _placements(labels, scores)
    return AreaEstimate(
        value=float(by_positive.mean()),
        standard_error=_standard_error(by_positive, by_negative),
    )


def area_difference(
    labels: Labels, scores: Scores, other_scores: Scores
) -> AreaEstimate:
    """Compute the AUC of `scores` minus that of `other_scores`, on the same rows.

    The difference is taken row by row before the variance, so the covariance of
    the two models is in it and two models that rank alike have an error of exactly 0.
    """
    positive, negative = _placements(labels, scores)
    other_positive, other_negative = _placements(labels, other_scores)
    by_positive, by_negative = positive - other_positive, negative - other_negative
    return AreaEstimate(
        value=float(by_positive.mean()),
        standard_error=_standard_error(by_positive, by_negative),
    )


def _placements(labels: Labels, scores: Scores) -> tuple[Scores, Scores]:
    """Return DeLong's structural components V10 and V01.

    For each positive the share of negatives below it; for each negative the share of
    positives above it.
    """
    is_positive = labels == 1
    positives, negatives = scores[is_positive], scores[~is_positive]
    ranks = _midranks(scores)
    below_positive = (ranks[is_positive] - _midranks(positives)) / negatives.size
    below_negative = (ranks[~is_positive] - _midranks(negatives)) / positives.size
    return below_positive, 1.0 - below_negative


def _midranks(values: Scores) -> Scores:
    """Rank from 1, equal values sharing the mean of their ranks."""
    _, position, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Scores = (np.cumsum(count) - (count - 1) / 2)[position]
    return ranks


def _standard_error(by_positive: Scores, by_negative: Scores) -> float:
    return math.sqrt(
        _variance(by_positive) / by_positive.size
        + _variance(by_negative) / by_negative.size
    )


def _variance(components: Scores) -> float:
    """Estimate it; a single row tells nothing, so it counts with the most possible."""
    return float(components.var(ddof=1)) if components.size > 1 else 1.0
