"""Blocks: before and after of every block as paired points, for the metrics of the targets.

Blocks stand in the order they ran, so a slope of both arms shows drift. The legs of a sequential run are not paired.
"""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.comparison import Comparison, Pair
from harness.metrics import ShownIn, Unit, shown_in
from harness.verdict.judge import Verdict
from reports import formatting
from reports.charts import axes as scales
from reports.charts import paper
from reports.charts.paper import Chart

WIDTH, HEIGHT = 332, 200
LEFT, TOP, RIGHT, BOTTOM = 54, 10, 46, 38
MOST = 6
MOST_NUMBERS = 10


def blocks_charts(comparison: Comparison, verdict: Verdict) -> list[tuple[str, Chart]]:
    """A chart with its heading for the metric of each target; without targets for the default metrics."""
    pairs = enumerate(_pairs(comparison, verdict))
    return [(_heading(pair), _chart(number, pair, paired=not comparison.sequential)) for number, pair in pairs]


def _pairs(comparison: Comparison, verdict: Verdict) -> list[Pair]:
    judged = [check.pair for check in verdict.checks if check.pair]
    usual = [pair for metric in shown_in(ShownIn.BLOCKS) if (pair := comparison.pair(metric.name, None, None))]
    unique = {(pair.metric.name, pair.stage, pair.endpoint, pair.tag): pair for pair in judged or usual}
    return [pair for pair in unique.values() if any(b.before or b.after for b in pair.blocks)][:MOST]


def _heading(pair: Pair) -> str:
    parts = [pair.metric.label, *(formatting.plain(part) for part in (pair.stage, pair.endpoint, pair.tag) if part)]
    return f" {formatting.DOT} ".join(parts)


def _chart(number: int, pair: Pair, *, paired: bool) -> Chart:
    def paint(figure: Figure) -> None:
        axes = paper.bare_axes(figure, LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)
        _value_axis(axes, pair)
        blocks = [block.block for block in pair.blocks]
        before, after = [block.before for block in pair.blocks], [block.after for block in pair.blocks]
        if paired:
            axes.vlines(blocks, before, after, color=paper.GRID, linewidth=1.5)
        for arm, values in (("before", before), ("after", after)):
            colour: dict[str, Any] = {"color": paper.ARM_COLOURS[arm], "markeredgecolor": paper.PAPER}
            axes.plot(blocks, values, paper.ARM_MARKERS[arm], **colour, markersize=7, markeredgewidth=1, clip_on=False)
        axes.set_xlim(min(blocks) - 0.6, max(blocks) + 0.6)
        step = -(-len(blocks) // MOST_NUMBERS)
        scales.set_ticks(axes, "x", blocks[::step], map(str, blocks[::step]))
        axes.set_xlabel("block" if paired else "leg of each arm")
        scales.end_labels(axes, [("before", blocks[-1], before[-1]), ("after", blocks[-1], after[-1])], gap=9)

    title = f"{_heading(pair)} of every {'block' if paired else 'leg'}, before and after"
    return paper.draw(f"blocks-{number}", title, WIDTH, HEIGHT, paint)


def _value_axis(axes: Axes, pair: Pair) -> None:
    values = [value for block in pair.blocks for value in (block.before, block.after)]
    if pair.metric.unit is Unit.MS and min(values) > 0 and scales.milliseconds_axis(axes, values):
        return
    top = max(values)
    ticks = scales.nice_ticks(top)
    scales.value_axis(axes, (-0.04 * top, top * 1.1), ticks, (formatting.tick(pair.metric, tick) for tick in ticks))
