"""Comparison: before and after per stage, endpoint and metric, with intervals over blocks.

Requests within a leg are correlated, so the block is the unit of replication: every interval of a latency, rate or
ratio comes from one value per block. Failures are pooled over blocks with effective counts.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from harness.analysis.change import (
    BlockPair,
    Change,
    arm_interval,
    paired_change,
    unpaired_change,
    with_one_design_effect,
)
from harness.analysis.row import Row, RowPlace
from harness.analysis.summary import Summary
from harness.metrics import METRICS, Metric, Origin, Scale
from harness.plan.model import ARMS
from harness.record.noise import ComparisonPlace
from harness.statistics.intervals import Interval, t_quantile
from harness.statistics.significance import two_sided_p

LEVEL = 0.05
POWER = 0.8
ROUNDING = 1e-12
Legs = Sequence[Row | None]


@dataclass(frozen=True, slots=True)
class Pair:
    """A metric before and after in one stage and endpoint (``None``: pooled).

    ``before`` and ``after`` are computed from all samples; their ratio differs slightly from ``change.value``, the mean
    over blocks. ``after_interval`` is for judging a limit. There is no change from a lower bound; a change to a lower
    bound is a lower bound.
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
    least_requests: int  # the smallest number of requests in a leg, over both arms
    before_at_least: bool = False
    after_at_least: bool = False
    searched: bool = False  # whether values are brackets from a capacity search; intervals then include the bracket
    tag: str | None = None  # the tag whose endpoints are pooled

    @property
    def place(self) -> ComparisonPlace:
        return ComparisonPlace(self.metric.name, self.stage, self.endpoint, self.tag)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every pair of the run; ``tagged`` has those of tags."""

    pairs: tuple[Pair, ...]
    blocks: int
    open: bool = False  # whether the load was open-loop
    sequential: bool = False  # whether arms were not interleaved, so that changes are unpaired
    tagged: tuple[Pair, ...] = ()

    def pair(self, metric: str, stage: str | None, endpoint: str | None, tag: str | None = None) -> Pair | None:
        """The pair of a cell, or of a tag; ``None`` without requests in either arm."""
        wanted, pairs = (metric, stage, endpoint, tag), self.pairs if tag is None else self.tagged
        return next((one for one in pairs if (one.metric.name, one.stage, one.endpoint, one.tag) == wanted), None)


def compare(summary: Summary, before: str = "before", after: str = "after", *, sequential: bool = False) -> Comparison:
    """Pair every cell and metric of two arms; the changes of a ``sequential`` run are unpaired."""
    arms = before, after

    def pairs(rows: Sequence[Row]) -> Iterator[Pair]:
        for stage, endpoint, tag in dict.fromkeys(
            (one.stage, one.endpoint, one.tag) for one in rows if one.arm in arms
        ):
            for metric in _measured_in(stage, endpoint, tag, summary.measures):
                yield pair_of(summary, metric, stage, endpoint, arms, tag=tag, sequential=sequential)

    found, tagged = tuple(pairs(summary.rows)), tuple(pairs(summary.tagged))
    return Comparison(found, len(summary.blocks), summary.open, sequential, tagged)


def contrast(old: Summary, new: Summary, arm: str) -> Comparison:
    """One arm of two separate runs: "before" is the old run, "after" the new one.

    Blocks of different runs are unpaired, so intervals are Welch's, from the spread within each run. They do not
    include changes of the host between the runs, so nothing is judged by them.
    """
    cells = dict.fromkeys((row.stage, row.endpoint) for row in (*old.rows, *new.rows))
    pairs = []
    for stage, endpoint, metric in ((*cell, metric) for cell in cells for metric in _measured_in(*cell)):
        pooled = [run.row(arm, None, stage, endpoint) for run in (old, new)]
        legs = [[row for block in run.blocks if (row := run.row(arm, block, stage, endpoint))] for run in (old, new)]
        change = unpaired_change(metric, pooled, legs)
        pairs.append(_pair(metric, RowPlace(arm, None, stage, endpoint), pooled, legs, change))
    return Comparison(tuple(pairs), min(len(old.blocks), len(new.blocks)), old.open and new.open, sequential=True)


def _pair(metric: Metric, place: RowPlace, pooled: Legs, legs: Sequence[Legs], change: Change | None) -> Pair:
    """A pair of two pooled rows, without blocks and intervals; ``legs`` are the rows of either arm."""
    before, after = pooled
    return Pair(
        metric=metric,
        stage=place.stage,
        endpoint=place.endpoint,
        before=before.value(metric.name) if before else None,
        after=after.value(metric.name) if after else None,
        before_interval=None,
        after_interval=None,
        change=change,
        blocks=(),
        least_requests=min((row.samples(metric) if row else 0 for rows in legs for row in rows), default=0),
        before_at_least=bool(before and before.at_least(metric)),
        after_at_least=bool(after and after.at_least(metric)),
        tag=place.tag,
    )


def _measured_in(
    stage: str | None, endpoint: str | None, tag: str | None = None, measures: Sequence[Metric] = ()
) -> Iterator[Metric]:
    """The metrics that exist in a cell; ``measures`` are the plan's own readings."""
    parts = {"stage": stage, "endpoint": endpoint, "tag": tag}
    named = [part for part, name in parts.items() if name is not None]
    known = (metric for metric in (*METRICS.values(), *measures) if metric.origin is not Origin.MIGRATION_UNDER_LOAD)
    return (metric for metric in known if not any(map(metric.lacks, named)))


def pair_of(
    summary: Summary,
    metric: Metric,
    stage: str | None,
    endpoint: str | None,
    arms: tuple[str, str] = ARMS,
    *,
    tag: str | None = None,
    sequential: bool = False,
) -> Pair:
    """One metric of two arms in one stage and endpoint, or tag, paired over blocks unless ``sequential``."""
    place = stage, endpoint, tag
    pooled = [summary.row(arm, None, *place) for arm in arms]
    if metric.scale is Scale.PROPORTION:
        pooled = with_one_design_effect(pooled)
    legs = [[summary.row(arm, block, *place) for block in summary.blocks] for arm in arms]
    paired = [(block, b, a) for block, b, a in zip(summary.blocks, *legs, strict=True) if b and a]
    values = tuple(_block_pairs(metric, paired))
    complete = len(values) == len(summary.blocks)
    alone = complete or metric.origin.from_probes  # a metric may exist in one release only
    change = paired_change(metric, paired, values, *pooled) if complete else None
    if change and sequential:
        change = unpaired_change(metric, pooled, legs)
    return replace(
        _pair(metric, RowPlace(arms[1], None, *place), pooled, legs, change),
        before_interval=arm_interval(metric, legs[0], pooled[0]) if alone else None,
        after_interval=arm_interval(metric, legs[1], pooled[1]) if alone else None,
        blocks=values,
        searched=any(row.highest(metric) is not None for row in pooled if row),
    )


def _block_pairs(metric: Metric, paired: list[tuple[int, Row, Row]]) -> Iterator[BlockPair]:
    for block, before, after in paired:
        b, a = before.estimate(metric.name), after.estimate(metric.name)
        if b is not None and a is not None:
            bounds = before.at_least(metric), after.at_least(metric)
            yield BlockPair(block, b, a, *bounds, before.highest(metric), after.highest(metric))


@dataclass(frozen=True, slots=True)
class Shift:
    """A change on the scale of the test, where no change is 0."""

    value: float
    near: float  # the half-width of the interval towards no change
    wide: float  # the larger half-width
    freedom: int | None  # the degrees of freedom of the t distribution, ``None`` for the normal one

    @property
    def p(self) -> float:
        """The two-sided p-value that corresponds to the interval. Source: Altman and Bland (2011)."""
        if self.near <= ROUNDING:
            return 1.0 if abs(self.value) <= ROUNDING else 0.0
        size = abs(self.value) / self.near * self.quantile(LEVEL)
        return two_sided_p(size, self.freedom) if self.freedom else 2 * (1 - NormalDist().cdf(size))

    def visible(self, level: float) -> float:
        """The minimum detectable effect of a two-sided test at this level with 80 % power.

        With the standard error s/sqrt(K) of K blocks: (t(1 - level/2) + t(0.8)) s/sqrt(K), at K - 1 degrees of freedom.
        Source: Bloom (1995), Minimum detectable effects.
        """
        error = self.wide / self.quantile(LEVEL)
        return (self.quantile(level) + self.quantile(2 * (1 - POWER))) * error

    def quantile(self, level: float) -> float:
        """The two-sided critical value at ``level``."""
        return t_quantile(1 - level / 2, self.freedom) if self.freedom else NormalDist().inv_cdf(1 - level / 2)


def shift_of(pair: Pair, comparison: Comparison) -> Shift | None:
    """The change of a pair on its test scale; ``None`` without an interval or with too few samples."""
    change = pair.change
    interval = change.interval if change else None
    if change is None or interval is None or pair.least_requests < pair.metric.min_samples:
        return None
    if change.scale == "ratio":
        interval = interval.mapped(math.log)
    freedom = None if pair.metric.scale is Scale.PROPORTION else (len(pair.blocks) or comparison.blocks) - 1
    value, low, high = interval.value, interval.low, interval.high
    near = value - low if value > 0 else high - value
    return Shift(value, near, max(value - low, high - value), freedom)
