"""Comparison: before and after side by side, per stage, endpoint and metric, with intervals over blocks.

The block is the unit of replication (requests of one leg share its luck): every interval of a latency, a rate or a
ratio comes from one value per block, never from requests. Failures are counted over all blocks on effective counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.analysis.change import BlockPair, Change, paired_change, unpaired_change
from harness.analysis.level import level
from harness.analysis.row import Row
from harness.analysis.summary import Summary
from harness.metrics import METRICS, Metric, Origin
from harness.plan.model import ARMS
from harness.statistics.intervals import Interval


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
    return replace(pair, change=pair.change and unpaired_change(pair.metric, pooled, legs))


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
                change=unpaired_change(metric, [before, after], legs),
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
    alone = complete or metric.origin.from_probes  # one release may tell of itself what the other does not
    return Pair(
        metric=metric,
        stage=stage,
        endpoint=endpoint,
        before=before.value(metric.name) if before else None,
        after=after.value(metric.name) if after else None,
        before_interval=level(metric, [b for _, b, _ in legs], before) if alone else None,
        after_interval=level(metric, [a for _, _, a in legs], after) if alone else None,
        change=paired_change(metric, paired, values, before, after) if complete else None,
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
