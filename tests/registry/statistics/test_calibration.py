import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from registry.statistics.calibration import (
    Bin,
    brier_score,
    calibration_error,
    cox_recalibration,
    debiased_error,
    equal_mass_bins,
    equal_width_bins,
    plug_in_error,
)
from tests.registry.gates.evidence_files import calibrated


def test_equal_mass_bins_hold_equally_many_rows():
    labels, scores = calibrated(3000, seed=1)
    bins = equal_mass_bins(labels, scores, 15)
    assert [part.gaps.size for part in bins] == [200] * 15


def test_equal_scores_share_a_bin():
    labels = np.array([0, 1] * 50, np.int8)
    scores = np.repeat([0.2, 0.7], 50)
    bins = equal_mass_bins(labels, scores, 15)
    assert [part.gaps.size for part in bins] == [50, 50]
    assert [part.gap for part in bins] == pytest.approx([0.3, -0.2])


def test_equal_width_bins_agree_with_binning_row_by_row():
    labels, scores = calibrated(500, seed=2)
    number = np.minimum((scores * 10).astype(int), 9)
    expected = sum(
        (number == part).mean() * abs((labels - scores)[number == part].mean())
        for part in set(number)
    )
    assert plug_in_error(equal_width_bins(labels, scores, 10)) == pytest.approx(
        expected
    )


def test_bias_of_a_bin_agrees_with_simulation():
    gaps = np.random.default_rng(3).normal(0.01, 0.4, 900)
    part = Bin(gaps, share=1.0)
    draws = np.random.default_rng(4).normal(part.gap, part.standard_error, 400_000)
    expected = 2 * abs(part.gap) - np.abs(draws).mean()
    assert debiased_error([part]) == pytest.approx(max(0, expected), abs=2e-4)


def test_order_of_rows_changes_nothing():
    labels, scores = calibrated(2000, seed=5)
    scores = np.round(scores, 2)
    order = np.random.default_rng(6).permutation(labels.size)
    in_order, shuffled = (
        calibration_error(bins, alpha=0.05, resamples=500, seed=7)
        for bins in (
            equal_mass_bins(labels, scores, 15),
            equal_mass_bins(labels[order], scores[order], 15),
        )
    )
    assert in_order == shuffled


def test_same_seed_gives_the_same_bounds_and_another_seed_others():
    bins = equal_mass_bins(*calibrated(2000, seed=8), 15)
    first, again, other = (
        calibration_error(bins, alpha=0.05, resamples=500, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert first.debiased == other.debiased


@pytest.mark.slow
@pytest.mark.parametrize("slope", [1.0, 1.1, 1.3, 1.8])
def test_both_bounds_cover_the_true_error_at_least_as_often_as_they_say(slope):
    above = below = 0
    for seed in range(120):
        labels, scores = calibrated(4000, seed=seed, slope=slope)
        logits = np.log(scores / (1 - scores)) / slope
        truth = 1 / (1 + np.exp(-logits))
        order = np.argsort(scores)
        parts = np.array_split((truth - scores)[order], 15)
        true_error = sum(part.size / 4000 * abs(part.mean()) for part in parts)
        error = calibration_error(
            equal_mass_bins(labels, scores, 15), alpha=0.05, resamples=500, seed=seed
        )
        above += error.upper >= true_error
        below += error.lower <= true_error

    # 0.95 less two and a half standard errors of a share of 120.
    assert above / 120 >= 0.90
    assert below / 120 >= 0.90


def test_brier_score_agrees_with_scikit_learn():
    labels, scores = calibrated(400, seed=9)
    assert brier_score(labels, scores) == pytest.approx(
        brier_score_loss(labels, scores)
    )


def test_cox_recalibration_agrees_with_scikit_learn():
    labels, scores = calibrated(50_000, seed=10, slope=1.7)
    logits = np.log(scores / (1 - scores))[:, None]
    oracle = LogisticRegression(C=math.inf, tol=1e-10).fit(logits, labels)

    result = cox_recalibration(labels, scores)

    assert result is not None
    assert result.slope == pytest.approx(oracle.coef_[0, 0], abs=1e-4)
    assert result.intercept == pytest.approx(oracle.intercept_[0], abs=1e-4)
    assert result.slope == pytest.approx(1 / 1.7, abs=0.03)


@pytest.mark.parametrize(
    "scores", [[0.5, 0.5, 0.5, 0.5], [0.0, 0.1, 0.9, 1.0]], ids=["constant", "perfect"]
)
def test_cox_recalibration_is_absent_where_it_has_no_solution(scores):
    labels = np.array([0, 0, 1, 1], np.int8)
    assert cox_recalibration(labels, np.array(scores)) is None
