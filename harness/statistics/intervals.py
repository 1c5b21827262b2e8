"""Intervals: an estimate with its 95 % bounds, from one value per block."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

import numpy as np
from numpy.typing import NDArray

from harness.statistics.student_t import t_quantile


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


def finite_array(values: Sequence[float]) -> NDArray[np.float64]:
    """A new array of the values, shape ``(n,)``; raises ``ValueError`` when one is infinite or not a number."""
    found = np.array(values, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError("a value is infinite or not a number")
    return found


def t_interval(values: Sequence[float]) -> Interval | None:
    """Student's t interval of the mean of independent values, in their unit; ``None`` for fewer than two.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: Student (1908).
    """
    k = len(finite_array(values))
    if k < 2:  # noqa: PLR2004 - one value has no variance
        return None
    mean = math.fsum(values) / k
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (k - 1))
    half = t_quantile(0.975, k - 1) * deviation / math.sqrt(k)
    return Interval(mean, mean - half, mean + half)


def welch(before: Sequence[float], after: Sequence[float]) -> Interval | None:
    """Interval of the difference of two means of unpaired values; ``None`` when either has fewer than two.

    The Satterthwaite degrees of freedom are rounded down, which can only widen the interval.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: Welch (1947).
    """
    if min(len(finite_array(before)), len(finite_array(after))) < 2:  # noqa: PLR2004 - one value has no variance
        return None
    parts = [variance(values) / len(values) for values in (before, after)]
    difference, total = fmean(after) - fmean(before), sum(parts)
    if total == 0:
        return Interval(difference, difference, difference)
    df = total**2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (before, after), strict=True))
    half = t_quantile(0.975, max(1, math.floor(df))) * math.sqrt(total)
    return Interval(difference, difference - half, difference + half)
