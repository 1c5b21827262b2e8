"""Precision: when enough blocks are measured. Only the width of an interval counts, never the size of a change."""

import math
from collections.abc import Sequence

from harness.statistics.intervals import t_interval

MIN_BLOCKS = 8
IGNORED_BLOCKS = 6
"""The latest blocks, which do not take part in the decision to stop."""


def precise_enough(values: Sequence[float], wanted_half_width: float) -> bool:
    """Whether the blocks measured so far give a change precisely enough to stop; to be called after every block.

    Without the latest six, there must be eight blocks or more, and the half-width of their interval at most what is
    wanted: no run stops before its fourteenth block. Stopping as soon as the interval is narrow selects blocks that
    are alike by luck; a 95 % interval then covers 92.5 % (simulated, normal blocks, where the wanted half-width is
    0.45 of their standard deviation). The six ignored blocks bring that to 94 to 95 %.

    Args:
        values: one value per block in the order measured, such as ln(after / before).
        wanted_half_width: in the same unit: ln(1.05) where a ratio is wanted to 5 %.

    Raises:
        ValueError: when the wanted half-width is not above 0.

    Source: Chow & Robbins (1965) for the rule; Simons (1968) for blocks added after it says stop.
    """
    if not wanted_half_width > 0:
        raise ValueError(f"the wanted half-width must be above 0, not {wanted_half_width}")
    counted = values[: max(len(values) - IGNORED_BLOCKS, 0)]
    interval = t_interval(counted) if len(counted) >= MIN_BLOCKS else None
    return interval is not None and math.isfinite(interval.half_width) and interval.half_width <= wanted_half_width
