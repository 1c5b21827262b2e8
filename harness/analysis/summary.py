"""Summary: the trials of a run as one row per arm, block, stage and endpoint, each also pooled over the others.

- A sample belongs to the stage in whose window it was *due*; those due during a warm-up are left out.
- Response times count from the due time, service times from sending; both are of successes, in ms.
- A failed request is neither a cache hit nor a miss.
- Pooled over stages means every stage except ramps; pooled over blocks, every complete block.
- Metrics of a whole leg or arm stand in the rows of all stages and endpoints together.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from statistics import fmean, median_low

from harness.analysis.capacity import SearchResult, StressStep, arrivals_started, capacity_of, load_held, search_result
from harness.analysis.cells import Curve, cells_of, curve_of, pooled
from harness.analysis.recovery import Recovery, recoveries_of
from harness.analysis.request_cost import RequestCost
from harness.analysis.row import Cells, Row, RowPlace, places_of, row_of, seconds_of
from harness.analysis.servers import ServerReport, evictions_of, server_reports
from harness.analysis.statements import StatementTotals, StatementUse, TriggerTime, cost_values
from harness.analysis.steady_state import NO_SETTLING, Settling
from harness.analysis.timeline import LegTimeline, Second, arm_timeline, leg_timeline
from harness.analysis.usage import Consumer, Usage
from harness.metrics import LOADS_HELD, Metric, held_metric
from harness.plan.expectation import Expectation
from harness.plan.faults import Fault
from harness.plan.readings import NO_WORDS, Tags, Vocabulary, metrics_of
from harness.plan.stages import StageKind
from harness.record.capacity_tries import TryRequests, limits_met
from harness.record.generation import OfferedLoad
from harness.record.leg import Leg, Window
from harness.record.samples import succeeded
from harness.record.trial import Migration, Trial


@dataclass(frozen=True, slots=True)
class LegFacts:
    """One leg; ``offered`` and ``schedule_lag_p99_ms`` are of open-loop plans."""

    leg: Leg
    requests: int
    cpu_share: float
    lag_p99_ms: float
    ready_seconds: float | None = None
    user_errors: int = 0
    processes: int = 1
    hosts: int = 1
    windows: tuple[Window, ...] = ()
    offered: tuple[OfferedLoad, ...] = ()
    schedule_lag_p99_ms: float | None = None
    gc_pause_ms: float = 0.0
    statements_evicted: int = 0

    @classmethod
    def of(cls, trial: Trial) -> "LegFacts":
        same = ("requests", "cpu_share", "lag_p99_ms", "user_errors", "processes", "hosts", "windows", "offered",
                "schedule_lag_p99_ms", "gc_pause_ms")  # fmt: skip
        reported = {name: getattr(trial.generation, name) for name in same}
        evicted = evictions_of(trial)
        return cls(trial.leg, **reported, ready_seconds=trial.ready_seconds, statements_evicted=evicted)

    @property
    def arrivals(self) -> list[tuple[Window, OfferedLoad]]:
        """The stages with counted arrivals, in order, with their windows."""
        windows = {window.stage: window for window in self.windows}
        return [(windows[offered.stage], offered) for offered in self.offered if offered.stage in windows]


@dataclass(frozen=True)
class Summary:
    """All rows, the stages in order, latency curves, and a timeline per arm."""

    rows: tuple[Row, ...]
    stages: tuple[str, ...]
    curves: tuple[Curve, ...]
    timelines: dict[str, tuple[Second, ...]]
    legs: tuple[LegFacts, ...]
    steps: tuple[StressStep, ...] = ()  # the stress stages of every leg of a plan with capacity limits
    consumers: tuple[Consumer, ...] = ()  # the CPU and memory of servers and services
    recoveries: tuple[Recovery, ...] = ()
    settling: Settling = NO_SETTLING
    searches: tuple[SearchResult, ...] = ()  # the capacity searches
    tagged: tuple[Row, ...] = ()  # the rows of tags
    measures: tuple[Metric, ...] = ()  # the metrics of the plan's own readings
    statements: tuple[StatementUse, ...] = ()  # as databases count them
    servers: tuple[ServerReport, ...] = ()  # the statistics of databases and caches

    @cached_property
    def _index(self) -> dict[RowPlace, Row]:
        rows = (*self.rows, *self.tagged)
        return {RowPlace(row.arm, row.block, row.stage, row.endpoint, row.tag): row for row in rows}

    @cached_property
    def blocks(self) -> list[int]:
        return sorted({row.block for row in self.rows if row.block is not None})

    @property
    def endpoints(self) -> list[str]:
        return sorted({row.endpoint for row in self.rows if row.endpoint})

    @property
    def open(self) -> bool:
        """Whether the load was open-loop."""
        return any(window.rate is not None for leg in self.legs for window in leg.windows)

    def row(
        self, arm: str, block: int | None, stage: str | None, endpoint: str | None, tag: str | None = None
    ) -> Row | None:
        """The row of a cell, or of a tag; ``None`` without requests."""
        return self._index.get(RowPlace(arm, block, stage, endpoint, tag))


def summarise(
    trials: Iterable[Trial],
    migrations: Sequence[Migration] = (),
    limits: Sequence[Expectation] = (),
    faults: Sequence[Fault] = (),
    *,
    settling: Settling = NO_SETTLING,
    vocabulary: Vocabulary = NO_WORDS,
    costs: Mapping[str, Mapping[str, RequestCost]] | None = None,
) -> Summary:
    """Summarise the trials of a run; the caller passes complete blocks only.

    ``trials`` are consumed one at a time, and their samples are not kept. Several ``migrations`` of one arm add up.
    ``limits`` are those of stress stages, ``faults`` those of every leg, in order; ``costs`` are the database costs per
    request, by arm and endpoint.
    """
    counted = list(map(partial(_counts, faults=faults, limits=limits), settling.steady(trials)))
    legs = [counts.trial for counts in counted]
    windows = [(leg.leg, window) for leg in legs for window in leg.generation.windows]
    rows, curves = _rows(counted, windows)
    steps = tuple(_steps(legs, rows, limits)) if limits else ()
    searches = tuple(counts.search_result for counts in counted if counts.search_result is not None)
    recoveries = tuple(recovery for counts in counted for recovery in counts.recoveries)
    usage, work, triggers = Usage(legs, vocabulary.readings), StatementTotals(legs), TriggerTime(legs)
    made = {(row.arm, row.block): row.requests for row in rows if row.stage is None and row.endpoint is None}
    requests = {trial.leg.number: made.get((trial.leg.arm, trial.leg.block), 0) for trial in legs}

    def complete(row: Row) -> Row:
        """A row with what was read beside the load, and of all stages and endpoints with the whole values."""
        place = row.arm, row.block, row.stage
        if row.endpoint is not None:
            cost = (costs or {}).get(row.arm, {}).get(row.endpoint)
            return row.adding(cost_values(cost.at(row.value("cache_hit_rate")))) if cost else row
        beside = usage.of(*place) | work.of(*place, row.requests) | triggers.of(*place, row.requests)
        if row.stage is not None:
            return row.adding(beside)
        own = [trial for trial in legs if trial.leg.arm == row.arm and row.block in {None, trial.leg.block}]
        own_migrations = [migration for migration in migrations if migration.arm == row.arm and row.block is None]
        return _with_arm_metrics(row.adding(beside), own, steps, recoveries, own_migrations, searches)

    return Summary(
        rows=tuple(map(complete, rows)),
        stages=tuple(dict.fromkeys(window.stage for leg in legs for window in leg.generation.windows)),
        curves=curves,
        timelines=_timelines(counted),
        legs=tuple(LegFacts.of(leg) for leg in legs),
        steps=steps,
        consumers=tuple(usage.consumers()),
        recoveries=recoveries,
        settling=settling,
        searches=searches,
        tagged=tuple(_tagged_rows(counted, windows, vocabulary.tags)),
        measures=tuple(metrics_of(vocabulary.readings).values()),
        statements=tuple(work.statements(requests)),
        servers=tuple(server_reports(legs)),
    )


def _with_arm_metrics(
    row: Row,
    legs: Sequence[Trial],
    steps: Sequence[StressStep],
    recoveries: Sequence[Recovery],
    migrations: Sequence[Migration],
    searches: Sequence[SearchResult],
) -> Row:
    """A row with the metrics that have one value per leg or arm; steps, recoveries and searches are of all legs.

    Of several legs, the load held is the lower median, which is a load that was tried; it is a lower bound when every
    stress stage held, or a search found no rate that missed. After a search ``upper_ends`` has the lowest rate that
    missed. The time to readiness is the mean. Times to recovery and detection are the longest of all faults, lower
    bounds unless all faults were recovered from and detected. Migrations belong to the arm and to no leg; several of
    one arm add up.
    """
    values: dict[str, float] = {}
    bounds: dict[str, bool] = {}
    upper_ends: dict[str, float] = {}
    if ready := [trial.ready_seconds for trial in legs if trial.ready_seconds is not None]:
        values["ready_seconds"] = fmean(ready)
    stepped = (load_held([step for step in steps if step.leg == trial.leg]) for trial in legs)
    found = capacity_of([one for one in searches if any(one.leg == trial.leg for trial in legs)])
    rate = held_metric(rates=True).name
    if found:
        values[rate], bounds = found.held, dict.fromkeys(LOADS_HELD, found.at_least)
        upper_ends[rate] = math.inf if found.missed is None else found.missed
    elif loads := [load for load in stepped if load is not None]:
        held, rates = median_low(loads), any(step.rate is not None for step in steps)
        name = held_metric(rates=rates).name
        values[name] = held if rates else int(held)
        bounds = dict.fromkeys(LOADS_HELD, held == max(step.load for step in steps))
    if own := [recovery for recovery in recoveries if any(recovery.leg == trial.leg for trial in legs)]:
        values["recovery_seconds"] = max(recovery.recovered_after for recovery in own)
        bounds["recovery_seconds"] = not all(recovery.recovered for recovery in own)
    if signalled := [(r.noticed_after, r.noticed) for r in own if r.noticed_after is not None]:
        values["detection_seconds"] = max(after for after, _ in signalled)
        bounds["detection_seconds"] = not all(noticed for _, noticed in signalled)
    if migrations:
        values["indexes_created"] = sum(len(migration.indexes_created) for migration in migrations)
        values["migration_seconds"] = math.fsum(migration.seconds for migration in migrations)
    lower_bounds = frozenset(name for name, bound in bounds.items() if bound)
    return replace(row, values={**row.values, **values}, lower_bounds=lower_bounds, upper_ends=upper_ends)


@dataclass(frozen=True, slots=True)
class _Counts:
    """One leg without its samples, and what was computed from them."""

    trial: Trial
    cells: Cells
    course: LegTimeline
    recoveries: tuple[Recovery, ...]
    search_result: SearchResult | None

    def only(self, endpoints: Collection[str]) -> Cells:
        return {place: cell for place, cell in self.cells.items() if place[1] in endpoints}


def _counts(trial: Trial, faults: Sequence[Fault], limits: Sequence[Expectation]) -> _Counts:
    searched, found = trial.generation.searched, None
    if searched and limits:
        due, sent, duration = (trial.samples[name].to_numpy() for name in ("due_ns", "sent_ns", "duration_ns"))
        requests = TryRequests(due, sent, duration, succeeded(trial.samples))
        found = search_result(trial.leg, searched, limits, requests)
    recoveries = tuple(recoveries_of(trial, faults))
    return _Counts(trial.without_samples(), cells_of(trial), leg_timeline(trial), recoveries, found)


def _timelines(counted: Sequence[_Counts]) -> dict[str, tuple[Second, ...]]:
    arms = sorted({counts.trial.leg.arm for counts in counted})
    found = {arm: arm_timeline([counts.course for counts in counted if counts.trial.leg.arm == arm]) for arm in arms}
    return {arm: seconds for arm, seconds in found.items() if seconds}


def _rows(counted: Sequence[_Counts], windows: Sequence[tuple[Leg, Window]]) -> tuple[list[Row], tuple[Curve, ...]]:
    """The row of every place, and the curves of those pooled over blocks and stages."""
    rows, curves = [], []
    for place, cells in places_of([(counts.trial.leg, counts.cells) for counts in counted], windows):
        cell = pooled(cells)
        rows.append(row_of(cell, place, seconds_of(windows, place)))
        if place.block is None and place.stage is None and cell.successes:
            curves.append(curve_of(place.arm, place.endpoint, cell.latency_ns))
    return rows, tuple(sorted(curves, key=lambda curve: curve.endpoint is not None))


def _tagged_rows(counted: Sequence[_Counts], windows: Sequence[tuple[Leg, Window]], tags: Tags) -> Iterator[Row]:
    """The rows of every tag in the arms that requested all of its endpoints."""
    requested = {(counts.trial.leg.arm, endpoint) for counts in counted for _, endpoint in counts.cells}
    for tag, endpoints in tags.items():
        own = [counts for counts in counted if all((counts.trial.leg.arm, name) in requested for name in endpoints)]
        cells_of_tag = [(counts.trial.leg, counts.only(endpoints)) for counts in own]
        for place, cells in places_of(cells_of_tag, windows):
            if place.endpoint is None:
                yield row_of(pooled(cells), place._replace(tag=tag), seconds_of(windows, place))


def _steps(trials: Sequence[Trial], rows: Sequence[Row], limits: Sequence[Expectation]) -> Iterator[StressStep]:
    """Every stress stage of every leg; one without requests, or without its arrivals, did not hold."""
    of_stage = {(row.arm, row.block, row.stage): row for row in rows if row.endpoint is None}
    for trial in trials:
        for window in trial.generation.windows:
            if window.kind == StageKind.STRESS and trial.generation.searched is None:
                row = of_stage.get((trial.leg.arm, trial.leg.block, window.stage))
                arrived = arrivals_started(trial.generation.offered, window.stage)
                held = arrived and row is not None and limits_met(limits, row.value)
                yield StressStep(trial.leg, window.stage, window.users, held, window.rate)
