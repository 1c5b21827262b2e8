"""Endpoints and stages: every metric of every endpoint in every stage, before, after and the change."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.analysis.comparison import Comparison, Pair
from harness.analysis.row import Row
from harness.analysis.summary import Summary
from harness.metrics import Metric, ShownIn, Unit, shown_in
from harness.plan.model import ARMS, Plan
from harness.plan.stages import Stage
from harness.verdict.outcomes import Outcomes
from reports import formatting, naming
from reports.formatting import FormattedValue
from reports.sections.outcomes import OutcomeCell, outcome_cell
from reports.sections.targets import SAMPLES, change_cells, too_few


class Column(NamedTuple):
    """The head of a column; ``brief`` ones are in ``summary.md`` too."""

    label: str
    unit: str
    brief: bool = False

    @property
    def head(self) -> str:
        return self.label if self.unit in {"", self.label} else f"{self.label}, {self.unit}"


class EndpointRow(NamedTuple):
    """One endpoint in one stage: a cell per column for before, after, the change and its outcome."""

    endpoint: str
    before: tuple[FormattedValue, ...]
    after: tuple[FormattedValue, ...]
    change: tuple[FormattedValue, ...]
    outcome: tuple[OutcomeCell, ...]


class StageTable(NamedTuple):
    """One stage, or all (``pooled``); ``detail`` is its load."""

    title: str
    detail: str
    pooled: bool
    rows: tuple[EndpointRow, ...]


def shown(plan: Plan) -> tuple[Metric, ...]:
    """The metrics of the columns; service time only in open-loop plans, where it differs from latency."""
    return tuple(metric for metric in shown_in(ShownIn.STAGES) if plan.open or not metric.from_sending)


def columns(plan: Plan) -> tuple[Column, ...]:
    """The heads of the columns, requests first."""
    metrics = (Column(m.label, formatting.UNITS[m.unit], brief=ShownIn.SUMMARY in m.tables) for m in shown(plan))
    return (Column("requests", ""), *metrics)


def stage_tables(plan: Plan, summary: Summary, comparison: Comparison, outcomes: Outcomes) -> tuple[StageTable, ...]:
    """All stages pooled, then each in the order it ran."""
    pairs = {(pair.metric.name, pair.stage, pair.endpoint): pair for pair in comparison.pairs}
    by_title = {stage.title: stage for stage in plan.stages}
    tables = []
    for place in (None, *summary.stages):
        title = formatting.capitalised(naming.ALL_STAGES) if place is None else formatting.plain(place)
        detail = "" if place is None else _detail(by_title.get(place))
        if rows := tuple(_rows(summary, pairs, outcomes, place, shown(plan))):
            tables.append(StageTable(title, detail, place is None, rows))
    return tuple(tables)


def busiest(summary: Summary, most: int) -> list[str]:
    """The endpoints with most requests, both arms together."""

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
        parts.append(f"warm-up {formatting.duration(stage.warmup_seconds)}")
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
            before, after = (_cells(summary, arm, stage, endpoint, metrics) for arm in ARMS)
            yield EndpointRow(
                naming.requests_of(endpoint),
                before,
                after,
                (FormattedValue(""), *changes),
                (OutcomeCell(), *(outcome_cell(outcomes, pair) for pair in found)),
            )


def least_samples(summary: Summary, metric: Metric, arm: str, stage: str | None, endpoint: str | None) -> int:
    """The number of samples in the leg of an arm that has fewest."""
    legs = [summary.row(arm, leg.leg.block, stage, endpoint) for leg in summary.legs if leg.leg.arm == arm]
    return min((row.samples(metric) if row else 0 for row in legs), default=0)


def _cells(
    summary: Summary, arm: str, stage: str | None, endpoint: str | None, metrics: Sequence[Metric]
) -> tuple[FormattedValue, ...]:
    row = summary.row(arm, None, stage, endpoint)
    if row is None:
        return (formatting.missing("not requested in this arm"),) * (1 + len(metrics))
    values = (value_cell(row, m, least_samples(summary, m, arm, stage, endpoint)) for m in metrics)
    return (FormattedValue(formatting.count(row.requests)), *values)


def value_cell(row: Row, metric: Metric, least: int) -> FormattedValue:
    """A metric's value without its unit; every leg has at least ``least`` samples of it."""
    value = row.value(metric.name)
    if value is None:
        return formatting.missing(
            metric.missing or ("no request succeeded" if metric.unit is Unit.MS else "not measured")
        )
    if metric.quantile is not None and least < metric.min_samples:
        return FormattedValue("too few", too_few(metric), faint=True)
    weak = metric.quantile is not None and least < metric.finding_samples
    return FormattedValue(formatting.bare(metric, value), indicative(metric) if weak else "", faint=weak)


def indicative(metric: Metric) -> str:
    """Why a percentile is grey."""
    needed = formatting.plural(metric.finding_samples, SAMPLES[metric.basis])
    return f"indicative only (few samples): {metric.label} needs {needed} in every leg"


def _change(summary: Summary, metric: Metric, pair: Pair | None) -> FormattedValue:
    if pair is None:
        return change_cells(None)[0]
    least = min(least_samples(summary, metric, arm, pair.stage, pair.endpoint) for arm in ARMS)
    few = metric.quantile is not None and least < metric.min_samples
    weak = metric.quantile is not None and least < metric.finding_samples
    return change_cells(pair, too_few=few)[0]._replace(faint=weak)
