"""Power: the minimum detectable effect of a number of blocks, and how many more would decide a target."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from harness.analysis.comparison import Comparison, Pair
from harness.metrics import Scale
from harness.plan.expectation import Form
from harness.plan.model import Plan
from harness.plan.targets import Target
from harness.statistics.intervals import precise_enough, t_quantile

MOST_BLOCKS = 100
POWER = 0.8
PRECISION = 0.05


def minimum_detectable_effect(spread: float, blocks: int) -> float | None:
    """The smallest change of a ratio that a number of blocks detects with 80 % power: 0.09 for 9 %; ``None`` for one.

    ``spread`` is the standard deviation of the log ratios of a block.
    Source: Lehr (1992), with quantiles of Student's t: (t(0.975) + t(0.8)) s / sqrt(K), on the log scale.
    """
    if blocks < 2:  # noqa: PLR2004 - one block has no spread
        return None
    reach = t_quantile(0.975, blocks - 1) + t_quantile(POWER, blocks - 1)
    return math.expm1(reach * spread / math.sqrt(blocks))


def more_blocks(values: Sequence[float], limit: float) -> int | None:
    """How many more blocks put the whole interval on one side of a limit, if their mean and spread stay the same.

    ``values`` are two or more, one per block, such as ln(after / before); ``limit`` is in the same unit. 0 when the
    interval is on one side already; ``None`` when ``MOST_BLOCKS`` in all are not enough.
    """
    distance, spread = abs(fmean(values) - limit), stdev(values)
    for blocks in range(len(values), MOST_BLOCKS + 1):
        if t_quantile(0.975, blocks - 1) * spread / math.sqrt(blocks) < distance:
            return blocks - len(values)
    return None


def precise(plan: Plan, comparison: Comparison) -> bool:
    """Whether the interval of every required target is narrow enough, whatever its outcome.

    Narrow enough is ``PRECISION``; for a target that allows a small regression, half of that regression.
    """
    for target in (target for target in plan.targets if target.required):
        pair = comparison.pair(target.expectation.metric.name, target.stage, target.endpoint, target.tag)
        values = log_values(target, pair) if pair else None
        allowed = target.expectation.limit if target.expectation.form is Form.NO_REGRESSION else math.inf
        if values and not precise_enough(values, math.log1p(min(PRECISION, allowed / 2 or PRECISION))):
            return False
    return True


def log_values(target: Target, pair: Pair) -> list[float] | None:
    """The logarithms behind a target's interval, one per block; ``None`` for a target judged without an interval."""
    metric = pair.metric
    if metric.scale is not Scale.LOG or metric.by_leg or metric.origin.once or not pair.blocks:
        return None
    if target.expectation.form is Form.ABSOLUTE:
        return [math.log(b.after) for b in pair.blocks] if all(b.after > 0 for b in pair.blocks) else None
    if any(min(b.before, b.after) <= 0 for b in pair.blocks):
        return None
    return [b.log_ratio for b in pair.blocks]
