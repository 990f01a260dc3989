import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from registry.statistics.delong import area_difference, area_under_curve


def brute_force(labels, *models):
    """DeLong 1988 word for word: every positive against every negative."""
    kernels = []
    for scores in models:
        positives, negatives = scores[labels == 1], scores[labels == 0]
        above = positives[:, None] > negatives[None, :]
        level = positives[:, None] == negatives[None, :]
        kernels.append(above + 0.5 * level)
    by_positive = np.array([kernel.mean(axis=1) for kernel in kernels])
    by_negative = np.array([kernel.mean(axis=0) for kernel in kernels])
    covariance = np.atleast_2d(np.cov(by_positive)) / by_positive.shape[1]
    covariance = covariance + np.atleast_2d(np.cov(by_negative)) / by_negative.shape[1]
    return by_positive.mean(axis=1), covariance


def sample(seed, rows=120, decimals=2):
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.3).astype(np.int8)
    labels[:4] = [0, 0, 1, 1]
    first = np.round(generator.normal(labels * 0.8, 1), decimals)
    second = np.round(first + generator.normal(0, 0.7, rows), decimals)
    return labels, first, second


@pytest.mark.parametrize("decimals", [0, 1, 6])
@pytest.mark.parametrize("seed", range(5))
def test_area_and_error_agree_with_brute_force_whatever_the_ties(seed, decimals):
    labels, scores, _ = sample(seed, decimals=decimals)
    areas, covariance = brute_force(labels, scores)

    result = area_under_curve(labels, scores)

    assert result.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert result.value == pytest.approx(areas[0], abs=1e-12)
    assert result.standard_error == pytest.approx(
        math.sqrt(covariance[0, 0]), abs=1e-12
    )


@pytest.mark.parametrize("decimals", [0, 1, 6])
@pytest.mark.parametrize("seed", range(5))
def test_paired_difference_agrees_with_brute_force_whatever_the_ties(seed, decimals):
    labels, first, second = sample(seed, decimals=decimals)
    areas, covariance = brute_force(labels, first, second)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]

    result = area_difference(labels, first, second)

    assert result.value == pytest.approx(areas[0] - areas[1], abs=1e-12)
    assert result.standard_error == pytest.approx(math.sqrt(variance), abs=1e-12)


def test_error_agrees_with_the_bootstrap():
    labels, scores, _ = sample(7, rows=600, decimals=6)
    generator = np.random.default_rng(1)
    positives, negatives = scores[labels == 1], scores[labels == 0]
    areas = []
    for _ in range(600):
        drawn = generator.choice(positives, positives.size)
        others = generator.choice(negatives, negatives.size)
        areas.append((drawn[:, None] > others[None, :]).mean())

    assert area_under_curve(labels, scores).standard_error == pytest.approx(
        np.std(areas), rel=0.1
    )


@given(seed=st.integers(0, 10_000))
def test_area_survives_any_monotone_transform_and_any_order_of_rows(seed):
    labels, scores, _ = sample(seed, rows=40)
    order = np.random.default_rng(seed).permutation(labels.size)
    expected = area_under_curve(labels, scores)

    assert area_under_curve(labels, np.exp(scores / 3)) == expected
    shuffled = area_under_curve(labels[order], scores[order])
    assert shuffled.value == pytest.approx(expected.value, abs=1e-12)
    assert shuffled.standard_error == pytest.approx(expected.standard_error, abs=1e-12)


def test_models_that_rank_alike_differ_by_exactly_nothing():
    labels, scores, _ = sample(3)
    difference = area_difference(labels, scores, np.exp(scores))
    assert (difference.value, difference.standard_error) == (0.0, 0.0)


def test_a_single_positive_has_an_error_that_proves_nothing():
    labels = np.array([1, 0, 0, 0], np.int8)
    assert area_under_curve(labels, np.array([0.9, 0.1, 0.2, 0.3])).standard_error >= 1


@pytest.mark.slow
def test_lower_bound_covers_the_true_area_about_as_often_as_it_says():
    separation = 0.9
    truth = NormalDist().cdf(separation / math.sqrt(2))
    critical = NormalDist().inv_cdf(0.95)
    generator = np.random.default_rng(20)
    covered = 0
    for _ in range(2000):
        labels = (generator.random(1000) < 0.2).astype(np.int8)
        scores = generator.normal(labels * separation, 1)
        area = area_under_curve(labels, scores)
        covered += area.value - critical * area.standard_error <= truth

    assert covered / 2000 == pytest.approx(0.95, abs=0.015)
