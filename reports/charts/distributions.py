"""Latency distributions: every percentile of both arms, for all requests and for each endpoint.

The axis of percentiles is a logit scale, which shows the tail: P99 is as far from P90 as P90 is from P50.
"""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.cells import Curve
from harness.analysis.summary import Summary
from reports import naming
from reports.charts import axes as scales
from reports.charts import paper
from reports.charts.paper import Chart
from reports.sections.stages import busiest

WIDTH, HEIGHT = 332, 230
LEFT, TOP, RIGHT, BOTTOM = 54, 10, 46, 40
MOST_ENDPOINTS = 8
FIRST, LAST = 0.05, 0.999
TICKS = {0.1: "P10", 0.5: "P50", 0.9: "P90", 0.99: "P99", 0.999: "P99.9"}


def distribution_charts(summary: Summary) -> list[tuple[str, Chart]]:
    """A chart with its heading for all requests, then for each endpoint, busiest first."""
    curves = {(curve.arm, curve.endpoint): curve for curve in summary.curves}
    charts = []
    for number, endpoint in enumerate((None, *busiest(summary, MOST_ENDPOINTS))):
        pair = {arm: curves[arm, endpoint] for arm in paper.ARM_COLOURS if (arm, endpoint) in curves}
        if pair and (chart := _chart(number, endpoint, pair)):
            charts.append((naming.requests_of(endpoint), chart))
    return charts


def _chart(number: int, endpoint: str | None, pair: dict[str, Curve]) -> Chart | None:
    points = {arm: _points(curve) for arm, curve in pair.items()}
    if not any(len(x) > 1 for x, _ in points.values()):
        return None

    def paint(figure: Figure) -> None:
        axes = paper.bare_axes(figure, LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)
        scales.milliseconds_axis(axes, [y for _, ys in points.values() for y in ys])
        axes.set_xlim(_logit(FIRST), _logit(LAST))
        scales.set_ticks(axes, "x", [_logit(q) for q in TICKS], TICKS.values())
        axes.grid(visible=True, axis="x")
        axes.set_xlabel("percentile")
        _lines(axes, points)

    title = f"Latency of {naming.requests_of(endpoint)} at every percentile, before and after"
    return paper.draw(f"distribution-{number}", title, WIDTH, HEIGHT, paint)


def _points(curve: Curve) -> tuple[list[float], list[float]]:
    shown = [(q, ms) for q, ms in zip(curve.quantiles, curve.latency_ms, strict=True) if FIRST <= q <= LAST and ms > 0]
    return [_logit(q) for q, _ in shown], [ms for _, ms in shown]


def _lines(axes: Axes, points: dict[str, tuple[list[float], list[float]]]) -> None:
    labels = []
    for arm, (x, y) in points.items():
        if len(x) > 1:
            axes.plot(x, y, color=paper.ARM_COLOURS[arm], linestyle=paper.ARM_DASHES[arm], linewidth=2)
            labels.append((arm, x[-1], y[-1]))
    scales.end_labels(axes, labels)


def _logit(q: float) -> float:
    return math.log10(q / (1 - q))
