"""Attribution: what each step of the way from before to after did to a metric, and its share of the whole change.

Ratios of steps multiply: before to after is the product of the steps, never the sum of their percentages. Their
logarithms add up, block by block and so also in the mean over blocks; a step's share is therefore its part of the
logarithm of the change, and the shares of a way add up to 1 exactly.

A share belongs to the step *at its place in the order*. A cache hides what an index does to the queries it saves; with
the two the other way round the same steps share differently, and no share is what a step would do alone.
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
    """Where a metric stands in one arm: over all samples of all blocks, with its interval over blocks."""

    arm: str
    value: float | None
    interval: Interval | None
    least_requests: int
    """Samples behind the leg that has fewest."""


@dataclass(frozen=True, slots=True)
class StepContribution:
    """What one step did to a metric.

    Attributes:
        pair: the arm before the step as "before", the arm that the step leads to as "after".
        share: of the logarithm of the whole change, negative when the step works against it; ``None`` when the whole
            change, or a part of it, could not be measured or told from no change.
    """

    step: Step
    pair: Pair
    share: float | None

    @property
    def seen(self) -> bool:
        """Whether the interval of the change leaves out "no change"."""
        return differs(self.pair.change)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A metric on its way from before to after: a level for each arm, a contribution for each step between them."""

    total: Pair
    levels: tuple[Level, ...]
    contributions: tuple[StepContribution, ...]

    @property
    def enough(self) -> bool:
        """Whether every leg has the samples that the metric needs to say anything."""
        return all(level.least_requests >= self.total.metric.min_samples for level in self.levels)


@dataclass(frozen=True, slots=True)
class Attribution:
    """The waterfall of every metric of the plan's chain."""

    chain: Chain
    waterfalls: tuple[Waterfall, ...]


def attribute(plan: Plan, summary: Summary) -> Attribution | None:
    """Measure the steps of a plan; ``None`` when it has none, or when the run measured before and after only."""
    chain, arms = plan.attribution, list(plan.way)
    if chain is None or not {*arms} <= {facts.leg.arm for facts in summary.legs}:
        return None
    return Attribution(chain, tuple(_waterfall(summary, chain, arms, name) for name in chain.metrics))


def differs(change: Change | None) -> bool:
    """Whether a ratio's interval leaves out "no change"; false without an interval."""
    if change is None or change.low is None or change.high is None:
        return False
    return not change.low <= 1 <= change.high


def _waterfall(summary: Summary, chain: Chain, arms: Sequence[str], name: str) -> Waterfall:
    place = METRICS[name], chain.stage, chain.endpoint
    total = pair_of(summary, *place)
    pairs = [pair_of(summary, *place, ends) for ends in pairwise(arms)]
    parts = zip(chain.steps, pairs, _shares(total, pairs), strict=True)
    levels = (_level(arm, pair_of(summary, *place, (arm, arm))) for arm in arms)
    return Waterfall(total, tuple(levels), tuple(StepContribution(*part) for part in parts))


def _level(arm: str, alone: Pair) -> Level:
    """The level of an arm, from its pair with itself."""
    return Level(arm, alone.after, alone.after_interval, alone.least_requests)


def _shares(total: Pair, pairs: Sequence[Pair]) -> list[float | None]:
    """Each pair's part of the logarithm of the total; nothing is shared out when there is no whole to share."""
    changes = [pair.change for pair in pairs if pair.change]
    enough = min(pair.least_requests for pair in pairs) >= total.metric.min_samples
    if len(changes) < len(pairs) or total.change is None or not differs(total.change) or not enough:
        return [None] * len(pairs)
    whole = math.log(total.change.value)
    return [math.log(change.value) / whole for change in changes]
