"""Percentiles: by nearest rank, each one of the values observed, and median-unbiased for ratios of unlike counts."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray


def tolerance_rank(n: int, *, quantile: float = 0.95, confidence: float = 0.95) -> int:
    """The largest r for which the r-th largest of ``n`` values is an upper bound of their quantile; 0 without one.

    That is so with the given confidence when r or more of the values lie beyond the quantile. For 95 / 95: 1 from 59
    values on, 2 from 93, 3 from 124, 4 from 153, 5 from 181. Source: Wilks (1941); Conover (1999), 3.3.
    """
    beyond, rank = 1.0, 0  # the probability that more than ``rank`` values lie beyond the quantile
    odds = math.log1p(-quantile) - math.log(quantile)
    log_term = n * math.log(quantile)
    while rank < n and (beyond := beyond - math.exp(log_term)) >= confidence:
        log_term += math.log(n - rank) - math.log(rank + 1) + odds
        rank += 1
    return rank


def percentile(values: NDArray[np.float64], quantile: Fraction) -> float | None:
    """Nearest-rank percentile: the smallest value with at least ``quantile`` of all values at or below it.

    ``None`` without values. ``quantile`` is in (0, 1], a ``Fraction`` because 0.95 x 20 must be 19, not
    19.000000000000004.

    Source: Hyndman & Fan (1996), definition 1.
    """
    if np.isnan(values).any():
        raise ValueError("a value is not a number")
    return percentiles(values, [quantile])[0]


def percentiles(values: NDArray[Any], quantiles: Sequence[Fraction]) -> list[float | None]:
    """Several nearest-rank percentiles of the same values, none of them NaN, in one pass.

    Source: Hyndman & Fan (1996), definition 1.
    """
    if len(values) == 0 or not quantiles:
        return [None] * len(quantiles)
    places = [math.ceil(quantile * len(values)) - 1 for quantile in quantiles]
    ranked = np.partition(values, places)
    return [float(ranked[place]) for place in places]


def median_unbiased(values: NDArray[Any], quantiles: Sequence[Fraction]) -> list[float]:
    """Several percentiles of one or more values, none of them NaN, for a ratio of legs with unlike counts.

    The nearest rank of 310 values lies lower in their distribution than that of 390, which makes equal arms differ;
    this one lies at the same place whatever the count. Beyond the outermost values it is the outermost one.

    Source: Hyndman & Fan (1996), definition 8: position (n + 1/3) q + 1/3, interpolated linearly.
    """
    third, n = Fraction(1, 3), len(values)
    positions = [min(max((n + third) * quantile + third, Fraction(1)), Fraction(n)) - 1 for quantile in quantiles]
    floors = [math.floor(position) for position in positions]
    ranked = np.partition(values, sorted({*floors, *(min(floor + 1, n - 1) for floor in floors)}))
    return [
        float(ranked[floor]) + float(position - floor) * float(ranked[min(floor + 1, n - 1)] - ranked[floor])
        for position, floor in zip(positions, floors, strict=True)
    ]
