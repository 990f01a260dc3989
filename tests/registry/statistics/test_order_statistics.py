import math

import numpy as np
import pytest
from scipy.stats import binom

from registry.statistics.order_statistics import (
    fewest_observations,
    percentile_with_bounds,
)


@pytest.mark.parametrize("size", [300, 1000, 2000, 4999])
@pytest.mark.parametrize("percentile", [50.0, 95.0, 99.0])
def test_bounds_are_the_tightest_that_keep_their_promise(size, percentile):
    sample = np.arange(1, size + 1, dtype=float)
    share = percentile / 100

    result = percentile_with_bounds(sample, percentile, alpha=0.05)

    rank_below, rank_above = result.lower, result.upper
    # X(l) lies above the percentile when fewer than l values lie below it.
    assert binom.cdf(rank_below - 1, size, share) <= 0.05
    assert binom.cdf(rank_below, size, share) > 0.05
    assert binom.cdf(rank_above - 1, size, share) >= 0.95
    assert binom.cdf(rank_above - 2, size, share) < 0.95
    assert result.value == np.percentile(sample, percentile, method="inverted_cdf")


def test_a_small_sample_gives_no_upper_bound():
    result = percentile_with_bounds(np.arange(100.0), 99.0, alpha=0.05)
    assert result.upper == math.inf


@pytest.mark.parametrize(("percentile", "fewest"), [(50, 5), (99, 299), (99.9, 2995)])
def test_fewest_observations_is_where_the_upper_bound_begins(percentile, fewest):
    assert fewest_observations(percentile, alpha=0.05) == fewest
    enough = percentile_with_bounds(np.arange(fewest * 1.0), percentile, alpha=0.05)
    short = percentile_with_bounds(np.arange(fewest - 1.0), percentile, alpha=0.05)
    assert (enough.upper, short.upper) == (fewest - 1, math.inf)


def test_upper_bound_covers_the_true_percentile_of_a_skewed_distribution():
    generator = np.random.default_rng(11)
    truth = -math.log(0.01)
    covered = sum(
        percentile_with_bounds(generator.exponential(size=1000), 99.0, alpha=0.05).upper
        >= truth
        for _ in range(2000)
    )
    assert 0.935 <= covered / 2000 <= 0.985
