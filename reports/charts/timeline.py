"""Timeline of a leg: latency, throughput, failures and planned load per second, with stages as bands."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.summary import Summary
from harness.analysis.timeline import Second
from harness.plan.model import Plan
from harness.plan.stages import Stage
from harness.record.leg import Window, windows_of
from reports import formatting
from reports.charts import axes as scales
from reports.charts import paper
from reports.charts.paper import Chart

LEFT, RIGHT, TOP, BOTTOM = 62, 54, 24, 36
PANELS = {"latency": 190, "req/s": 90, "load": 60}
FAILED, FAILED_HEIGHT = "failed", 60
GAP = 22
MOST_POINTS = 900
SHORTEST_FAULT = 0.2
TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
LEAST_TICK_GAP = 64


class _Course(NamedTuple):
    """One arm over time; NaN where no request succeeded."""

    seconds: list[float]
    p50: list[float]
    p95: list[float]
    rps: list[float]
    failed: list[float]


def timeline_chart(plan: Plan, summary: Summary, width: int, name: str = "timeline") -> Chart | None:
    """The timeline of both arms; ``None`` when nothing was recorded."""
    arms = {arm: summary.timelines[arm] for arm in paper.ARM_COLOURS if summary.timelines.get(arm)}
    if not arms:
        return None
    windows = windows_of(plan.stages)
    length = max([windows[-1].end, *(seconds[-1].second + 1.0 for seconds in arms.values())])
    courses = {arm: _course(seconds, bucket_seconds(length)) for arm, seconds in arms.items()}
    load = "arrivals/s" if plan.open else "users"
    sizes = PANELS | ({FAILED: FAILED_HEIGHT} if plan.faults else {})
    height = TOP + sum(sizes.values()) + GAP * (len(sizes) - 1) + BOTTOM

    def paint(figure: Figure) -> None:
        panels = dict(zip(sizes, _panels(figure, width, length, sizes, load), strict=True))
        for axes in panels.values():
            _bands(axes, windows)
            _faults(axes, plan)
        _stage_names(panels["latency"], windows, (width - LEFT - RIGHT) / length)
        _latency(panels["latency"], courses)
        _rates(panels["req/s"], {arm: (course.seconds, course.rps) for arm, course in courses.items()})
        _planned(panels["load"], plan.stages, windows)
        if FAILED in panels:
            _rates(panels[FAILED], {arm: (course.seconds, course.failed) for arm, course in courses.items()})
        most = max((width - LEFT - RIGHT) // LEAST_TICK_GAP, 2)
        step = next((step for step in TIME_STEPS if length / step <= most), TIME_STEPS[-1])
        scales.time_axis([*panels.values()], length, step, "time since the start of the leg")

    failed = ", failed requests, faults" if plan.faults else ""
    title = (
        f"Each second of a leg: P95 and P50 latency, requests per second{failed} and {load}, before and after, by stage"
    )
    return paper.draw(name, title, width, height, paint)


def bucket_seconds(length: float) -> int:
    """Seconds per point of the timeline: 1, more for long legs."""
    return max(math.ceil(length / MOST_POINTS), 1)


def _course(seconds: Sequence[Second], step: int) -> _Course:
    """Percentiles are not averaged: a point of several seconds shows the highest; rates are means."""
    by_bucket: dict[int, list[Second]] = {}
    for second in seconds:
        by_bucket.setdefault(second.second // step, []).append(second)
    buckets = range(min(by_bucket), max(by_bucket) + 1)

    def each(value: Callable[[list[Second]], float]) -> list[float]:
        return [value(by_bucket.get(bucket, [])) for bucket in buckets]

    return _Course(
        seconds=[(bucket + 0.5) * step for bucket in buckets],
        p50=each(lambda found: max((s.p50_ms for s in found if s.p50_ms), default=math.nan)),
        p95=each(lambda found: max((s.p95_ms for s in found if s.p95_ms), default=math.nan)),
        rps=each(lambda found: sum(s.rps for s in found) / step),
        failed=each(lambda found: sum(s.failures for s in found) / step),
    )


def _panels(figure: Figure, width: int, length: float, sizes: Mapping[str, int], load: str) -> Iterator[Axes]:
    top = float(TOP)
    for label, height in sizes.items():
        axes = paper.bare_axes(figure, LEFT, top, width - LEFT - RIGHT, height)
        axes.set_xlim(0, length)
        title, shift = load if label == "load" else label, (-LEFT + 2, 4)
        look: dict[str, Any] = {"align": ("left", "bottom"), "colour": paper.INK, "size": paper.TEXT}
        scales.note(axes, title, (0, 1), shift, "axes fraction", **look)
        yield axes
        top += height + GAP


def _bands(axes: Axes, windows: Sequence[Window]) -> None:
    for number, window in enumerate(windows):
        if number % 2 == 0:
            axes.axvspan(window.start, window.end, color=paper.BAND, linewidth=0, zorder=0)
        if window.start < window.measured_from < window.end:
            axes.axvline(window.measured_from, color=paper.MUTED, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)


def _faults(axes: Axes, plan: Plan) -> None:
    for second, fault in plan.planned_faults:
        end = max(second + fault.seconds, second + SHORTEST_FAULT)
        hatched: dict[str, Any] = {"facecolor": "none", "edgecolor": paper.FAIL, "hatch": "////"}
        axes.axvspan(second, end, **hatched, linewidth=0.8, alpha=0.45, zorder=1)


def _stage_names(axes: Axes, windows: Sequence[Window], pixels_per_second: float) -> None:
    for window in windows:
        room = (window.end - window.start) * pixels_per_second
        if room >= paper.SMALL * paper.CHARACTER * 3:
            scales.span_label(axes, formatting.plain(window.stage), window.start, window.end, room)


def _latency(axes: Axes, courses: dict[str, _Course]) -> None:
    shown = [v for course in courses.values() for v in (*course.p50, *course.p95) if math.isfinite(v)]
    if not scales.milliseconds_axis(axes, shown):
        return
    labels = []
    for arm, course in courses.items():
        colour, dash = paper.ARM_COLOURS[arm], paper.ARM_DASHES[arm]
        axes.plot(course.seconds, course.p50, color=colour, linestyle=dash, linewidth=0.9, alpha=0.55)
        axes.plot(course.seconds, course.p95, color=colour, linestyle=dash, linewidth=1.8)
        ends = [(x, y) for x, y in zip(course.seconds, course.p95, strict=True) if math.isfinite(y)]
        labels += [(arm, *ends[-1])] if ends else []
    scales.end_labels(axes, labels)


def _rates(axes: Axes, courses: Mapping[str, tuple[list[float], list[float]]]) -> None:
    for arm, (seconds, values) in courses.items():
        axes.plot(seconds, values, color=paper.ARM_COLOURS[arm], linestyle=paper.ARM_DASHES[arm], linewidth=1.4)
    _from_zero(axes, max((value for _, values in courses.values() for value in values), default=0.0))


def _planned(axes: Axes, stages: Sequence[Stage], windows: Sequence[Window]) -> None:
    """Planned users or arrivals per second; not for a search, whose loads differ from leg to leg."""
    x, y, load = [0.0], [0.0], 0.0
    known = [pair for pair in zip(stages, windows, strict=True) if pair[0].search is None]
    for stage, window in known:
        x += [window.start, window.start + stage.climb_seconds, window.end]
        y += [load, stage.load, stage.load]
        load = stage.load
    axes.fill_between(x, y, color=paper.MUTED, alpha=0.18, linewidth=0)
    axes.plot(x, y, color=paper.MUTED, linewidth=1.2)
    _from_zero(axes, max(y))


def _from_zero(axes: Axes, highest: float) -> None:
    top = highest or 1.0
    ticks = scales.nice_ticks(top, most=3)
    scales.value_axis(axes, (0, top * 1.12), ticks, (formatting.tidy(tick) for tick in ticks))
