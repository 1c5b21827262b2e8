"""Summary: the trials of a run as one row per arm, block, stage and endpoint, each also pooled over the others.

- A sample belongs to the stage in whose window it was *due*; those due during a warm-up are left out.
- Response times count from the due time, service times from sending; both are of successes, in ms.
- A failed request is neither a cache hit nor a miss.
- Pooled over stages means every stage except ramps; pooled over blocks, every complete block.
- Metrics of a whole leg or arm stand in the rows of all stages and endpoints together.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from harness.analysis.arm_metrics import ArmMetrics, arm_metrics
from harness.analysis.capacity import SearchResult, StressStep, arrivals_started, search_result
from harness.analysis.cells import cells_of, pooled
from harness.analysis.latency_curve import Curve, curve_of
from harness.analysis.leg_facts import LegFacts
from harness.analysis.places import Cells, RowPlace, Spans, places_of, row_of
from harness.analysis.recovery import Recovery, recoveries_of
from harness.analysis.request_cost import RequestCost
from harness.analysis.row import Row
from harness.analysis.servers import ServerReport, server_reports
from harness.analysis.settling import NO_SETTLING, Settling
from harness.analysis.statements import StatementTotals, StatementUse, cost_values
from harness.analysis.timeline import LegTimeline, Second, arm_timeline, leg_timeline
from harness.analysis.triggers import TriggerTime
from harness.analysis.usage import Consumer, Usage
from harness.metrics import Metric
from harness.plan.expectation import Expectation
from harness.plan.faults import Fault
from harness.plan.readings import NO_WORDS, Tags, Vocabulary, metrics_of
from harness.plan.stages import StageKind
from harness.record.capacity_tries import TryRequests, limits_met
from harness.record.samples import succeeded
from harness.record.trial import Migration, Trial


@dataclass(frozen=True)
class Summary:
    """All rows, the stages in order, latency curves, and a timeline per arm.

    ``steps`` are the stress stages of every leg of a plan with capacity limits, ``searches`` the capacity searches,
    ``consumers`` the CPU and memory of servers and services, ``tagged`` the rows of tags, ``measures`` the metrics of
    the plan's own readings, ``statements`` and ``servers`` the statistics of databases and caches.
    """

    rows: tuple[Row, ...]
    stages: tuple[str, ...]
    curves: tuple[Curve, ...]
    timelines: dict[str, tuple[Second, ...]]
    legs: tuple[LegFacts, ...]
    steps: tuple[StressStep, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    settling: Settling = NO_SETTLING
    searches: tuple[SearchResult, ...] = ()
    tagged: tuple[Row, ...] = ()
    measures: tuple[Metric, ...] = ()
    statements: tuple[StatementUse, ...] = ()
    servers: tuple[ServerReport, ...] = ()

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

    Args:
        trials: consumed one at a time; their samples are not kept.
        migrations: of the arms; several of one arm add up.
        limits: the capacity limits of stress stages.
        faults: of every leg, in order.
        settling: the parts of stages and blocks to leave out.
        vocabulary: the readings and tags of the plan.
        costs: database cost per request, by arm and endpoint.
    """
    counted = list(map(partial(_counts, faults=faults, limits=limits), settling.steady(trials)))
    legs = [counts.trial for counts in counted]
    rows, curves = _rows(counted)
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
            return row.adding(_cost(row, costs or {}))
        beside = usage.of(*place) | work.of(*place, row.requests) | triggers.of(*place, row.requests)
        if row.stage is not None:
            return row.adding(beside)
        own = [trial for trial in legs if trial.leg.arm == row.arm and row.block in {None, trial.leg.block}]
        own_migrations = [migration for migration in migrations if migration.arm == row.arm and row.block is None]
        return _with_arm_metrics(row.adding(beside), arm_metrics(own, steps, recoveries, own_migrations, searches))

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
        tagged=tuple(_tagged_rows(counted, vocabulary.tags)),
        measures=tuple(metrics_of(vocabulary.readings).values()),
        statements=tuple(work.statements(requests)),
        servers=tuple(server_reports(legs)),
    )


def _with_arm_metrics(row: Row, found: ArmMetrics) -> Row:
    return replace(row, lower_bounds=found.lower_bounds, upper_ends=found.upper_ends).adding(found.values)


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
    return _Counts(
        trial=trial.without_samples(),
        cells=cells_of(trial),
        course=leg_timeline(trial),
        recoveries=tuple(recoveries_of(trial, faults)),
        search_result=_search_result(trial, limits),
    )


def _search_result(trial: Trial, limits: Sequence[Expectation]) -> SearchResult | None:
    if trial.generation.searched is None or not limits:
        return None
    due, sent, duration = (trial.samples[name].to_numpy() for name in ("due_ns", "sent_ns", "duration_ns"))
    ok = succeeded(trial.samples)
    return search_result(trial.leg, trial.generation.searched, limits, TryRequests(due, sent, duration, ok))


def _timelines(counted: Sequence[_Counts]) -> dict[str, tuple[Second, ...]]:
    arms = sorted({counts.trial.leg.arm for counts in counted})
    found = {arm: arm_timeline([counts.course for counts in counted if counts.trial.leg.arm == arm]) for arm in arms}
    return {arm: seconds for arm, seconds in found.items() if seconds}


def _rows(counted: Sequence[_Counts]) -> tuple[list[Row], tuple[Curve, ...]]:
    """The row of every place, and the curves of those pooled over blocks and stages."""
    spans = _spans(counted)
    rows, curves = [], []
    for place, cells in places_of([(counts.trial.leg, counts.cells) for counts in counted], spans.ramps):
        cell = pooled(cells)
        rows.append(row_of(cell, place, spans.seconds(place)))
        if place.block is None and place.stage is None and cell.successes:
            curves.append(curve_of(place.arm, place.endpoint, cell.latency_ns))
    return rows, tuple(sorted(curves, key=lambda curve: curve.endpoint is not None))


def _spans(counted: Sequence[_Counts]) -> Spans:
    return Spans([(counts.trial.leg, window) for counts in counted for window in counts.trial.generation.windows])


def _tagged_rows(counted: Sequence[_Counts], tags: Tags) -> Iterator[Row]:
    """The rows of every tag in the arms that requested all of its endpoints."""
    spans = _spans(counted)
    requested = {(counts.trial.leg.arm, endpoint) for counts in counted for _, endpoint in counts.cells}
    for tag, endpoints in tags.items():
        own = [counts for counts in counted if all((counts.trial.leg.arm, name) in requested for name in endpoints)]
        cells_of_tag = [(counts.trial.leg, counts.only(endpoints)) for counts in own]
        for place, cells in places_of(cells_of_tag, spans.ramps):
            if place.endpoint is None:
                yield row_of(pooled(cells), place._replace(tag=tag), spans.seconds(place))


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


def _cost(row: Row, costs: Mapping[str, Mapping[str, RequestCost]]) -> dict[str, float]:
    """The database cost of the row's endpoint, at the cache hit rate of the row."""
    cost = costs.get(row.arm, {}).get(row.endpoint) if row.endpoint is not None else None
    return cost_values(cost.at(row.value("cache_hit_rate"))) if cost else {}
