"""Search chart: every rate tried in each leg, held or not, and the bracket of the capacity."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.capacity import SearchResult
from harness.analysis.comparison import Comparison
from harness.analysis.summary import Summary
from harness.metrics import held_metric
from harness.plan.model import ARMS
from harness.plan.search import TryOutcome
from harness.statistics.intervals import Interval
from reports import formatting
from reports.charts import axes as scales
from reports.charts import paper
from reports.charts.paper import Chart

LEFT, RIGHT, TOP, BOTTOM, ROW, GAP = 92, 20, 8, 40, 20, 12
MARGIN = 1.15


def search_chart(summary: Summary, comparison: Comparison, width: int, name: str = "search") -> Chart | None:
    """A line for each leg of before and after; ``None`` when none searched."""
    found = [one for arm in ARMS for one in summary.searches if one.leg.arm == arm and one.tries]
    if not found:
        return None
    pair = comparison.pair(held_metric(rates=True).name, None, None)
    intervals = {"before": pair.before_interval, "after": pair.after_interval} if pair else {}
    places = [number * ROW + (GAP if one.leg.arm == ARMS[1] else 0) for number, one in enumerate(found)]
    height = TOP + places[-1] + ROW + BOTTOM

    def paint(figure: Figure) -> None:
        axes = paper.bare_axes(figure, LEFT, TOP, width - LEFT - RIGHT, height - TOP - BOTTOM)
        loads = [tried.load for one in found for tried in one.tries]
        _axis(axes, min(loads) / MARGIN, max(loads) * MARGIN, height - TOP - BOTTOM)
        for arm in ARMS:
            rows = [place for one, place in zip(found, places, strict=True) if one.leg.arm == arm]
            if (interval := intervals.get(arm)) and rows:
                _band(axes, interval, rows[0], rows[-1] + ROW, paper.ARM_COLOURS[arm])
        for one, place in zip(found, places, strict=True):
            _leg(axes, one, place + ROW / 2)

    return paper.draw(name, "Every rate tried in each leg, held or not, before and after", width, height, paint)


def _axis(axes: Axes, low: float, high: float, height: float) -> None:
    ticks = scales.level_ticks(low, high)
    scales.log_axis(axes, (low, high), ticks, (formatting.tidy(tick) for tick in ticks))
    axes.set_ylim(height, 0)
    axes.grid(visible=True, axis="x")
    axes.set_xlabel("arrivals per second")


def _band(axes: Axes, interval: Interval, top: float, bottom: float, colour: str) -> None:
    low, high = axes.get_xlim()
    ends = [max(interval.low, low), min(interval.high, high)]
    axes.fill_between(ends, top, bottom, color=colour, alpha=0.14, linewidth=0, zorder=0)


def _leg(axes: Axes, one: SearchResult, y: float) -> None:
    colour, marker = paper.ARM_COLOURS[one.leg.arm], paper.ARM_MARKERS[one.leg.arm]
    label, coords = f"{one.leg.arm} {one.leg.block}", ("axes fraction", "data")
    scales.note(axes, label, (0, y), (-8, 0), coords, align=("right", "center"), colour=colour)
    known = one.bracket
    if known.low is not None:
        high = axes.get_xlim()[1] if known.high is None else known.high
        axes.plot([known.low, high], [y, y], color=colour, linewidth=2.4, zorder=2)
    for word in TryOutcome:
        loads = [tried.load for tried, said in zip(one.tries, one.words, strict=True) if said is word]
        shown: dict[str, Any] = {
            TryOutcome.HELD: {"marker": marker, "markerfacecolor": colour},
            TryOutcome.MISSED: {"marker": "x", "markerfacecolor": colour},
            TryOutcome.VOID: {"marker": "s", "markerfacecolor": paper.PAPER},
        }[word]
        axes.plot(loads, [y] * len(loads), linestyle="none", markersize=6, markeredgecolor=colour, zorder=3, **shown)
