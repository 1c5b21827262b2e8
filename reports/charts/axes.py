"""Ticks and labels of axes."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, NullLocator

from harness.metrics import METRICS
from reports import formatting
from reports.charts import paper

_STEPS = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
_FALLS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_RISES = (1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 11.0, 21.0, 51.0, 101.0, 501.0, 1001.0)
MOST_TICKS = 7


def log_ticks(low: float, high: float) -> list[float]:
    """1-2-5 steps inside a range, fewer in a decade when there would be too many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in _STEPS:
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= MOST_TICKS:
            break
    return inside


def change_ticks(low: float, high: float, most: int) -> list[float]:
    """Round changes inside a range of ratios, "no change" among them, at most ``most``."""
    inside = [tick for tick in (*_FALLS, *_RISES) if low <= tick <= high]
    least = math.log(high / low) / most
    kept = [1.0]
    for tick in sorted(inside, key=lambda tick: abs(math.log(tick))):
        if all(abs(math.log(tick / other)) >= least for other in kept):
            kept.append(tick)
    return sorted(kept)


def nice_ticks(top: float, most: int = 4) -> list[float]:
    """Round steps from zero up to a top value."""
    if top <= 0:
        return [0.0]
    decade = 10.0 ** math.floor(math.log10(top / most))
    step = next(factor * decade for factor in (1, 2, 5, 10, 20) if top / (factor * decade) <= most)
    return [index * step for index in range(math.floor(top / step * (1 + 1e-9)) + 1)]


def level_ticks(low: float, high: float) -> list[float]:
    """As ``log_ticks``; round linear steps in a range too narrow for two of them."""
    ticks = log_ticks(low, high)
    if len(ticks) > 1:
        return ticks
    step = nice_ticks(high - low)[1]
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def set_ticks(axes: Axes, which: str, ticks: Sequence[float], labels: Iterable[str]) -> None:
    """Set the major ticks; no minor ones."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_ticklabels(list(labels))
    axis.set_tick_params(length=3)


def milliseconds_axis(axes: Axes, values: Iterable[float]) -> bool:
    """Set a logarithmic y axis in ms around some values; false when there are none."""
    shown = [value for value in values if value > 0 and math.isfinite(value)]
    if not shown:
        return False
    low, high = min(shown) / 1.25, max(shown) * 1.25
    axes.set_yscale("log")
    ticks = log_ticks(low, high)
    value_axis(axes, (low, high), ticks, (formatting.tick(METRICS["p95"], tick) for tick in ticks))
    return True


def value_axis(axes: Axes, limits: tuple[float, float], ticks: Sequence[float], labels: Iterable[str]) -> None:
    """Set the limits, ticks and grid of the y axis."""
    axes.set_ylim(*limits)
    set_ticks(axes, "y", ticks, labels)
    axes.grid(visible=True, axis="y")


def log_axis(axes: Axes, limits: tuple[float, float], ticks: Sequence[float], labels: Iterable[str]) -> None:
    """Set a logarithmic x axis, in a picture without a y axis."""
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    set_ticks(axes, "x", ticks, labels)


def time_axis(panels: Sequence[Axes], length: float, step: int, label: str) -> None:
    """Set a time axis in seconds below the last of some panels, with the same ticks in all of them."""
    ticks = [float(tick) for tick in range(0, math.floor(length) + 1, step)]
    for axes in panels:
        set_ticks(axes, "x", ticks, [""] * len(ticks))
    panels[-1].set_xticklabels([formatting.duration(tick) if tick else "0" for tick in ticks])
    panels[-1].set_xlabel(label)


def note(
    axes: Axes,
    text: str,
    place: tuple[float, float],
    shift: tuple[float, float],
    coords: str | tuple[str, str] = "data",
    *,
    align: tuple[Literal["left", "center", "right"], Literal["center", "bottom"]] = ("left", "center"),
    colour: str = paper.MUTED,
    size: float = paper.SMALL,
) -> Annotation:
    """Write a text ``shift`` pixels beside a place."""
    made = axes.annotate(text, place, xytext=shift, xycoords=coords, textcoords="offset points", annotation_clip=False)
    made.set(color=colour, fontsize=size, ha=align[0], va=align[1])
    return made


def span_label(axes: Axes, text: str, start: float, end: float, room: float) -> None:
    """Write the name of a span of the x axis above it, in ``room`` pixels."""
    fitted, middle = paper.fitted(text, room, paper.SMALL), (start + end) / 2
    note(axes, fitted, (middle, 1), (0, 4), ("data", "axes fraction"), align=("center", "bottom"))


def end_labels(axes: Axes, labels: Sequence[tuple[str, float, float]], gap: float = 5) -> None:
    """Write the name of each arm at the end of its line, without overlap."""
    ordered = sorted(labels, key=lambda label: label[2])
    heights = [float(axes.transData.transform((x, y))[1]) for _, x, y in ordered]
    close = len(heights) > 1 and heights[-1] - heights[0] < paper.TEXT
    for place, (arm, x, y) in enumerate(ordered):
        shift = (paper.TEXT / 2 if place else -paper.TEXT / 2) if close else 0.0
        note(axes, arm, (x, y), (gap, shift), colour=paper.ARM_COLOURS[arm], size=paper.TEXT)
