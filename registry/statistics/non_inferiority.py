"""How many rows it takes to show that one model is not worse than another."""

import math
from statistics import NormalDist

POWER = 0.8


def rows_needed(
    standard_error: float, rows: int, margin: float, *, alpha: float
) -> int:
    """Count the rows for a power of 0.8 to pass `margin` when the two models are equally good.

    `standard_error` is that of the paired difference on `rows` rows; it shrinks with
    their square root (Julious 2004, Statistics in Medicine 23:1921-1986, section 3).
    """
    normal = NormalDist()
    critical = normal.inv_cdf(1 - alpha) + normal.inv_cdf(POWER)
    return math.ceil(rows * (critical * standard_error / margin) ** 2)
