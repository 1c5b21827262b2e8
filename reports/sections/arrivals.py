"""Arrivals of an open-loop plan in each stage: planned, started, late and dropped."""

from typing import NamedTuple

from harness.analysis.summary import Summary
from harness.plan.model import ARMS, Plan
from harness.plan.stages import Stage
from reports import formatting


class ArrivalRow(NamedTuple):
    """One stage of one arm, all legs together; ``users`` is the peak of active users and their maximum."""

    arm: str
    stage: str
    rate: str
    planned: str
    started: str
    share: str
    late: str
    dropped: str
    users: str

    @property
    def sentence(self) -> str:
        return (
            f"{self.arm} {formatting.DOT} {self.stage} {self.rate}/s: {self.started} of {self.planned} started "
            f"({self.share} %), {self.late} late, {self.dropped} dropped, peak {self.users} users active"
        )


class ArrivalTable(NamedTuple):
    """The stages of both arms in their order; ``lags`` are the P99 scheduling delays of the worst leg of each arm."""

    rows: tuple[ArrivalRow, ...]
    lags: str


def arrival_table(plan: Plan, summary: Summary) -> ArrivalTable | None:
    """``None`` for a closed-loop plan, or when no arrivals were counted."""
    rows = tuple(row for stage in plan.stages for arm in ARMS if (row := _row(summary, stage, arm)))
    delays = ", ".join(f"{arm} {_lag(summary, arm)}" for arm in ARMS)
    lags = f"scheduling delay (P99 of the worst leg): {delays}"
    return ArrivalTable(rows, lags) if plan.open and rows else None


def _row(summary: Summary, stage: Stage, arm: str) -> ArrivalRow | None:
    legs = [leg for leg in summary.legs if leg.leg.arm == arm]
    found = [offered for leg in legs for offered in leg.offered if offered.stage == stage.title]
    if not found or stage.rate is None:
        return None
    count = formatting.count
    planned, started = sum(o.planned for o in found), sum(o.started for o in found)
    return ArrivalRow(
        arm=arm,
        stage=formatting.plain(stage.title),
        rate=formatting.planned(stage.rate),
        planned=count(planned),
        started=count(started),
        share=formatting.in_percent(started / planned) if planned else formatting.DASH,
        late=count(sum(o.late for o in found)),
        dropped=count(sum(o.dropped for o in found)),
        users=f"{count(max(o.most_users for o in found))} of {count(stage.users)}",
    )


def _lag(summary: Summary, arm: str) -> str:
    lags = (leg.schedule_lag_p99_ms for leg in summary.legs if leg.leg.arm == arm)
    worst = max((lag for lag in lags if lag is not None), default=None)
    return formatting.DASH if worst is None else formatting.milliseconds(worst)
