"""Stages: every endpoint in every stage, before and after and the change, as rows of strings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.comparison import Comparison, Pair
from harness.analysis.row import Row
from harness.analysis.summary import Summary
from harness.metrics import Metric, ShownIn, Unit, shown_in
from harness.plan.model import ARMS, Plan
from harness.plan.stages import Stage
from harness.verdict.outcomes import Outcomes
from reports import formatting
from reports.formatting import FormattedValue
from reports.sections.outcomes import OutcomeCell, outcome_cell
from reports.sections.targets import SAMPLES, change_cell, too_few

ALL_REQUESTS = "all requests"
ALL_STAGES = "All stages but ramps"


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column: what is in it, in which unit, and whether ``summary.md`` shows it too."""

    label: str
    unit: str
    brief: bool = False


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint in one stage: requests and one cell per column, for both arms, the change and what that shows."""

    endpoint: str
    before: tuple[FormattedValue, ...]
    after: tuple[FormattedValue, ...]
    change: tuple[FormattedValue, ...]
    outcome: tuple[OutcomeCell, ...]


@dataclass(frozen=True, slots=True)
class StageTable:
    """One stage: how it loaded the service and what each endpoint did."""

    title: str
    detail: str
    pooled: bool
    rows: tuple[EndpointRow, ...]


def shown(plan: Plan) -> tuple[Metric, ...]:
    """The metrics of the columns; service time stands beside latency where the two can differ, in open plans."""
    return tuple(metric for metric in shown_in(ShownIn.STAGES) if plan.open or not metric.from_sending)


def columns(plan: Plan) -> tuple[Column, ...]:
    """The heads of the columns that every cell tuple has, requests first."""
    metrics = (Column(m.label, formatting.UNITS[m.unit], brief=ShownIn.SUMMARY in m.tables) for m in shown(plan))
    return (Column("requests", ""), *metrics)


def stage_tables(plan: Plan, summary: Summary, comparison: Comparison, outcomes: Outcomes) -> tuple[StageTable, ...]:
    """The stages pooled, then each on its own in the order it ran."""
    pairs = {(pair.metric.name, pair.stage, pair.endpoint): pair for pair in comparison.pairs}
    by_title = {stage.title: stage for stage in plan.stages}
    places: list[str | None] = [None, *summary.stages]
    tables = []
    for place in places:
        title = ALL_STAGES if place is None else formatting.plain(place)
        detail = "" if place is None else _detail(by_title.get(place))
        if rows := tuple(_rows(summary, pairs, outcomes, place, shown(plan))):
            tables.append(StageTable(title, detail, place is None, rows))
    return tuple(tables)


def busiest(summary: Summary, most: int) -> list[str]:
    """The endpoints with most requests in both arms together."""

    def requests(endpoint: str) -> int:
        rows = (summary.row(arm, None, None, endpoint) for arm in ("before", "after"))
        return sum(row.requests for row in rows if row)

    return sorted(summary.endpoints, key=lambda endpoint: (-requests(endpoint), endpoint))[:most]


def _detail(stage: Stage | None) -> str:
    if stage is None:
        return ""
    parts = [stage.kind.value] if stage.kind.value != stage.title else []
    parts += [formatting.plural(stage.users, "user") if stage.rate is None else f"{formatting.planned(stage.rate)}/s"]
    parts += [formatting.duration(stage.seconds)]
    if stage.warmup_seconds:
        parts.append(f"the first {formatting.duration(stage.warmup_seconds)} left out")
    return ", ".join(parts)


def _rows(
    summary: Summary,
    pairs: dict[tuple[str, str | None, str | None], Pair],
    outcomes: Outcomes,
    stage: str | None,
    metrics: Sequence[Metric],
) -> Iterator[EndpointRow]:
    for endpoint in (None, *summary.endpoints):
        if any(summary.row(arm, None, stage, endpoint) for arm in ARMS):
            found = [pairs.get((metric.name, stage, endpoint)) for metric in metrics]
            changes = (_change(summary, metric, pair) for metric, pair in zip(metrics, found, strict=True))
            yield EndpointRow(
                ALL_REQUESTS if endpoint is None else formatting.plain(endpoint),
                _cells(summary, "before", stage, endpoint, metrics),
                _cells(summary, "after", stage, endpoint, metrics),
                (FormattedValue(""), *changes),
                (OutcomeCell(), *(outcome_cell(outcomes, pair) for pair in found)),
            )


def least_samples(summary: Summary, metric: Metric, arm: str, stage: str | None, endpoint: str | None) -> int:
    """Samples of the leg that has fewest, for one arm: an endpoint of one arm only still has percentiles there."""
    legs = [summary.row(arm, leg.leg.block, stage, endpoint) for leg in summary.legs if leg.leg.arm == arm]
    return min((row.samples(metric) if row else 0 for row in legs), default=0)


def _cells(
    summary: Summary, arm: str, stage: str | None, endpoint: str | None, metrics: Sequence[Metric]
) -> tuple[FormattedValue, ...]:
    row = summary.row(arm, None, stage, endpoint)
    if row is None:
        return tuple(formatting.missing("not requested in this arm") for _ in range(1 + len(metrics)))
    values = (value_cell(row, m, least_samples(summary, m, arm, stage, endpoint)) for m in metrics)
    return (FormattedValue(formatting.count(row.requests)), *values)


def value_cell(row: Row, metric: Metric, least: int) -> FormattedValue:
    """A metric's value for a column with the unit in its head; ``least`` samples stand behind it in every leg."""
    value = row.value(metric.name)
    if value is None:
        return formatting.missing(_why_missing(metric))
    if metric.quantile is not None and least < metric.min_samples:
        return FormattedValue("too few", too_few(metric), faint=True)
    if metric.quantile is not None and least < metric.finding_samples:
        return FormattedValue(formatting.bare(metric, value), descriptive(metric), faint=True)
    return FormattedValue(formatting.bare(metric, value))


def descriptive(metric: Metric) -> str:
    """Why a percentile with few samples beyond it is grey."""
    needed = formatting.plural(metric.finding_samples, SAMPLES[metric.basis])
    return f"{metric.label} describes these legs and little more: a finding needs {needed} in every leg"


def _why_missing(metric: Metric) -> str:
    return metric.missing or ("no request succeeded" if metric.unit is Unit.MS else "not measured")


def _change(summary: Summary, metric: Metric, pair: Pair | None) -> FormattedValue:
    if pair is None:
        return change_cell(None)
    least = min(least_samples(summary, metric, arm, pair.stage, pair.endpoint) for arm in ARMS)
    few = metric.quantile is not None and least < metric.min_samples
    cell = change_cell(pair, too_few=few)
    weak = few or (metric.quantile is not None and least < metric.finding_samples)
    return FormattedValue(cell.text, cell.why, faint=weak)
