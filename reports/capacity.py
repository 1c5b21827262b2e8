"""Capacity: what every stress stage did in each arm, and how many users the arms held."""

from dataclasses import dataclass

from harness.capacity import Step
from harness.metric import METRICS
from harness.plan import ARMS, Plan
from harness.summary import Summary
from harness.verdict import Outcome
from reports import view
from reports.stages import least_samples, value_cell
from reports.view import Cell


@dataclass(frozen=True, slots=True)
class StepRow:
    """One stress stage: its users, and of each arm the P95 and in how many of its legs the limits held."""

    users: str
    stage: str
    before: Cell
    before_held: str
    after: Cell
    after_held: str


@dataclass(frozen=True, slots=True)
class CapacityTable:
    """The stress stages, fewest users first, and the number held; ``unit`` is that of the latencies."""

    limits: str
    unit: str
    rows: tuple[StepRow, ...]
    before: Cell
    after: Cell


def capacity_table(plan: Plan, summary: Summary) -> CapacityTable | None:
    """The table; ``None`` when the plan does not say what it means to hold users, or nothing was measured."""
    if plan.capacity is None or not summary.steps:
        return None
    before, after = (_held(summary, arm) for arm in ARMS)
    places = sorted({(step.users, step.stage) for step in summary.steps})
    return CapacityTable(
        limits=" and ".join(view.plain(text.strip()) for text in plan.capacity.limit),
        unit=view.UNITS[METRICS["p95"].unit],
        rows=tuple(_row(summary, users, stage) for users, stage in places),
        before=before,
        after=after,
    )


def _held(summary: Summary, arm: str) -> Cell:
    row, metric = summary.row(arm, None, None, None), METRICS["users_held"]
    value = row.value(metric.name) if row else None
    if row is None or value is None:
        return view.missing("nothing was measured in this arm")
    return Cell(view.with_unit(metric, value, at_least=row.at_least(metric)))


def _row(summary: Summary, users: int, stage: str) -> StepRow:
    (before, before_held), (after, after_held) = (_of_arm(summary, arm, stage) for arm in ARMS)
    return StepRow(view.count(users), view.plain(stage), before, before_held, after, after_held)


def _of_arm(summary: Summary, arm: str, stage: str) -> tuple[Cell, str]:
    row, p95 = summary.row(arm, None, stage, None), METRICS["p95"]
    cell = view.missing("not requested in this arm")
    if row:
        cell = value_cell(row, p95, least_samples(summary, p95, arm, stage, None))
    return cell, _legs([step for step in summary.steps if (step.leg.arm, step.stage) == (arm, stage)])


def _legs(steps: list[Step]) -> str:
    held = sum(step.held for step in steps)
    if held == len(steps):
        return f"{view.MARKS[Outcome.PASS]} held"
    if held == 0:
        return f"{view.MARKS[Outcome.FAIL]} not held"
    return f"{view.MARKS[Outcome.INCONCLUSIVE]} held in {view.count(held)} of {view.plural(len(steps), 'leg')}"
