"""Resampling: a series drawn again from itself in blocks, so that what neighbours share is kept."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.statistics import numbers


def stationary_indices(n: int, length: float, resamples: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """Which values of a series make up each resample: blocks that begin anywhere and go on past the end at its start.

    Args:
        n: values of the series, at least 1.
        length: mean length of a block, at least 1; each is geometric, so that a resample is stationary.
        resamples: how many.
        chance: for every resample it gives n whole numbers, then n numbers in [0, 1); the same as ``arch`` takes.

    Returns:
        Positions in the series, shape ``(resamples, n)``.

    Raises:
        ValueError: when ``n`` or ``length`` is below 1.

    Source: Politis & Romano (1994).
    """
    if n < 1 or not length >= 1:
        raise ValueError(f"needs at least one value and blocks of at least 1, not {n} and {length}")
    begins, draws = np.empty((resamples, n), dtype=np.int64), np.empty((resamples, n))
    for row in range(resamples):
        begins[row], draws[row] = chance.integers(n, size=n), chance.random(n)
    place = np.arange(n)
    fresh = draws <= 1 / length
    fresh[:, 0] = True
    since = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    return (np.take_along_axis(begins, since, axis=1) + place - since) % n


def block_length(values: Sequence[float]) -> float | None:
    """The mean block length at which ``stationary_indices`` tells the spread of a series' mean best.

    The autocorrelations count up to where five in a row are no more than noise, with weights that fade beyond half of
    twice that (a flat top).

    Returns:
        At least 1, at most 3 sqrt(n) and a third of the series; 1 for a constant one; ``None`` for fewer than 12
        values.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: Politis & White (2004), with the correction by Patton, Politis & White (2009); details as in ``arch``.
    """
    x = numbers(values)
    n = len(x)
    quiet = max(5, int(math.log10(max(n, 1))))
    most = math.ceil(math.sqrt(n)) + quiet
    if n < most + 3:
        return None
    x -= x.mean()
    if not np.any(x):
        return 1.0
    lags = range(most + 1)
    products = np.array([float(x[lag:] @ x[: n - lag]) for lag in lags])
    sizes = np.array(
        [math.sqrt(float(x[lag + 1 :] @ x[lag + 1 :]) * float(x[: -lag - 1] @ x[: -lag - 1])) for lag in lags]
    )
    noise = np.abs(products) < 2 * math.sqrt(math.log10(n) / n) * sizes
    first = next((lag for lag in range(most + 1 - quiet) if noise[lag : lag + quiet].all()), None)
    reach = most if first is None else min(2 * max(first, 1), most)
    lag = np.arange(1, reach + 1)
    weights = np.minimum(1.0, 2 * (1 - lag / reach)) * products[1 : reach + 1] / n
    curvature, spread = 2 * float(weights @ lag), products[0] / n + 2 * float(weights.sum())
    if spread == 0:
        return 1.0
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))
    return float(max(1.0, min(abs(curvature / spread) ** (2 / 3) * n ** (1 / 3), longest)))
