"""The mathematics of comparing runs: numbers in, numbers out; no framework, no table."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev


def prediction_interval(
    sample: Sequence[float], *, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return where one further observation of the same normal population falls.

    mean ± t(n - 1) · s · √(1 + 1/n), where t is the two-sided quantile of Student's
    distribution; for unknown mean and variance
    (ISO 16269-8:2004; Hahn & Meeker, Statistical Intervals). None for fewer than two
    values, or for values that have no finite interval.
    """
    # A third of a second that the web processes, which compare rarely, need not pay.
    from scipy.special import stdtrit  # noqa: PLC0415

    size = len(sample)
    if size < 2 or not all(map(math.isfinite, sample)):
        return None
    try:
        mean, deviation = fmean(sample), stdev(sample)
    except OverflowError:
        return None
    quantile = float(stdtrit(size - 1, 0.5 + confidence / 2))
    reach = quantile * deviation * math.sqrt(1 + 1 / size)
    lower, upper = mean - reach, mean + reach
    return (lower, upper) if math.isfinite(lower) and math.isfinite(upper) else None


def is_close(here: float, original: float, *, relative: float, absolute: float) -> bool:
    """Say whether |here - original| <= absolute + relative · |original|.

    The formula is that of NumPy's `isclose`, which is not symmetric: the original is
    the reference. NaN equals NaN; an infinity is close to itself only.
    """
    if math.isnan(here) or math.isnan(original):
        return math.isnan(here) and math.isnan(original)
    if math.isinf(here) or math.isinf(original):
        return here == original
    difference = abs(here - original)
    return math.isfinite(difference) and (
        difference <= absolute + relative * abs(original)
    )
