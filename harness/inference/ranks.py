"""Ranks: intervals that only ask which values are larger, so that one odd value moves them little or not at all."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from harness.statistics import Interval, numbers, percentile

TAIL = 0.025
"""What a two-sided 95 % interval leaves out on either side."""
SPREADS = 40
"""So many standard deviations from its middle a binomial distribution is nothing any more."""


def hodges_lehmann(values: Sequence[float]) -> Interval | None:
    """The middle of values that lie around it alike on both sides, with the interval of the signed-rank test.

    The estimate is the median of the means of all pairs, each value with itself included; the interval goes from one
    of these means to another one, counted off from both ends by the exact distribution of the signed-rank sum, so it
    covers at least 95 %. Equal values and zeros only make it cover more.

    Args:
        values: one number per block, such as ln(after / before), any order, shape ``(n,)``.

    Returns:
        In the unit of the values. ``None`` for fewer than six: of five even the widest covers 93.75 %.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: Hodges & Lehmann (1963); Hollander, Wolfe & Chicken, Nonparametric Statistical Methods (2014), 3.2 and 3.3.
    """
    x = numbers(values)
    outside = int(np.searchsorted(np.cumsum(_signed_rank(len(x))), TAIL, side="right"))
    if outside == 0:
        return None
    first, second = np.triu_indices(len(x))
    means = np.sort((x[first] + x[second]) / 2)
    return Interval(float(np.median(means)), float(means[outside - 1]), float(means[-outside]))


def quantile_interval(values: NDArray[np.float64], quantile: Fraction) -> Interval | None:
    """A percentile of independent values with its interval: two of the values, chosen by the exact binomial.

    How many of n values lie below the true quantile is binomial; the ends are the values whose ranks leave at most
    2.5 % of it out on either side. Nothing is assumed of the values but that they are independent: requests of one
    leg are not, so this is no interval for their percentile.

    Args:
        values: any order, shape ``(n,)``.
        quantile: in (0, 1).

    Returns:
        The percentile as ``harness.statistics.percentile`` takes it, with elements of ``values`` as ends; ``None``
        where there are too few for either end (0.5: six, 0.95: 72, 0.99: 368).

    Raises:
        ValueError: when one is not a number.

    Source: Hahn & Meeker, Statistical Intervals (1991), section 5.2; David & Nagaraja, Order Statistics (2003), 7.1.
    """
    n, value = len(values), percentile(values, quantile)
    if value is None:
        return None
    least, chances = _binomial(n, float(quantile))
    below, above = np.cumsum(chances), np.cumsum(chances[::-1])
    low = least + int(np.searchsorted(below, TAIL, side="right"))
    high = least + len(chances) - int(np.searchsorted(above, TAIL, side="right"))
    if low < 1 or high > n:
        return None
    ranked = np.partition(values, [low - 1, high - 1])
    return Interval(value, float(ranked[low - 1]), float(ranked[high - 1]))


def _signed_rank(n: int) -> NDArray[np.float64]:
    """Chances of the signed-rank sums 0, 1, ..., n(n+1)/2 when either sign is equally likely, by convolution."""
    chances = np.array([1.0])
    for rank in range(1, n + 1):
        nothing = np.zeros(rank)
        chances = (np.concatenate([chances, nothing]) + np.concatenate([nothing, chances])) / 2
    return chances


def _binomial(n: int, p: float) -> tuple[int, NDArray[np.float64]]:
    """Chances of the counts that matter of n with probability p, and the first of these counts.

    By ratios of neighbours from the likeliest count on, which keeps every digit where factorials of millions do not.
    """
    middle = min(math.floor((n + 1) * p), n)
    reach = math.ceil(SPREADS * (math.sqrt(n * p * (1 - p)) + 1))
    up = np.arange(middle, min(n, middle + reach), dtype=np.float64)
    down = np.arange(middle, max(0, middle - reach), -1, dtype=np.float64)
    rising = np.cumprod((n - up) / (up + 1) * p / (1 - p))
    falling = np.cumprod(down / (n - down + 1) * (1 - p) / p)
    weights = np.concatenate([falling[::-1], [1.0], rising])
    return middle - len(down), weights / weights.sum()
