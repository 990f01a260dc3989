"""How far predicted probabilities are from observed frequencies, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]

GENERATOR = "numpy.random.PCG64"
# Keeps the logit of a score of exactly 0 or 1 finite in the Cox regression.
SCORE_MARGIN = 1e-6
_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Bin:
    """The rows whose scores fall together: `gaps` are label minus score, row by row."""

    gaps: Scores
    share: float

    @property
    def gap(self) -> float:
        return float(self.gaps.mean())

    @property
    def standard_error(self) -> float:
        if self.gaps.size == 1:
            return 0.5  # nothing to estimate it from: the most that a label can have
        return float(self.gaps.std(ddof=1)) / math.sqrt(self.gaps.size)


@dataclass(frozen=True)
class CalibrationError:
    """The expected calibration error, without its bias, and an interval around it."""

    debiased: float
    plug_in: float
    lower: float
    upper: float
    largest_bias: float
    bins: int


@dataclass(frozen=True)
class CoxRecalibration:
    """logit P(label = 1) = intercept + slope x logit(score); (0, 1) is perfect."""

    intercept: float
    slope: float


def equal_mass_bins(labels: Labels, scores: Scores, count: int) -> list[Bin]:
    """Cut into at most `count` bins of equally many rows; equal scores share a bin.

    Rows are sorted by score and label first, so nothing depends on their order.
    """
    order = np.lexsort((labels, scores))
    labels, scores = labels[order], scores[order]
    starts = scores[np.arange(1, count) * scores.size // count]
    cuts = np.unique(np.searchsorted(scores, starts, side="left"))
    return _cut(labels, scores, cuts)


def equal_width_bins(labels: Labels, scores: Scores, count: int) -> list[Bin]:
    """Cut at 1/count, 2/count, …; bins that hold no row are left out."""
    order = np.lexsort((labels, scores))
    labels, scores = labels[order], scores[order]
    edges = np.arange(1, count) / count
    return _cut(labels, scores, np.searchsorted(scores, edges, side="left"))


def plug_in_error(bins: Sequence[Bin]) -> float:
    """Average |gap| over the bins, weighted by rows; biased upwards."""
    return sum(part.share * abs(part.gap) for part in bins)


def debiased_error(bins: Sequence[Bin]) -> float:
    """Take its estimated bias off the plug-in error; at least 0 remains.

    The gap of a bin is nearly normal, so |gap| has the mean of a folded normal; what
    that mean exceeds |gap| by estimates the bias (Kumar, Liang & Ma 2019,
    arXiv:1909.10155, section 5, here in closed form instead of by simulation).
    """
    bias = sum(
        part.share * (_folded_mean(part.gap, part.standard_error) - abs(part.gap))
        for part in bins
    )
    return max(0.0, plug_in_error(bins) - bias)


def calibration_error(
    bins: Sequence[Bin], *, alpha: float, resamples: int, seed: int
) -> CalibrationError:
    """Estimate the error and bound it below and above, each with confidence 1 - alpha.

    The bootstrap (rows redrawn inside their bin) supplies only the spread of the
    plug-in error around its mean. Its bias cannot be read off the bootstrap, because
    the resamples carry it twice; but it is known to lie between 0 (Jensen's
    inequality) and sqrt(2/pi) times the mean standard error of the bins (its value
    for a perfectly calibrated model). The upper bound removes the former, the lower
    bound the latter, so both err on the careful side.
    """
    errors = _resampled_errors(bins, resamples=resamples, seed=seed)
    below, above = np.quantile(errors - errors.mean(), [alpha, 1 - alpha])
    plug_in = plug_in_error(bins)
    largest_bias = math.sqrt(2 / math.pi) * sum(
        part.share * part.standard_error for part in bins
    )
    return CalibrationError(
        debiased=debiased_error(bins),
        plug_in=plug_in,
        lower=max(0.0, plug_in - largest_bias + float(below)),
        upper=min(1.0, plug_in + float(above)),
        largest_bias=largest_bias,
        bins=len(bins),
    )


def brier_score(labels: Labels, scores: Scores) -> float:
    return float(np.mean((scores - labels) ** 2))


def cox_recalibration(labels: Labels, scores: Scores) -> CoxRecalibration | None:
    """Cox (1958), Biometrika 45:562-565, by Newton's method; None without a solution.

    There is none when the scores separate the classes or are all equal.
    """
    safe = np.clip(scores, SCORE_MARGIN, 1 - SCORE_MARGIN)
    design = np.column_stack([np.ones(safe.size), np.log(safe / (1 - safe))])
    if np.ptp(design[:, 1]) == 0:
        return None
    coefficients = np.zeros(2)
    for _ in range(50):
        fitted = 1 / (1 + np.exp(-np.clip(design @ coefficients, -700, 700)))
        information = design.T @ (design * (fitted * (1 - fitted))[:, None])
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (labels - fitted))
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-10:
            return CoxRecalibration(float(coefficients[0]), float(coefficients[1]))
    return None


def _cut(labels: Labels, scores: Scores, cuts: npt.NDArray[np.intp]) -> list[Bin]:
    parts = np.split(labels - scores, cuts)
    return [Bin(gaps, gaps.size / scores.size) for gaps in parts if gaps.size]


def _folded_mean(mean: float, deviation: float) -> float:
    """Return the mean of |X| for X normal with this mean and deviation."""
    if deviation == 0:
        return abs(mean)
    ratio = mean / deviation
    spread = deviation * math.sqrt(2 / math.pi) * math.exp(-(ratio**2) / 2)
    return spread + mean * math.erf(ratio / math.sqrt(2))


def _resampled_errors(bins: Sequence[Bin], *, resamples: int, seed: int) -> Scores:
    """Compute the plug-in error of each resample, in bounded memory."""
    generator = np.random.Generator(np.random.PCG64(seed))
    errors = np.zeros(resamples)
    for part in bins:
        size = part.gaps.size
        at_once = max(1, _DRAWS_AT_ONCE // size)
        for first in range(0, resamples, at_once):
            rows = min(at_once, resamples - first)
            draws = generator.integers(0, size, size=(rows, size), dtype=np.int32)
            gaps = part.gaps[draws].mean(axis=1)
            errors[first : first + rows] += part.share * np.abs(gaps)
    return errors
