"""The Hodges-Lehmann estimate with its interval: robust against one odd block, so a comparison for Student's t."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.statistics.intervals import Interval, finite_array

TAIL = 0.025
"""What a two-sided 95 % interval leaves out on either side."""


def hodges_lehmann(values: Sequence[float]) -> Interval | None:
    """The median of the means of all pairs of values, with the interval of the exact signed-rank test.

    Args:
        values: one number per block, such as ln(after / before), any order, shape ``(n,)``.

    Returns:
        In the unit of the values. ``None`` for fewer than six: of five even the widest covers 93.75 %.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: Hodges & Lehmann (1963); Hollander, Wolfe & Chicken, Nonparametric Statistical Methods (2014), 3.2 and 3.3.
    """
    x = finite_array(values)
    outside = int(np.searchsorted(np.cumsum(_signed_rank(len(x))), TAIL, side="right"))
    if outside == 0:
        return None
    first, second = np.triu_indices(len(x))
    means = np.sort((x[first] + x[second]) / 2)
    return Interval(float(np.median(means)), float(means[outside - 1]), float(means[-outside]))


def _signed_rank(n: int) -> NDArray[np.float64]:
    """Probabilities of the signed-rank sums 0, 1, ..., n(n+1)/2 when either sign is equally likely, by convolution."""
    chances = np.array([1.0])
    for rank in range(1, n + 1):
        nothing = np.zeros(rank)
        chances = (np.concatenate([chances, nothing]) + np.concatenate([nothing, chances])) / 2
    return chances
