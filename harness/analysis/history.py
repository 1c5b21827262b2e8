"""History: one number of many recorded runs in the order in which they were measured, and where it changed for good.

Runs are put on one line only when they measure the same thing; others make a line of their own. Runs were not measured
in turns, so what changed on the host between them is in the line too: a change point says when, never why.

Change points are found as in Fleming et al. (2023), Hunter: Using Change Point Detection to Hunt for Performance
Regressions, by apache-otava, which grew out of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.analysis.comparable import incomparable_facts
from harness.errors import PackageMissingError
from harness.metrics import Metric, Scale
from harness.record.archive import ArchivedRun

MIN_RUNS = 8
"""Of six runs a lasting change of 30 % is missed more often than not, of eight it is found nine times in ten
(simulated, runs that vary by 5 %)."""
MAX_P = 0.001
WINDOW = 50
WAYS_TO_INSTALL = "pip install 'before-after-harness[history]', or of a checkout pip install -e '.[history]'"


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change point: the first run of the new level, the mean of the runs before it and from it on, and the p-value.

    The means reach to the change points beside it; the p-value is that of Student's t between these two groups.
    """

    index: int
    before: float
    after: float
    p: float


@dataclass(frozen=True, slots=True)
class RunSeries:
    """Comparable runs in the order of their start; ``differs`` is what sets them apart from the line before."""

    plan_name: str
    entries: tuple[ArchivedRun, ...]
    differs: tuple[str, ...] = ()
    turns: tuple[ChangePoint, ...] = ()

    @property
    def missing(self) -> int:
        """How many more runs are needed before change points are looked for."""
        return max(0, MIN_RUNS - len(self.entries))


def series_of(entries: Sequence[ArchivedRun], metric: Metric) -> tuple[RunSeries, ...]:
    """Every run on the line of those that it can be compared with, and the change points of each line.

    Raises:
        PackageMissingError: when a line is long enough and apache-otava is not installed.
    """
    lines: list[RunSeries] = []
    for entry in sorted(entries, key=lambda entry: (entry.setup.started, entry.run)):
        for place, line in enumerate(lines):
            last = line.entries[-1]
            if line.plan_name == entry.setup.plan_name and not _apart(last, entry):
                lines[place] = replace(line, entries=(*line.entries, entry))
                break
        else:
            same_plan = [line for line in lines if line.plan_name == entry.setup.plan_name]
            differs = _apart(same_plan[-1].entries[0], entry) if same_plan else []
            lines.append(RunSeries(entry.setup.plan_name, (entry,), tuple(differs)))
    return tuple(replace(line, turns=tuple(_turns(line, metric))) for line in lines)


def change_of(entry: ArchivedRun, previous: ArchivedRun, metric: Metric) -> float | None:
    """From one run to the next: a fraction of the earlier, or for shares their difference; ``None`` from zero."""
    if metric.scale is not Scale.LOG:
        return entry.value - previous.value
    return entry.value / previous.value - 1 if previous.value else None


def require_otava() -> None:
    """See that apache-otava is installed, before anything is read.

    Raises:
        PackageMissingError: when it is not.
    """
    _compute()


def _apart(one: ArchivedRun, other: ArchivedRun) -> list[str]:
    return incomparable_facts(one.setup, one.plan, other.setup, other.plan)


def _turns(line: RunSeries, metric: Metric) -> Iterator[ChangePoint]:
    """The change points of a line, those left out that are smaller than what counts in the plan of its latest run."""
    if line.missing:
        return
    smallest = line.entries[-1].plan.judgement.smallest(metric)
    values = [entry.value for entry in line.entries]
    magnitude = smallest if metric.scale is Scale.LOG else 0.0
    found, _ = _compute()(values, WINDOW, MAX_P, magnitude)
    for point in found:
        turn = ChangePoint(
            int(point.index), float(point.stats.mean_1), float(point.stats.mean_2), float(point.stats.pvalue)
        )
        if metric.scale is Scale.LOG or abs(turn.after - turn.before) >= smallest:
            yield turn


def _compute() -> Any:  # noqa: ANN401 - the package ships no types
    try:
        from otava.analysis import compute_change_points  # noqa: PLC0415 - an extra: it needs scipy and a lot besides
    except ImportError as error:
        raise PackageMissingError(
            f"change points are found by apache-otava, which cannot be loaded ({error}); {WAYS_TO_INSTALL}"
        ) from error
    return compute_change_points
