"""Waterfall: the level of a metric after each step from before to after, on a logarithmic axis.

The lengths of the bars are the shares of the steps, whiskers the intervals of their changes. Hollow bars have no
significant difference. Levels of zero have no place on the axis and are written out.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.change import Change
from harness.analysis.steps import Waterfall
from reports import formatting
from reports.charts import axes as scales
from reports.charts import paper
from reports.charts.paper import Chart, Layout
from reports.sections.steps import TOTAL, WORSE, changed, note, share_text

REACH = 3.0
"""Largest factor by which an interval extends the axis beyond the outermost level; longer ones end in an arrow."""
LEAST_SPAN = 1.3
ROOM = 62
"""Pixels on both sides of the outermost level, for the number at its end."""
BAR = 9.0
CHANGE, INTERVAL = 172, 46
"""Ends of these columns, in pixels from the right."""
NOTED = 112
"""Width of a note in a narrow picture, in pixels."""
COLOURS = {"": paper.PASS, WORSE: paper.FAIL}
"""By the note of a step; all others are hollow."""


class _Row(NamedTuple):
    """A line of the picture; ``start`` and ``end`` are the levels before and after a step."""

    title: str
    detail: str
    start: float | None
    end: float | None
    change: Change | None
    share: float | None
    note: str = ""

    @property
    def drawn(self) -> bool:
        return bool(self.start and self.end)

    @property
    def hollow(self) -> bool:
        return self.change is None or self.note not in COLOURS

    @property
    def colour(self) -> str:
        return paper.UNDECIDED if self.hollow else COLOURS[self.note]


def _layout(width: int) -> Layout:
    if width < paper.NARROW:
        return Layout(width, 0, width - 118, 8, width - 16, 0, 66, 48)
    return Layout(width, 0, 246, 256, width - 256 - 250, 22, 38, 16)


def waterfall_chart(fall: Waterfall, width: int, name: str) -> Chart | None:
    """The waterfall of a metric; ``None`` when fewer than two levels can be drawn."""
    rows, layout = list(_rows(fall)), _layout(width)
    if sum(bool(row.end) for row in rows[:-1]) < 2:  # noqa: PLR2004 - one level has no bar
        return None
    bottom = layout.head + layout.row * len(rows) + 4
    height = bottom + 40

    def paint(figure: Figure) -> None:
        axes = paper.bare_axes(figure, layout.plot_left, 0, layout.plot_width, bottom)
        axes.set_ylim(bottom, 0)
        limits = _level_axis(axes, fall, rows, layout)
        heads = {} if layout.narrow else {"change": CHANGE, "95 % interval": INTERVAL, "share": 0}
        for text, left in heads.items():
            paper.write(figure, width - 2 - left, 12, text, colour=paper.MUTED, size=paper.SMALL, ha="right")
        for number, row in enumerate(rows):
            top = layout.head + number * layout.row
            _labels(figure, row, top, layout)
            _draw(axes, fall, row, top + layout.drop, limits)
            if row.end and number < len(rows) - 1 and rows[number + 1].drawn:
                reach = layout.row + (0 if layout.narrow else layout.drop)  # a narrow picture has text in the way
                axes.plot([row.end] * 2, [top + layout.drop, top + reach], color=paper.MUTED, linewidth=0.8)

    title = f"{fall.total.metric.label} after each step from before to after"
    return paper.draw(name, title, width, height, paint)


def _rows(fall: Waterfall) -> Iterator[_Row]:
    least = fall.total.metric.min_samples
    levels = [level.value if level.least_requests >= least else None for level in fall.levels]
    yield _Row("before", "", None, levels[0], None, None)
    for part, (start, end) in zip(fall.contributions, pairwise(levels), strict=True):
        change = part.pair.change if part.pair.least_requests >= least else None
        yield _Row(part.step.name, changed(part.step), start, end, change, part.share, note(part) if change else "")
    change = fall.total.change if fall.total.least_requests >= least else None
    shared = all(part.share is not None for part in fall.contributions)
    yield _Row(TOTAL, "", levels[0], levels[-1], change, 1.0 if shared else None)


def _whisker(row: _Row) -> tuple[float, float] | None:
    change = row.change
    if not row.end or change is None or change.low is None or change.high is None:
        return None
    return row.end * change.low / change.value, row.end * change.high / change.value


def _level_axis(axes: Axes, fall: Waterfall, rows: Sequence[_Row], layout: Layout) -> tuple[float, float]:
    """Set the logarithmic axis; returns the limits of whiskers."""
    levels = [row.end for row in rows if row.end]
    ends = [end for row in rows if (whisker := _whisker(row)) for end in whisker]
    low = max(min([*levels, *ends]), min(levels) / REACH)
    high = min(max([*levels, *ends]), max(levels) * REACH)
    if high / low < LEAST_SPAN:
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(LEAST_SPAN), middle * math.sqrt(LEAST_SPAN)
    margin = (high / low) ** (ROOM / (layout.plot_width - 2 * ROOM))
    limits = (low / margin, high * margin)
    ticks = scales.level_ticks(*limits)
    scales.log_axis(axes, limits, ticks, (formatting.tick(fall.total.metric, tick) for tick in ticks))
    if not layout.narrow:  # a narrow picture has its text in the way of full lines
        axes.grid(visible=True, axis="x")
    return low, high


def _draw(axes: Axes, fall: Waterfall, row: _Row, y: float, limits: tuple[float, float]) -> None:
    if not row.end:
        if row.end is not None:
            _number(axes, fall, row.end, y, rightwards=True, beside=limits[0])
        return
    if row.title == "before" and row.start is None:
        _arm(axes, "before", row.end, y)
        _number(axes, fall, row.end, y, rightwards=row.end >= (fall.levels[-1].value or 0))
        return
    if not row.start:
        axes.plot(row.end, y, linestyle="none", marker="o", color=paper.MUTED, markersize=5)
        _number(axes, fall, row.end, y, rightwards=True)
        return
    if row.title == TOTAL:
        axes.plot([row.start, row.end], [y, y], color=paper.MUTED, linewidth=1.5)
        _arm(axes, "before", row.start, y)
    else:
        _bar(axes, row, y)
    _interval(axes, row, y, limits)
    if row.title == TOTAL:
        _arm(axes, "after", row.end, y)
    ends = [row.end, *(_whisker(row) or ())]
    rightwards = row.end > row.start
    edge = min(max(ends), limits[1]) if rightwards else max(min(ends), limits[0])
    _number(axes, fall, row.end, y, rightwards=rightwards, beside=edge)


def _bar(axes: Axes, row: _Row, y: float) -> None:
    fill: dict[str, Any] = {"facecolor": row.colour, "linestyle": "solid"}
    if row.hollow:
        fill = {"facecolor": paper.PAPER, "linestyle": (0, (3, 2))}
    ends = (row.start or 1, row.end or 1)
    axes.fill_betweenx([y - BAR, y + BAR], *ends, edgecolor=row.colour, linewidth=1.2, zorder=2, **fill)


def _interval(axes: Axes, row: _Row, y: float, limits: tuple[float, float]) -> None:
    whisker = _whisker(row)
    if whisker is None:
        return
    ends = (max(whisker[0], limits[0]), min(whisker[1], limits[1]))
    for width, colour in ((4.2, paper.PAPER), (1.8, paper.INK)):  # a rim, so that it shows on a bar too
        axes.plot(ends, (y, y), color=colour, linewidth=width, zorder=3, solid_capstyle="butt")
    for end, bound, arrow in zip(ends, whisker, "<>", strict=True):
        marker = "|" if end == bound else arrow
        axes.plot(end, y, linestyle="none", marker=marker, markersize=8, color=paper.INK, zorder=3, clip_on=False)


def _arm(axes: Axes, arm: str, x: float, y: float) -> None:
    marker, colour = paper.ARM_MARKERS[arm], paper.ARM_COLOURS[arm]
    axes.plot(x, y, linestyle="none", marker=marker, color=colour, markersize=8, zorder=4, clip_on=False)


def _number(
    axes: Axes, fall: Waterfall, value: float, y: float, *, rightwards: bool, beside: float | None = None
) -> None:
    text, shift = formatting.with_unit(fall.total.metric, value), (8 if rightwards else -8, 0)
    side: Literal["left", "right"] = "left" if rightwards else "right"
    scales.note(axes, text, (beside or value, y), shift, align=(side, "center"), colour=paper.INK).set_zorder(5)


def _labels(figure: Figure, row: _Row, top: float, layout: Layout) -> None:
    write = partial(paper.write, figure)
    narrow = layout.narrow
    first = top + (16 if narrow or row.detail else layout.drop + 4)
    write(0, first, paper.fitted(row.title, layout.label_width, paper.TEXT))
    if row.detail:
        room = layout.label_width - (NOTED if narrow and row.note else 0)
        write(0, first + 14, paper.fitted(row.detail, room, paper.SMALL), colour=paper.MUTED, size=paper.SMALL)
    right = layout.width - 2
    if row.change is None:
        if row.title != "before":
            write(right - (0 if layout.narrow else CHANGE), first, formatting.DASH, ha="right")
        return
    change, interval = formatting.change_with_unit(row.change), formatting.change_interval(row.change) or "no interval"
    share = share_text(row.share) if row.share is not None else formatting.DASH
    number = first if narrow else top + layout.drop + (4 if not row.note else -3)
    colour = paper.MUTED if row.hollow else paper.INK
    if narrow:
        write(right, number, f"{change} {formatting.DOT} {share}", ha="right", colour=colour)
        noted = f"{row.note} {formatting.DOT} {interval}" if row.note else interval
        write(right, number + 14, noted, colour=paper.MUTED, size=paper.SMALL, ha="right")
        return
    write(right - CHANGE, number, change, ha="right", colour=colour)
    write(right - INTERVAL, number, interval, colour=paper.MUTED, size=paper.SMALL, ha="right")
    write(right, number, share, ha="right", colour=colour)
    if row.note:
        write(right - INTERVAL, number + 14, row.note, colour=row.colour, size=paper.SMALL, ha="right")
