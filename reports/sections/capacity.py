"""Capacity from stress stages: the P95 of each stage and whether its legs held, and the load that each arm held."""

from typing import NamedTuple

from harness.analysis.capacity import StressStep
from harness.analysis.summary import Summary
from harness.metrics import HEADLINES, METRICS, Metric, held_metric
from harness.plan.model import ARMS, Plan
from harness.record.outcome import Outcome
from reports import formatting
from reports.formatting import FormattedValue
from reports.sections.stages import least_samples, value_cell

SHOWN = METRICS[HEADLINES[0]]
LEAD = (
    "{load} held in a leg when {limits} in its stress stage and in each with {less}. The value of an arm is the median "
    "of its legs (of an even number, the lower of the middle two)."
)


class StressRow(NamedTuple):
    """One stress stage: its load, and for each arm the P95 and the number of legs that held."""

    load: str
    stage: str
    before: FormattedValue
    before_held: str
    after: FormattedValue
    after_held: str


class CapacityTable(NamedTuple):
    """The stress stages by load, and the load held; ``load`` heads its column, ``unit`` is that of the latencies."""

    title: str
    load: str
    lead: str
    unit: str
    rows: tuple[StressRow, ...]
    before: FormattedValue
    after: FormattedValue


def capacity_table(plan: Plan, summary: Summary) -> CapacityTable | None:
    """``None`` when the plan has no limits of capacity, or nothing was measured."""
    if plan.capacity is None or not summary.steps:
        return None
    metric = held_metric(rates=plan.open)
    before, after = (_held(summary, metric, arm) for arm in ARMS)
    places = sorted({(step.load, step.stage) for step in summary.steps})
    return CapacityTable(
        title=metric.label.capitalize(),
        load="arrivals/s" if plan.open else formatting.UNITS[metric.unit],
        lead=LEAD.format(
            load="A rate is" if plan.open else "Users are",
            limits=" and ".join(formatting.plain(text.strip()) for text in plan.capacity.limit),
            less="as many or fewer arrivals per second" if plan.open else "as many or fewer users",
        ),
        unit=formatting.UNITS[SHOWN.unit],
        rows=tuple(_row(summary, load, stage) for load, stage in places),
        before=before,
        after=after,
    )


def _held(summary: Summary, metric: Metric, arm: str) -> FormattedValue:
    row = summary.row(arm, None, None, None)
    value = row.value(metric.name) if row else None
    if row is None or value is None:
        return formatting.missing("not measured in this arm")
    return FormattedValue(formatting.with_unit(metric, value, at_least=row.at_least(metric)))


def _row(summary: Summary, load: float, stage: str) -> StressRow:
    (before, before_held), (after, after_held) = (_of_arm(summary, arm, stage) for arm in ARMS)
    return StressRow(formatting.planned(load), formatting.plain(stage), before, before_held, after, after_held)


def _of_arm(summary: Summary, arm: str, stage: str) -> tuple[FormattedValue, str]:
    row = summary.row(arm, None, stage, None)
    cell = formatting.missing("not requested in this arm")
    if row:
        cell = value_cell(row, SHOWN, least_samples(summary, SHOWN, arm, stage, None))
    return cell, _legs([step for step in summary.steps if (step.leg.arm, step.stage) == (arm, stage)])


def _legs(steps: list[StressStep]) -> str:
    held = sum(step.held for step in steps)
    if held == len(steps):
        return f"{formatting.MARKS[Outcome.PASS]} held"
    if held == 0:
        return f"{formatting.MARKS[Outcome.FAIL]} not held"
    return f"{formatting.MARKS[Outcome.INCONCLUSIVE]} held in {held} of {formatting.plural(len(steps), 'leg')}"
