"""The points of the figures are those of the predictions."""

import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score

from registry.reports.curves import (
    reliability_bins,
    roc_curve,
    score_histogram,
    wilson_interval,
)
from registry.statistics.calibration import equal_mass_bins, plug_in_error
from tests.registry.reports.samples import predictions


def test_roc_curve_of_a_small_example_has_a_point_for_each_score():
    labels = np.array([1, 0, 1, 0], dtype=np.int8)
    scores = np.array([0.9, 0.8, 0.7, 0.1])

    curve = roc_curve("v1", labels, scores, auc=0.75)

    assert curve.points == ((0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0))
    assert (curve.positives, curve.negatives) == (2, 2)


def test_roc_curve_treats_equal_scores_as_one_point():
    labels = np.array([1, 0, 1, 0], dtype=np.int8)

    assert roc_curve("v1", labels, np.full(4, 0.5), auc=0.5).points == (
        (0.0, 0.0),
        (1.0, 1.0),
    )


def test_roc_curve_keeps_its_area_when_it_is_thinned():
    labels, scores = predictions(1.0)

    curve = roc_curve("v1", labels, scores, auc=0.0, limit=200)

    x, y = zip(*curve.points, strict=True)
    assert len(curve.points) <= 202
    assert curve.points[0] == (0.0, 0.0)
    assert curve.points[-1] == (1.0, 1.0)
    assert auc(x, y) == pytest.approx(roc_auc_score(labels, scores), abs=1e-3)


def test_reliability_bins_hold_equally_many_rows_and_all_of_them():
    labels, scores = predictions(1.0)

    bins = reliability_bins(labels, scores, count=15)

    assert [part.rows for part in bins] == [1600] * 15
    assert sum(part.observed * part.rows for part in bins) == pytest.approx(
        labels.sum()
    )
    assert all(part.lower <= part.observed <= part.upper for part in bins)


def test_reliability_bins_are_those_of_the_calibration_gate():
    labels, scores = predictions(1.0)

    bins = reliability_bins(labels, scores, count=15)

    drawn = sum(part.rows * abs(part.observed - part.mean_score) for part in bins)
    judged = plug_in_error(equal_mass_bins(labels, scores, 15))
    assert drawn / labels.size == pytest.approx(judged)


def test_reliability_bins_never_part_equal_scores():
    labels = np.array([0, 1, 0, 1], dtype=np.int8)

    assert len(reliability_bins(labels, np.full(4, 0.3), count=15)) == 1


def test_wilson_interval_is_the_published_one():
    """Newcombe 1998, Statistics in Medicine 17:857-872, table I: 81/263 and 0/20."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_score_histogram_counts_every_row_once():
    histogram = score_histogram(np.array([0.0, 0.04, 0.05, 0.999, 1.0]))

    assert sum(bar.rows for bar in histogram) == 5
    assert [bar.rows for bar in histogram][:2] == [2, 1]
    assert histogram[-1].rows == 2
