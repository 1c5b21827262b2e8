"""Percentiles by nearest rank: each is one of the values observed."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
