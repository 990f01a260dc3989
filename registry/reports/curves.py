"""Turns labels and scores into the points that the report's figures draw."""

import math

import numpy as np
import numpy.typing as npt

from registry.reports.lineage import ReliabilityBin, RocCurve, ScoreBar

Labels = npt.NDArray[np.int8]
Scores = npt.NDArray[np.float64]

# The 97.5th percentile of the normal distribution: two-sided 95 % intervals.
Z_95 = 1.959963984540054


def roc_curve(
    label: str, labels: Labels, scores: Scores, *, auc: float, limit: int = 200
) -> RocCurve:
    """Return the ROC curve, thinned to at most `limit` points spread along its length.

    Both classes have to occur. Equal scores make one point, whatever their order.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order] == 1)
    misses = np.cumsum(labels[order] != 1)
    last_of_each_score = np.append(np.diff(scores[order]) != 0, True)
    true_rate = np.append(0.0, hits[last_of_each_score] / hits[-1])
    false_rate = np.append(0.0, misses[last_of_each_score] / misses[-1])
    travelled = true_rate + false_rate
    stops = np.searchsorted(travelled, np.linspace(0.0, travelled[-1], limit))
    kept = np.unique(np.append(stops, [0, travelled.size - 1]))
    return RocCurve(
        label=label,
        auc=auc,
        positives=int(hits[-1]),
        negatives=int(misses[-1]),
        points=tuple(
            (float(x), float(y))
            for x, y in zip(false_rate[kept], true_rate[kept], strict=True)
        ),
    )


def reliability_bins(
    labels: Labels, scores: Scores, *, count: int
) -> tuple[ReliabilityBin, ...]:
    """Return at most `count` bins of equally many rows; equal scores share a bin."""
    order = np.lexsort((labels, scores))
    labels, scores = labels[order], scores[order]
    starts = scores[np.arange(1, count) * scores.size // count]
    cuts = np.unique(np.searchsorted(scores, starts, side="left"))
    parts = zip(np.split(labels, cuts), np.split(scores, cuts), strict=True)
    return tuple(_bin(*part) for part in parts if part[0].size)


def _bin(labels: Labels, scores: Scores) -> ReliabilityBin:
    lower, upper = wilson_interval(int(labels.sum()), labels.size)
    return ReliabilityBin(
        mean_score=float(scores.mean()),
        observed=float(labels.mean()),
        lower=lower,
        upper=upper,
        rows=labels.size,
    )


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, JASA 22:209-212)."""
    share, z2 = successes / trials, Z_95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = share * (1 - share) / trials + z2 / (4 * trials**2)
    reach = Z_95 * math.sqrt(spread) / (1 + z2 / trials)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def score_histogram(scores: Scores, *, count: int = 20) -> tuple[ScoreBar, ...]:
    """Return how many probabilities fall into each of `count` equal parts of [0, 1]."""
    rows, edges = np.histogram(scores, bins=count, range=(0.0, 1.0))
    return tuple(
        ScoreBar(start=float(edges[i]), end=float(edges[i + 1]), rows=int(rows[i]))
        for i in range(count)
    )
