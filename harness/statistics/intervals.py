"""Intervals: an estimate with its 95 % bounds, from one value per block, and whether they are precise enough.

Student's t distribution is a finite sum for whole degrees of freedom, so nothing is approximated and scipy is not
needed at run time (docs/decisions.md has the figures).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, variance

import numpy as np
from numpy.typing import NDArray

Scale = Callable[[float], float]  # an increasing function, from the scale of an estimate to that of its result
MIN_BLOCKS = 8
IGNORED_BLOCKS = 6  # the latest blocks, which do not take part in the decision to stop


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its two-sided 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance between the bounds, in their unit."""
        return (self.high - self.low) / 2

    def mapped(self, function: Scale) -> "Interval":
        return Interval(function(self.value), function(self.low), function(self.high))


def finite_array(values: Sequence[float]) -> NDArray[np.float64]:
    """A new array of the values, shape ``(n,)``; raises ``ValueError`` when one is infinite or not a number."""
    found = np.array(values, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError("a value is infinite or not a number")
    return found


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


def t_interval(values: Sequence[float], *, scale: Scale = float) -> Interval | None:
    """Student's t interval of the mean of independent values; ``None`` for fewer than two. Source: Student (1908)."""
    k = len(finite_array(values))
    if k < 2:  # noqa: PLR2004 - one value has no variance
        return None
    mean = math.fsum(values) / k
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (k - 1))
    half = t_quantile(0.975, k - 1) * deviation / math.sqrt(k)
    return Interval(mean, mean - half, mean + half).mapped(scale)


def welch(before: Sequence[float], after: Sequence[float], *, scale: Scale = float) -> Interval | None:
    """Interval of the difference of two means of unpaired values; ``None`` when either has fewer than two.

    The Satterthwaite degrees of freedom are rounded down, which can only widen the interval. Source: Welch (1947).
    """
    if min(len(finite_array(before)), len(finite_array(after))) < 2:  # noqa: PLR2004 - one value has no variance
        return None
    parts = [variance(values) / len(values) for values in (before, after)]
    difference, total = fmean(after) - fmean(before), math.fsum(parts)
    if total == 0:
        return Interval(difference, difference, difference).mapped(scale)
    df = total**2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (before, after), strict=True))
    half = t_quantile(0.975, max(1, math.floor(df))) * math.sqrt(total)
    return Interval(difference, difference - half, difference + half).mapped(scale)


def precise_enough(values: Sequence[float], wanted_half_width: float) -> bool:
    """Whether the blocks measured so far give a change precisely enough to stop; to be called after every block.

    Without the latest six, there must be eight blocks or more, and the half-width of their interval at most what is
    wanted: no run stops before its fourteenth block. Stopping as soon as the interval is narrow selects blocks that
    are alike by luck; a 95 % interval then covers 92.5 % (simulated, normal blocks, where the wanted half-width is
    0.45 of their standard deviation). The six ignored blocks bring that to 94 to 95 %.

    ``values`` are one per block in the order measured, such as ln(after / before); ``wanted_half_width`` is in the same
    unit, ln(1.05) where a ratio is wanted to 5 %, and above 0 (else ``ValueError``).

    Source: Chow & Robbins (1965) for the rule; Simons (1968) for blocks added after it says stop.
    """
    if not wanted_half_width > 0:
        raise ValueError(f"the wanted half-width must be above 0, not {wanted_half_width}")
    counted = values[: max(len(values) - IGNORED_BLOCKS, 0)]
    interval = t_interval(counted) if len(counted) >= MIN_BLOCKS else None
    return interval is not None and math.isfinite(interval.half_width) and interval.half_width <= wanted_half_width
