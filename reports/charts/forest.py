"""Forest plot: the change of each target and endpoint with its interval, on one logarithmic axis.

A band shows where a target is met. Changes in percentage points have no place on a ratio axis and are written out.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.change import Change
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.summary import Summary
from harness.metrics import HEADLINES
from harness.record.outcome import Outcome
from harness.verdict.judge import Verdict
from harness.verdict.targets import Check, Reason, passing_ratios
from reports import formatting, naming
from reports.charts import axes as scales
from reports.charts import paper
from reports.charts.paper import Chart, Layout
from reports.sections.stages import busiest

MOST_ENDPOINTS = 12
REACH = 6.0
"""Largest factor by which an interval extends the axis beyond the outermost dot; longer ones end in an arrow."""
COLOURS = {
    Outcome.PASS: paper.PASS,
    Outcome.FAIL: paper.FAIL,
    Outcome.INCONCLUSIVE: paper.UNDECIDED,
    Outcome.INVALID: paper.UNDECIDED,
}


class _Row(NamedTuple):
    """A line of the plot; ``wanted`` is the range of ratios that meets the target."""

    title: str
    detail: str = ""
    mark: str = ""
    colour: str = paper.INK
    change: Change | None = None
    wanted: tuple[float, float] | None = None
    note: str = ""
    hollow: bool = False
    heading: bool = False

    @property
    def drawn(self) -> bool:
        return self.change is not None and self.change.scale == "ratio"


def _layout(width: int) -> Layout:
    if width < paper.NARROW:
        return Layout(width, 18, width - 100, 8, width - 16, 28, 58, 42)
    return Layout(width, 22, 266, 298, width - 298 - 216, 30, 36, 15)


def forest_chart(
    summary: Summary, comparison: Comparison, verdict: Verdict, width: int, name: str = "forest"
) -> Chart | None:
    """The forest plot, ``width`` pixels wide; ``None`` when there is no row at all."""
    rows = [*_targets(verdict), *_endpoints(summary, comparison)]
    if not rows:
        return None
    layout = _layout(width)
    *tops, end = accumulate((layout.head if row.heading else layout.row for row in rows), initial=0)
    bottom = end + 4
    height = bottom + 40

    def paint(figure: Figure) -> None:
        axes = paper.bare_axes(figure, layout.plot_left, 0, layout.plot_width, bottom)
        axes.set_ylim(bottom, 0)
        low, high = _reach(rows)
        _ratio_axis(axes, low, high, layout)
        for row, top in zip(rows, tops, strict=True):
            _labels(figure, row, top, layout)
            if row.drawn:
                _dot(axes, row, top + layout.drop, (low, high))

    return paper.draw(name, "Change of every target and endpoint from before to after", width, height, paint)


def _targets(verdict: Verdict) -> Iterator[_Row]:
    if verdict.checks:
        yield _Row("Targets", heading=True)
    for check in verdict.checks:
        change = check.pair.change if check.pair and check.reason is not Reason.TOO_FEW else None
        yield _Row(
            title=formatting.plain(check.target.expect.strip()),
            detail=naming.where(check.target),
            mark=formatting.MARKS[check.outcome],
            colour=COLOURS[check.outcome],
            change=change,
            wanted=passing_ratios(check.target, check.pair) if change and check.pair and check.pair.before else None,
            note=_note(check),
        )


def _note(check: Check) -> str:
    pair = check.pair
    if pair is None or pair.change is None or check.reason is Reason.TOO_FEW:
        return check.reason.value
    return "" if pair.change.scale == "ratio" else _values(pair)


def _endpoints(summary: Summary, comparison: Comparison) -> Iterator[_Row]:
    """P95 of all requests and of the busiest endpoints; P50 where P95 has too few samples."""
    places: list[str | None] = [None, *busiest(summary, MOST_ENDPOINTS)]
    rows = [row for place in places if (row := _endpoint(comparison, place))]
    count = len(summary.endpoints)
    chosen = f" {formatting.DOT} the busiest {MOST_ENDPOINTS} of {count}" if count > MOST_ENDPOINTS else ""
    if rows:
        yield _Row(f"P95, {naming.ALL_STAGES}{chosen}", heading=True)
        yield from rows


def _endpoint(comparison: Comparison, endpoint: str | None) -> _Row | None:
    name = naming.requests_of(endpoint)
    pairs = [pair for metric in HEADLINES if (pair := comparison.pair(metric, None, endpoint))]
    if not pairs:
        return None
    pair = next((pair for pair in pairs if pair.least_requests >= pair.metric.min_samples), None)
    if pair is None:
        alone = any(pair.before is None or pair.after is None for pair in pairs)
        return _Row(name, note="measured in one arm only" if alone else Reason.TOO_FEW.value)
    if pair.metric.name != HEADLINES[0]:
        name = f"{name} ({pair.metric.label}: too few for P95)"
    note = "" if pair.change else "no ratio"
    return _Row(
        name, _values(pair), change=pair.change, note=note, hollow=pair.least_requests < pair.metric.finding_samples
    )


def _values(pair: Pair) -> str:
    if pair.before is None or pair.after is None:
        return ""
    return f" {formatting.ARROW} ".join(formatting.levels(pair))


def _reach(rows: Sequence[_Row]) -> tuple[float, float]:
    changes = [row.change for row in rows if row.change and row.drawn]
    points = [1.0, *(change.value for change in changes)]
    points += [edge for row in rows if row.drawn and row.wanted for edge in row.wanted if 0 < edge < math.inf]
    lows = [change.low for change in changes if change.low]
    highs = [change.high for change in changes if change.high]
    low = max(min([*points, *lows]), min(points) / REACH)
    high = min(max([*points, *highs]), max(points) * REACH)
    margin = (high / low) ** 0.05
    return min(low / margin, 0.8), max(high * margin, 1.25)


def _ratio_axis(axes: Axes, low: float, high: float, layout: Layout) -> None:
    ticks = scales.change_ticks(low, high, most=max(layout.plot_width // 62, 3))
    scales.log_axis(axes, (low, high), ticks, (formatting.change_tick(tick) for tick in ticks))
    if not layout.narrow:  # a narrow picture has its text in the way of full lines
        axes.grid(visible=True, axis="x")
        axes.axvline(1.0, color=paper.MUTED, linewidth=1)


def _dot(axes: Axes, row: _Row, y: float, limits: tuple[float, float]) -> None:
    low, high = limits
    change = row.change
    if change is None:
        return
    axes.plot([1.0, 1.0], [y - 10, y + 13], color=paper.MUTED, linewidth=1)
    if row.wanted:
        start, end = max(row.wanted[0], low), min(row.wanted[1], high)
        axes.fill_between([start, end], y - 9, y + 9, color=paper.PASS, alpha=0.13, linewidth=0)
        for edge in row.wanted:
            if low < edge < high:
                axes.plot([edge, edge], [y - 9, y + 9], color=paper.PASS, linewidth=2)
    if change.low is not None and change.high is not None:
        ends = (max(change.low, low), min(change.high, high))
        axes.plot(ends, (y, y), color=row.colour, linewidth=2.2)
        for end, bound, arrow in zip(ends, (change.low, change.high), "<>", strict=True):
            _mark(axes, (end, y), "|" if end == bound else arrow, row.colour)
    _mark(axes, (change.value, y), "o", row.colour, hollow=row.hollow)


def _mark(axes: Axes, place: tuple[float, float], marker: str, colour: str, *, hollow: bool = False) -> None:
    face = paper.PAPER if hollow else colour
    style: dict[str, Any] = {"marker": marker, "markersize": 8, "markeredgecolor": colour, "markerfacecolor": face}
    axes.plot(*place, linestyle="none", clip_on=False, **style)


def _labels(figure: Figure, row: _Row, top: float, layout: Layout) -> None:
    write = partial(paper.write, figure)
    if row.heading:
        write(2, top + layout.head - 9, row.title, colour=paper.MUTED, size=paper.SMALL)
        return
    narrow, right = layout.narrow, layout.width - 2
    first = top + (14 if row.detail or narrow else 19)
    write(2, first, row.mark, colour=row.colour, size=paper.TEXT + 1)
    write(layout.label_left, first, paper.fitted(row.title, layout.label_width, paper.TEXT))
    if row.detail:
        detail = paper.fitted(row.detail, layout.label_width - (30 if narrow else 0), paper.SMALL)
        write(layout.label_left, first + 14, detail, colour=paper.MUTED, size=paper.SMALL)
    if row.note:
        note = paper.fitted(row.note, layout.plot_width, paper.SMALL)
        x, y = (layout.label_left, first + 28) if narrow else (layout.plot_left + 4, top + layout.drop + 4)
        write(x, y, note, colour=paper.MUTED, size=paper.SMALL)
    if row.change is None:
        return
    number_y = first if narrow else top + layout.drop + 4
    write(right if narrow else right - 134, number_y, formatting.change_with_unit(row.change), ha="right")
    interval = formatting.change_interval(row.change) or "no interval"
    write(right, number_y + (14 if narrow else 0), interval, colour=paper.MUTED, size=paper.SMALL, ha="right")
