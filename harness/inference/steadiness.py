"""Steadiness: where a series has settled."""

from collections.abc import Sequence

import numpy as np

from harness.statistics import numbers

BATCH, FEWEST_BATCHES = 5, 10
"""Values in a batch, and the least batches of a series."""


def settled_after(values: Sequence[float]) -> int | None:
    """How many values at the beginning of a series to leave out, so that the rest tells its mean best (MSER-5).

    The series is cut into batches of five (what is over at its end is not looked at). Of all cuts between batches up
    to the middle, the one is taken after which the squared standard error of the mean of the rest is least; of
    several, the first. Beyond the middle a few batches that are alike by luck would win: of series that are steady
    all along, of 60 to 120 values, 6 to 20 % would be cut there.

    Args:
        values: evenly spaced, such as one a second, shape ``(n,)``.

    Returns:
        A multiple of 5, at most half; 0 when nothing is gained. ``None`` for fewer than 50.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: White (1997) for the criterion; White, Cobb & Spratt (2000) for batches of five; Hoad, Robinson & Davies
    (2010) for looking no further than the middle.
    """
    x = numbers(values)
    batches = len(x) // BATCH
    if batches < FEWEST_BATCHES:
        return None
    means = x[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    means -= means[0]
    cuts = range(batches // 2 + 1)
    return BATCH * int(np.argmin([float(means[cut:].var()) / (batches - cut) for cut in cuts]))
