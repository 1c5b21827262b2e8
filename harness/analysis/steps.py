"""Attribution: the effect of each step between before and after on a metric, and its share of the whole change.

Ratios of steps multiply, so logarithms add up, block by block and on average: the share of a step is its part of the
logarithm of the change, and the shares add up to 1.

A share holds for the step at its place in the order: a cache hides what an index saves, and another order gives other
shares. No share is the effect of a step alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.analysis.change import Change
from harness.analysis.comparison import Pair, pair_of
from harness.analysis.summary import Summary
from harness.metrics import METRICS
from harness.plan.model import Chain, Plan, Step
from harness.statistics.intervals import Interval


@dataclass(frozen=True, slots=True)
class Level:
    """A metric in one arm: over all samples of all blocks, with its interval over blocks."""

    arm: str
    value: float | None
    interval: Interval | None
    least_requests: int  # the smallest number of samples in a leg


@dataclass(frozen=True, slots=True)
class StepContribution:
    """The effect of one step on a metric.

    ``share``: of the logarithm of the whole change, negative when the step works against it; ``None`` when a part was
    not measured, or the whole does not differ from no change.
    """

    step: Step
    pair: Pair  # the arms before and after the step
    share: float | None

    @property
    def seen(self) -> bool:
        """Whether the interval of the change excludes "no change"."""
        return differs(self.pair.change)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A metric between before and after: a level for each arm, a contribution for each step."""

    total: Pair
    levels: tuple[Level, ...]
    contributions: tuple[StepContribution, ...]

    @property
    def enough(self) -> bool:
        return all(level.least_requests >= self.total.metric.min_samples for level in self.levels)


@dataclass(frozen=True, slots=True)
class Attribution:
    """The waterfall of every metric of the plan's chain."""

    chain: Chain
    waterfalls: tuple[Waterfall, ...]


def attribute(plan: Plan, summary: Summary) -> Attribution | None:
    """Measure the steps of a plan; ``None`` without steps, or when the run measured only before and after."""
    chain, arms = plan.attribution, list(plan.way)
    if chain is None or not {*arms} <= {facts.leg.arm for facts in summary.legs}:
        return None
    return Attribution(chain, tuple(_waterfall(summary, chain, arms, name) for name in chain.metrics))


def differs(change: Change | None) -> bool:
    """Whether a ratio's interval excludes "no change"; false without an interval."""
    interval = change.interval if change else None
    return interval is not None and not interval.low <= 1 <= interval.high


def _waterfall(summary: Summary, chain: Chain, arms: Sequence[str], name: str) -> Waterfall:
    place = METRICS[name], chain.stage, chain.endpoint
    total = pair_of(summary, *place)
    pairs = [pair_of(summary, *place, ends) for ends in pairwise(arms)]
    parts = zip(chain.steps, pairs, _shares(total, pairs), strict=True)
    alone = ((arm, pair_of(summary, *place, (arm, arm))) for arm in arms)
    levels = (Level(arm, pair.after, pair.after_interval, pair.least_requests) for arm, pair in alone)
    return Waterfall(total, tuple(levels), tuple(StepContribution(*part) for part in parts))


def _shares(total: Pair, pairs: Sequence[Pair]) -> list[float | None]:
    """Each pair's share of the logarithm of the total; ``None`` where the total does not differ from no change."""
    changes = [pair.change for pair in pairs if pair.change]
    enough = min(pair.least_requests for pair in pairs) >= total.metric.min_samples
    if len(changes) < len(pairs) or total.change is None or not differs(total.change) or not enough:
        return [None] * len(pairs)
    whole = math.log(total.change.value)
    return [math.log(change.value) / whole for change in changes]
