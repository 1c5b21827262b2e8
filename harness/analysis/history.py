"""History: one value of many recorded runs in time order, and its change points.

Only comparable runs are in one series. Runs are not interleaved, so a change of the host between them is in the series
too: a change point says when, never why.

Change points are found by apache-otava, as in Fleming et al. (2023), Hunter: Using Change Point Detection to Hunt for
Performance Regressions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import PackageMissingError
from harness.metrics import Metric, Scale
from harness.plan.model import Plan
from harness.record.archive import ArchivedRun
from harness.record.setup import Setup, differing_facts

MIN_RUNS = 8
"""With six runs a lasting change of 30 % is usually missed, with eight usually found (simulated, spread 5 %)."""
MAX_P = 0.001
WINDOW = 50
WAYS_TO_INSTALL = "pip install 'before-after-harness[history]', or of a checkout pip install -e '.[history]'"


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The first run of a new level, the means on both sides up to the next change points, and their p-value."""

    index: int
    before: float
    after: float
    p: float


@dataclass(frozen=True, slots=True)
class RunSeries:
    """Comparable runs by start time; ``differs`` lists the differences from the series before."""

    plan_name: str
    entries: tuple[ArchivedRun, ...]
    differs: tuple[str, ...] = ()
    turns: tuple[ChangePoint, ...] = ()

    @property
    def missing(self) -> int:
        """How many more runs change point detection needs."""
        return max(0, MIN_RUNS - len(self.entries))


def series_of(entries: Sequence[ArchivedRun], metric: Metric) -> tuple[RunSeries, ...]:
    """The series of comparable runs, with change points where a series is long enough."""
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
    """The relative change from one run to the next, or the difference of shares; ``None`` from zero."""
    if metric.scale is not Scale.LOG:
        return entry.value - previous.value
    return entry.value / previous.value - 1 if previous.value else None


def _apart(one: ArchivedRun, other: ArchivedRun) -> list[str]:
    return incomparable_facts(one.setup, one.plan, other.setup, other.plan)


def _turns(line: RunSeries, metric: Metric) -> Iterator[ChangePoint]:
    """The change points of a series that are not smaller than the minimum effect in the plan of its latest run."""
    if line.missing:
        return
    smallest = line.entries[-1].plan.judgement.smallest(metric)
    values = [entry.value for entry in line.entries]
    magnitude = smallest if metric.scale is Scale.LOG else 0.0
    found, _ = require_otava()(values, WINDOW, MAX_P, magnitude)
    for point in found:
        stats = point.stats
        turn = ChangePoint(int(point.index), float(stats.mean_1), float(stats.mean_2), float(stats.pvalue))
        if metric.scale is Scale.LOG or abs(turn.after - turn.before) >= smallest:
            yield turn


def require_otava() -> Any:  # noqa: ANN401 - the package ships no types
    """The function of apache-otava that finds change points; ``PackageMissingError`` when it is not installed."""
    try:
        from otava.analysis import compute_change_points  # noqa: PLC0415 - an extra: it needs scipy and a lot besides
    except ImportError as error:
        raise PackageMissingError(
            f"change points are found by apache-otava, which cannot be loaded ({error}); {WAYS_TO_INSTALL}"
        ) from error
    return compute_change_points


def incomparable_facts(one: Setup, one_plan: Plan, other: Setup, other_plan: Plan) -> list[str]:
    """The facts that differ between two runs and must not, each as ``name: one, other``.

    Targets, claims, the number of blocks and the arms may differ.
    """
    facts = differing_facts(one, other)
    if one_plan.stages != other_plan.stages:
        facts.append("stages: the plans load differently")
    if one_plan.capacity != other_plan.capacity:
        facts.append("capacity: users are held by other limits")
    if one_plan.faults != other_plan.faults:
        facts.append("faults: other ones, or at other times")
    sides = [
        {
            "environment": plan.environment.kind,
            "cores of the environment": tuple(getattr(plan.environment, "cores", ())),
            "cores of the load": plan.load.cores,
            "arrivals": plan.load.arrivals or "poisson",
        }
        for plan in (one_plan, other_plan)
    ]
    both = zip(sides[0].items(), sides[1].values(), strict=True)
    return facts + [f"{name}: {a}, {b}" for (name, a), b in both if a != b]
