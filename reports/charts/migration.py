"""Chart of the migration under load: maximum latency over time, and the statements of the migration below."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.evidence.migration import MigrationUnderLoad, TimelinePoint
from harness.record.migration import UPGRADE, MigrationStep
from reports.charts import axes as scales
from reports.charts import paper
from reports.charts.paper import Chart

LEFT, RIGHT, TOP, BOTTOM = 62, 16, 24, 36
LATENCY, STATEMENTS, GAP = 170, 54, 14
LEAST_MS = 3.0
COLOURS = {True: paper.AFTER, False: paper.BEFORE}


def migration_chart(rehearsal: MigrationUnderLoad | None, width: int, name: str) -> Chart | None:
    """``None`` where no migration ran under load."""
    if rehearsal is None or not rehearsal.points or rehearsal.record.origin is None:
        return None
    origin = rehearsal.record.origin

    def paint(figure: Figure) -> None:
        top = paper.bare_axes(figure, LEFT, TOP, width - LEFT - RIGHT, LATENCY)
        low = paper.bare_axes(figure, LEFT, TOP + LATENCY + GAP, width - LEFT - RIGHT, STATEMENTS)
        length = max(point.second for point in rehearsal.points)
        for axes in (top, low):
            axes.set_xlim(0, length)
            for direction in rehearsal.record.steps:
                axes.axvspan(
                    direction.begun - origin, direction.ended - origin, color=paper.BAND, linewidth=0, zorder=0
                )
        _latency(top, rehearsal.points)
        for direction in rehearsal.record.steps:
            name = direction.way if direction.way == UPGRADE else "rollback"
            room = max(direction.seconds * (width - LEFT - RIGHT) / length, 60)
            scales.span_label(top, name, direction.begun - origin, direction.ended - origin, room)
            _statements(low, direction, origin)
        low.set_ylim(0, 2)
        scales.set_ticks(low, "y", [0.5, 1.5], ["rollback", "upgrade"])
        step = next(s for s in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 3600) if length / s <= max(width // 90, 2))
        scales.time_axis([top, low], length, step, "time since the start of the load")

    title = "Maximum latency over time, failed requests, statements of the migration and its rollback"
    return paper.draw(name, title, width, TOP + LATENCY + GAP + STATEMENTS + BOTTOM, paint)


def _latency(axes: Axes, points: tuple[TimelinePoint, ...]) -> None:
    if not scales.milliseconds_axis(axes, [point.longest_ms for point in points]):
        return
    seconds, longest = [point.second for point in points], [point.longest_ms for point in points]
    axes.plot(seconds, longest, color=paper.INK, linewidth=0.9, drawstyle="steps-mid")
    failed = [(point.second, point.longest_ms) for point in points if point.failures]
    if failed:
        axes.plot(*zip(*failed, strict=True), color=paper.FAIL, linestyle="", marker="x", markersize=6)


def _statements(axes: Axes, direction: MigrationStep, origin: float) -> None:
    up = direction.way == UPGRADE
    blocking = {wait.head for wait in direction.waits if wait.by_migration}
    for one in direction.statements:
        if one.ms is not None and one.ms < LEAST_MS:
            continue
        end = one.ended if one.ms is not None else direction.ended
        axes.broken_barh(
            [(one.begun - origin, max(end - one.begun, 0.02))],
            (1.15 if up else 0.15, 0.7),
            facecolor=paper.FAIL if one.text in blocking or one.error else COLOURS[up],
            edgecolor=paper.PAPER,
            linewidth=0.8,
            hatch="////" if one.text in blocking else None,
        )
