"""Percentiles of a sample with an interval that assumes no distribution."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class PercentileEstimate:
    """A percentile and its bounds, each an observed value.

    A bound is infinite when no observation lies far enough out to be one.
    """

    value: float
    lower: float
    upper: float


def percentile_with_bounds(
    sample: npt.NDArray[np.float64], percentile: float, *, alpha: float
) -> PercentileEstimate:
    """Take the smallest value with at least `percentile` % of the sample up to it.

    Each bound alone has confidence of at least 1 - alpha: the number of values below
    the true percentile is binomial (David & Nagaraja, Order Statistics, 7.1).
    """
    # A third of a second that the web processes, which time nothing, need not pay.
    from scipy.special import bdtr  # noqa: PLC0415

    ordered, size, share = np.sort(sample), sample.size, percentile / 100
    # Rounding first: 0.99 * 1000 is 990.0000000000001 in some orders of evaluation.
    position = math.ceil(round(share * size, 9))
    at_most = bdtr(np.arange(size), size, share)  # P(count <= k) for k below size
    lower = int(np.searchsorted(at_most, alpha, side="right"))
    upper = int(np.searchsorted(at_most, 1 - alpha, side="left"))
    return PercentileEstimate(
        value=float(ordered[max(position, 1) - 1]),
        lower=float(ordered[lower - 1]) if lower > 0 else -math.inf,
        upper=float(ordered[upper]) if upper < size else math.inf,
    )


def fewest_observations(percentile: float, *, alpha: float) -> int:
    """Return the smallest sample whose maximum bounds the percentile from above."""
    return math.ceil(math.log(alpha) / math.log(percentile / 100))
