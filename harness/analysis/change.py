"""Change: the effect of a migration on a metric, from one value per block and arm.

Interleaved legs are paired by block; legs of a sequential run are compared unpaired.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from harness.analysis.row import Row
from harness.metrics import Better, Metric, Scale
from harness.statistics.intervals import Interval, t_interval, welch
from harness.statistics.proportions import clopper_pearson_low, expit, logit, newcombe, wilson
from harness.statistics.significance import sign_flip_p


@dataclass(frozen=True, slots=True)
class BlockPair:
    """The values of both arms in one block, and whether they are lower bounds.

    After a capacity search, ``before`` and ``after`` are the lower ends of brackets and ``before_high`` and
    ``after_high`` the upper ends, infinite for lower bounds; elsewhere these are ``None``.
    """

    block: int
    before: float
    after: float
    before_at_least: bool = False
    after_at_least: bool = False
    before_high: float | None = None
    after_high: float | None = None

    @property
    def log_ratio(self) -> float:
        return math.log(self.after / self.before)

    @property
    def low(self) -> float:
        """The smallest possible ratio after / before of this block."""
        return self.after / (self.before if self.before_high is None else self.before_high)

    @property
    def high(self) -> float:
        """The largest possible ratio of this block."""
        return (self.after if self.after_high is None else self.after_high) / self.before


@dataclass(frozen=True, slots=True)
class Change:
    """The change of a metric between two arms."""

    scale: str  # "ratio" (after / before, 1 = no change) or "points" (after - before as a fraction, 0 = no change)
    value: float
    low: float | None
    high: float | None
    p: float | None  # exact two-sided sign-flip p-value over blocks; ``None`` for counts
    worst: float | None  # the least favourable block, on the same scale

    @classmethod
    def of(
        cls, scale: str, value: float, interval: Interval | None, p: float | None = None, worst: float | None = None
    ) -> "Change":
        low, high = (interval.low, interval.high) if interval else (None, None)
        return cls(scale, value, low, high, p, worst)

    @property
    def interval(self) -> Interval | None:
        """The change with its 95 % bounds; ``None`` where there are too few blocks for bounds."""
        return None if self.low is None or self.high is None else Interval(self.value, self.low, self.high)


def paired_change(
    metric: Metric,
    paired: list[tuple[int, Row, Row]],
    values: tuple[BlockPair, ...],
    before: Row | None,
    after: Row | None,
) -> Change | None:
    """The change between interleaved arms: rows by block, their values, and the pooled rows."""
    if before is None or after is None or not values:
        return None
    match metric.scale:
        case Scale.PROPORTION:
            return _points_of_counts(before, after, legs=len(values))
        case Scale.LOGIT:
            return _points_of_odds(paired, values, before)
        case Scale.LOG:
            return _ratio(metric, values)


def _ratio(metric: Metric, values: tuple[BlockPair, ...]) -> Change | None:
    if any(v.before <= 0 or v.after <= 0 or v.before_at_least for v in values):
        return None
    logs = [v.log_ratio for v in values]
    searched = any(v.before_high is not None for v in values)
    interval = bracket_interval([(v.low, v.high) for v in values]) if searched else t_interval(logs, scale=math.exp)
    worst = max(logs) if metric.better is Better.LOWER else min(logs)
    mean = math.exp(math.fsum(logs) / len(logs))
    return Change.of("ratio", mean, interval, sign_flip_p(logs), math.exp(worst))


def _points_of_counts(before: Row, after: Row, legs: int) -> Change | None:
    shares = [share for row in with_one_design_effect((before, after)) if row and (share := failure_share(row))]
    if len(shares) < 2:  # noqa: PLR2004 - both arms
        return None
    difference = newcombe(*shares)
    return Change.of("points", difference.value, difference if legs > 1 else None)


def with_one_design_effect(pooled: Sequence[Row | None]) -> list[Row | None]:
    """The rows with the larger of their design effects: an arm without failures says nothing about their clustering."""
    larger = max((row.design_effect for row in pooled if row), default=1.0)
    return [row and replace(row, design_effect=larger) for row in pooled]


def _points_of_odds(paired: list[tuple[int, Row, Row]], values: tuple[BlockPair, ...], before: Row) -> Change | None:
    """Block differences of log odds, as points at the level of the before arm."""
    if not before.lookups:
        return None
    odds = [_shift_of_odds(b, a) for _, b, a in paired]
    points, worst = _points_at(before), min(v.after - v.before for v in values)
    mean = points(math.fsum(odds) / len(odds))
    return Change.of("points", mean, t_interval(odds, scale=points), sign_flip_p(odds), worst)


def _shift_of_odds(before: Row, after: Row) -> float:
    """The difference of log odds of two legs; 0 where their hit rates are equal, whatever their number of lookups."""
    if after.hits * before.lookups == before.hits * after.lookups:
        return 0.0
    return logit(after.hits, after.lookups) - logit(before.hits, before.lookups)


def unpaired_change(
    metric: Metric, pooled: Sequence[Row | None], legs: Sequence[Sequence[Row | None]]
) -> Change | None:
    """The change between arms without paired legs; ``pooled`` and ``legs`` are of before and after."""
    before, after = pooled
    if before is None or after is None:
        return None
    if metric.scale is Scale.PROPORTION:
        return _points_of_counts(before, after, legs=min(map(len, legs)))
    old, new = ([row for row in side if row] for side in legs)
    if metric.scale is Scale.LOGIT:
        sides = [[logit(row.hits, row.lookups) for row in side if row.lookups] for side in (old, new)]
        scale, shift = "points", _points_at(before)
    else:
        values = [[value for row in side if (value := row.estimate(metric.name)) is not None] for side in (old, new)]
        if min((min(side, default=0.0) for side in values), default=0.0) <= 0 or any(r.at_least(metric) for r in old):
            return None
        sides = [[math.log(value) for value in side] for side in values]
        scale, shift = "ratio", math.exp
    if not all(sides):
        return None
    mean = fmean(sides[1]) - fmean(sides[0])
    return Change.of(scale, shift(mean), welch(sides[0], sides[1], scale=shift))


def _points_at(before: Row) -> Callable[[float], float]:
    """Converts a shift of the log odds to a difference in points at the level of ``before``."""
    base = logit(before.hits, before.lookups)
    return lambda shift: expit(base + shift) - expit(base)


def arm_interval(metric: Metric, legs: Sequence[Row | None], pooled: Row | None) -> Interval | None:
    """Interval of one arm's value, for judging a limit; ``None`` unless every leg has a value."""
    rows = [row for row in legs if row]
    values = [value for row in rows if (value := row.estimate(metric.name)) is not None]
    if pooled is None or len(values) != len(legs):
        return None
    if metric.by_leg:
        ends = zip(values, (row.highest(metric) for row in rows), strict=True)
        return bracket_interval(ends) if pooled.highest(metric) is not None else None
    if metric.scale is Scale.PROPORTION:
        return _limit_of_failures(pooled) if len(rows) > 1 else None
    if metric.scale is Scale.LOGIT:
        return t_interval([logit(row.hits, row.lookups) for row in rows if row.lookups], scale=expit)
    if min(values, default=0.0) <= 0:
        return t_interval(values)
    return t_interval([math.log(value) for value in values], scale=math.exp)


def bracket_interval(ends: Iterable[tuple[float, float | None]]) -> Interval | None:
    """Interval of values that are each known to lie between two ends; ``None`` for fewer than two.

    The position within the brackets is unknown and may be the same in all blocks, so averaging does not narrow them:
    the interval reaches from that of the lower ends to that of the upper ends.
    """
    known = [(low, high) for low, high in ends if high is not None]
    logs = all(low > 0 for low, _ in known)
    into, back = (math.log, math.exp) if logs else (float, float)
    lower = t_interval([into(low) for low, _ in known])
    if lower is None:
        return None
    upper = t_interval([into(high) for _, high in known]) if all(high < math.inf for _, high in known) else None
    high = math.inf if upper is None else back(upper.high)
    return Interval(back(lower.value), back(lower.low) if logs else max(lower.low, 0.0), high)


def _limit_of_failures(row: Row) -> Interval | None:
    """The share of failed requests for judging a limit: what fails a target has an exact bound, as one failure may."""
    share = failure_share(row)
    exact = clopper_pearson_low(row.failures / row.design_effect, row.requests / row.design_effect)
    return share and replace(share, low=exact)


def failure_share(row: Row) -> Interval | None:
    """The share of failed requests, with effective counts."""
    return wilson(row.failures / row.design_effect, row.requests / row.design_effect)
