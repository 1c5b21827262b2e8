"""Student's t distribution for whole degrees of freedom: its distribution function and its quantiles.

The distribution function is a finite sum for whole degrees of freedom, so nothing is approximated and scipy is not
needed at run time (docs/decisions.md has the figures).
"""

import math
from functools import cache


def t_cdf(t: float, df: int) -> float:
    """Probability of a value of at most ``t`` >= 0, right to about 1e-15.

    Source: Abramowitz & Stegun (1964), 26.7.3 for odd and 26.7.4 for even degrees of freedom.
    """
    theta, odd = math.atan(t / math.sqrt(df)), df % 2
    cos2 = math.cos(theta) ** 2
    term, total = math.cos(theta) ** odd, 0.0
    for m in range(2 + odd, df + 1, 2):
        total += term
        term *= cos2 * (m - 1) / m
    area = 2 / math.pi * (theta + math.sin(theta) * total) if odd else math.sin(theta) * total
    return 0.5 + area / 2


@cache
def t_quantile(p: float, df: int) -> float:
    """Quantile for p in (0.5, 1), by bisection of ``t_cdf``. Source: Student (1908)."""
    low, high = 0.0, 1.0
    while t_cdf(high, df) < p:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if t_cdf(middle, df) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2
