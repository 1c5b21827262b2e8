"""Precision: when blocks are enough. Asks how well a change is known, never how large or how significant it is."""

import math
from collections.abc import Sequence

from harness.statistics import t_interval

FEWEST = 8
UNASKED = 6
"""So many of the latest blocks have no say in when to stop."""


def half_width(values: Sequence[float]) -> float | None:
    """Half the width of the t interval of one value per block, in their unit; ``None`` for fewer than two."""
    interval = t_interval(values)
    return None if interval is None else (interval.high - interval.low) / 2


def enough(values: Sequence[float], wanted_half_width: float) -> bool:
    """Whether the blocks measured so far tell a change precisely enough to stop; to be asked after every block.

    The blocks but the latest six must be eight or more, and the half-width of their interval at most what is wanted:
    nobody stops before the fourteenth. Whoever stops as soon as the interval is narrow stops when the blocks are alike
    by luck, and an interval that calls itself one of 95 % then covers 92.5 % (simulated, normal blocks, where the
    wanted half-width is 0.45 of their standard deviation). Six more that were not asked bring that to 94 to 95 %.

    Args:
        values: one value per block in the order measured, such as ln(after / before).
        wanted_half_width: in the same unit: ln(1.05) where a ratio is to be known to 5 %.

    Raises:
        ValueError: when the wanted half-width is not above 0.

    Source: Chow & Robbins (1965) for the rule; Simons (1968) for blocks added after it has said stop.
    """
    if not wanted_half_width > 0:
        raise ValueError(f"the wanted half-width must be above 0, not {wanted_half_width}")
    asked = values[: max(len(values) - UNASKED, 0)]
    found = half_width(asked) if len(asked) >= FEWEST else None
    return found is not None and math.isfinite(found) and found <= wanted_half_width
