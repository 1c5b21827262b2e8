"""Comparison: before and after side by side, per stage, endpoint and metric, with intervals over blocks.

The block is the unit of replication (requests of one leg share its luck): every interval of a latency, a rate or a
ratio comes from one value per block, never from requests. Failures are counted over all blocks on effective counts.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from harness.measures.row import Row
from harness.metric import METRICS, Better, Metric, Origin, Scale
from harness.plan import ARMS
from harness.statistics import (
    Interval,
    expit,
    logit,
    newcombe,
    sign_flip_p,
    t_interval,
    welch,
    wilson,
)
from harness.summary import Summary


@dataclass(frozen=True, slots=True)
class BlockPair:
    """One block's value in each arm, and whether these are lower bounds.

    Where a search left a value within a bracket, ``before`` and ``after`` are its lower ends and ``before_high`` and
    ``after_high`` its upper ones, infinite where they are lower bounds; elsewhere these are ``None``.
    """

    block: int
    before: float
    after: float
    before_at_least: bool = False
    after_at_least: bool = False
    before_high: float | None = None
    after_high: float | None = None

    @property
    def low(self) -> float:
        """The least that the ratio after / before of this block may be."""
        return self.after / (self.before if self.before_high is None else self.before_high)

    @property
    def high(self) -> float:
        """The most that it may be."""
        return (self.after if self.after_high is None else self.after_high) / self.before


@dataclass(frozen=True, slots=True)
class Change:
    """What the migration did to a metric.

    Attributes:
        scale: "ratio" (after / before, 1 = no change) or "points" (after - before as a fraction, 0 = no change).
        p: exact two-sided sign-flip p-value over blocks; ``None`` where counts are compared instead.
        worst: the least favourable block, on the same scale.
    """

    scale: str
    value: float
    low: float | None
    high: float | None
    p: float | None
    worst: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A metric before and after in one stage and endpoint (``None``: pooled).

    ``before`` and ``after`` are the values over all samples of all blocks; their ratio is close to, but not the same
    as, ``change.value``, which is the mean over blocks. ``after_interval`` is for judging a limit. From a
    lower bound there is no change that could be told; one to a lower bound is a lower bound.
    """

    metric: Metric
    stage: str | None
    endpoint: str | None
    before: float | None
    after: float | None
    before_interval: Interval | None
    after_interval: Interval | None
    change: Change | None
    blocks: tuple[BlockPair, ...]
    least_requests: int
    """Requests of the leg that has fewest, over both arms."""
    before_at_least: bool = False
    after_at_least: bool = False
    searched: bool = False
    """Whether each leg is known to lie within a bracket, which is part of every interval."""
    tag: str | None = None
    """The name of the endpoints that are pooled, where these are not all of them."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every pair of the run; ``tagged`` are those of the endpoints of each tag together."""

    pairs: tuple[Pair, ...]
    blocks: int
    open: bool = False
    """Whether the load was arrivals, so that no arm was asked more for answering faster."""
    sequential: bool = False
    """Whether the arms did not take turns, so that a block is no pair and every change is between unpaired legs."""
    tagged: tuple[Pair, ...] = ()

    def pair(self, metric: str, stage: str | None, endpoint: str | None, tag: str | None = None) -> Pair | None:
        """The pair of a cell, or of the endpoints of a tag; ``None`` when neither arm was requested there."""
        for pair in self.pairs if tag is None else self.tagged:
            if (pair.metric.name, pair.stage, pair.endpoint, pair.tag) == (metric, stage, endpoint, tag):
                return pair
        return None


def compare(summary: Summary, before: str = "before", after: str = "after", *, sequential: bool = False) -> Comparison:
    """Pair every cell and metric of a summary, of the two arms of these names; other arms are left aside.

    Of a ``sequential`` run the changes are those of ``contrast``.
    """
    arms = before, after
    pairs, tagged = (tuple(_pairs(summary, rows, arms)) for rows in (summary.rows, summary.tagged))
    if sequential:
        pairs, tagged = (tuple(_unpaired_pair(summary, pair, arms) for pair in some) for some in (pairs, tagged))
    return Comparison(pairs, len(summary.blocks), summary.open, sequential, tagged)


def _pairs(summary: Summary, rows: Sequence[Row], arms: tuple[str, str]) -> Iterator[Pair]:
    """Every metric in every cell of some rows."""
    for stage, endpoint, tag in dict.fromkeys((row.stage, row.endpoint, row.tag) for row in rows if row.arm in arms):
        for metric in _measured_in(stage, endpoint, tag, summary.measures):
            yield pair_of(summary, metric, stage, endpoint, arms, tag=tag)


def _unpaired_pair(summary: Summary, pair: Pair, arms: tuple[str, str]) -> Pair:
    """A pair whose change takes the legs of each arm by themselves; one without a change stays so."""
    place = pair.stage, pair.endpoint, pair.tag
    pooled = [summary.row(arm, None, *place) for arm in arms]
    legs = [[row for block in summary.blocks if (row := summary.row(arm, block, *place))] for arm in arms]
    return replace(pair, change=pair.change and _unpaired_change(pair.metric, pooled, legs))


def contrast(old: Summary, new: Summary, arm: str) -> Comparison:
    """One arm of two runs that were not interleaved: "before" is the old run, "after" the new one.

    Blocks of different runs are no pairs: intervals are Welch's, from the spread of blocks within each run. What
    changed on the host between the runs is in the difference and not in the interval, so nothing is judged by it.
    """
    cells = dict.fromkeys((row.stage, row.endpoint) for row in (*old.rows, *new.rows))
    pairs = []
    for stage, endpoint, metric in ((*cell, metric) for cell in cells for metric in _measured_in(*cell)):
        rows = [
            [row for row in run.rows if (row.arm, row.stage, row.endpoint) == (arm, stage, endpoint)]
            for run in (old, new)
        ]
        legs = [[row for row in side if row.block is not None] for side in rows]
        before, after = (next((row for row in side if row.block is None), None) for side in rows)
        pairs.append(
            Pair(
                metric=metric,
                stage=stage,
                endpoint=endpoint,
                before=before.value(metric.name) if before else None,
                after=after.value(metric.name) if after else None,
                before_interval=None,
                after_interval=None,
                change=_unpaired_change(metric, [before, after], legs),
                blocks=(),
                least_requests=min((row.samples(metric) for side in legs for row in side), default=0),
                before_at_least=bool(before and before.at_least(metric)),
                after_at_least=bool(after and after.at_least(metric)),
            )
        )
    return Comparison(tuple(pairs), min(len(old.blocks), len(new.blocks)), old.open and new.open, sequential=True)


def _measured_in(
    stage: str | None, endpoint: str | None, tag: str | None = None, measures: Sequence[Metric] = ()
) -> Iterator[Metric]:
    """The metrics that there are in a cell; ``measures`` are of the plan's own readings."""
    parts = {"stage": stage, "endpoint": endpoint, "tag": tag}
    named = [part for part, name in parts.items() if name is not None]
    known = (metric for metric in (*METRICS.values(), *measures) if metric.origin is not Origin.REHEARSAL)
    return (metric for metric in known if not any(map(metric.lacks, named)))


def _unpaired_change(metric: Metric, pooled: Sequence[Row | None], legs: Sequence[list[Row]]) -> Change | None:
    """What changed between two arms of which no legs belong together; ``pooled`` and ``legs`` are before and after."""
    before, after = pooled
    if before is None or after is None:
        return None
    counted = metric.scale is Scale.PROPORTION
    return _points_of_counts(before, after) if counted else _unpaired(metric, legs[0], legs[1], before)


def _unpaired(metric: Metric, old: list[Row], new: list[Row], before: Row) -> Change | None:
    if metric.scale is Scale.LOGIT:
        sides = [[logit(row.hits, row.lookups) for row in side if row.lookups] for side in (old, new)]
        shift = _points_at(before)
        scale = "points"
    else:
        values = [[value for row in side if (value := row.value(metric.name)) is not None] for side in (old, new)]
        if min((min(side, default=0.0) for side in values), default=0.0) <= 0 or any(r.at_least(metric) for r in old):
            return None
        sides = [[math.log(value) for value in side] for side in values]
        shift, scale = math.exp, "ratio"
    if not all(sides):
        return None
    mean = fmean(sides[1]) - fmean(sides[0])
    interval = _mapped(welch(*sides), shift)
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Change(scale, shift(mean), low, high, None, None)


def pair_of(
    summary: Summary,
    metric: Metric,
    stage: str | None,
    endpoint: str | None,
    arms: tuple[str, str] = ARMS,
    *,
    tag: str | None = None,
) -> Pair:
    """One metric of two arms in one stage and endpoint, or tag, paired over the blocks of the run."""
    place = stage, endpoint, tag
    before, after = (summary.row(arm, None, *place) for arm in arms)
    legs = [
        (block, summary.row(arms[0], block, *place), summary.row(arms[1], block, *place)) for block in summary.blocks
    ]
    paired = [(block, b, a) for block, b, a in legs if b and a]
    values = tuple(_block_pairs(metric, paired))
    complete = len(values) == len(summary.blocks)
    alone = complete or metric.origin.beside  # one release may tell of itself what the other does not
    return Pair(
        metric=metric,
        stage=stage,
        endpoint=endpoint,
        before=before.value(metric.name) if before else None,
        after=after.value(metric.name) if after else None,
        before_interval=_interval(metric, [b for _, b, _ in legs], before) if alone else None,
        after_interval=_interval(metric, [a for _, _, a in legs], after) if alone else None,
        change=_change(metric, paired, values, before, after) if complete else None,
        blocks=values,
        least_requests=min((row.samples(metric) if row else 0 for _, b, a in legs for row in (b, a)), default=0),
        before_at_least=bool(before and before.at_least(metric)),
        after_at_least=bool(after and after.at_least(metric)),
        searched=any(row.highest(metric) is not None for row in (before, after) if row),
        tag=tag,
    )


def _block_pairs(metric: Metric, paired: list[tuple[int, Row, Row]]) -> Iterator[BlockPair]:
    for block, before, after in paired:
        b, a = before.value(metric.name), after.value(metric.name)
        if b is not None and a is not None:
            bounds, highs = (
                [getattr(row, name)(metric) for row in (before, after)] for name in ("at_least", "highest")
            )
            yield BlockPair(block, b, a, *bounds, *highs)


def _interval(metric: Metric, legs: list[Row | None], pooled: Row | None) -> Interval | None:
    """Interval of one arm's value, for judging it against a limit; each of its legs has to have one."""
    rows = [row for row in legs if row is not None and row.value(metric.name) is not None]
    ends = [(row.value(metric.name), row.highest(metric)) for row in rows]
    if pooled is None or len(rows) != len(legs) or metric.by_leg:
        searched = pooled is not None and pooled.highest(metric) is not None and len(rows) == len(legs)
        return _of_brackets(ends) if searched else None
    if metric.scale is Scale.PROPORTION:
        return _failure_share(pooled)
    if metric.scale is Scale.LOGIT:
        interval = t_interval([logit(row.hits, row.lookups) for row in rows if row.lookups])
        return _mapped(interval, expit)
    values = [value for row in rows if (value := row.value(metric.name)) is not None]
    if min(values, default=0.0) <= 0:
        return t_interval(values)
    return _mapped(t_interval([math.log(value) for value in values]), math.exp)


def _of_brackets(ends: Sequence[tuple[float | None, float | None]]) -> Interval | None:
    """Interval of values each known to lie between two ends: from that of the lower ends to that of the upper ones.

    Where the true values lie in their brackets is unknown, and the same in all blocks when they use the same loads: no
    average makes them narrower. ``None`` for fewer than two.
    """
    known = [(low, high) for low, high in ends if low is not None and high is not None]
    logs = all(low > 0 for low, _ in known)
    into, back = (math.log, math.exp) if logs else (float, float)
    lower = t_interval([into(low) for low, _ in known])
    if lower is None:
        return None
    upper = t_interval([into(high) for _, high in known]) if all(high < math.inf for _, high in known) else None
    high = math.inf if upper is None else back(upper.high)
    return Interval(back(lower.value), back(lower.low) if logs else max(lower.low, 0.0), high)


def _change(
    metric: Metric,
    paired: list[tuple[int, Row, Row]],
    values: tuple[BlockPair, ...],
    before: Row | None,
    after: Row | None,
) -> Change | None:
    if before is None or after is None or not values:
        return None
    match metric.scale:
        case Scale.PROPORTION:
            return _points_of_counts(before, after)
        case Scale.LOGIT:
            return _points_of_odds(paired, values, before)
        case Scale.LOG:
            return _ratio(metric, values)


def _ratio(metric: Metric, values: tuple[BlockPair, ...]) -> Change | None:
    if any(v.before <= 0 or v.after <= 0 or v.before_at_least for v in values):
        return None
    logs = [math.log(v.after / v.before) for v in values]
    interval = _mapped(t_interval(logs), math.exp)
    if any(v.before_high is not None for v in values):
        interval = _of_brackets([(v.low, v.high) for v in values])
    worst = max(logs) if metric.better is Better.LOWER else min(logs)
    mean = math.exp(math.fsum(logs) / len(logs))
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Change("ratio", mean, low, high, sign_flip_p(logs), math.exp(worst))


def _points_of_counts(before: Row, after: Row) -> Change | None:
    b, a = _failure_share(before), _failure_share(after)
    if b is None or a is None:
        return None
    difference = newcombe(b, a)
    return Change("points", difference.value, difference.low, difference.high, None, None)


def _points_of_odds(paired: list[tuple[int, Row, Row]], values: tuple[BlockPair, ...], before: Row) -> Change | None:
    """Block differences of log odds, shown as points at the level of the before arm."""
    if before.cache_hit_rate is None:
        return None
    odds = [logit(a.hits, a.lookups) - logit(b.hits, b.lookups) for _, b, a in paired]
    interval = t_interval(odds)
    points = _points_at(before)
    low, high = (points(interval.low), points(interval.high)) if interval else (None, None)
    worst = min(v.after - v.before for v in values)
    return Change("points", points(math.fsum(odds) / len(odds)), low, high, sign_flip_p(odds), worst)


def _points_at(before: Row) -> Callable[[float], float]:
    """A shift of the log odds as a difference in points at the level of ``before``."""
    base = logit(before.hits, before.lookups)
    return lambda shift: expit(base + shift) - expit(base)


def _failure_share(row: Row) -> Interval | None:
    return wilson(row.failures / row.design_effect, row.requests / row.design_effect)


def _mapped(interval: Interval | None, function: Callable[[float], float]) -> Interval | None:
    if interval is None:
        return None
    return Interval(function(interval.value), function(interval.low), function(interval.high))
