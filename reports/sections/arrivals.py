"""Arrivals: of an open plan, what was to arrive in each stage, what began, and what had to wait for a free user."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.leg_facts import LegFacts
from harness.analysis.summary import Summary
from harness.plan.model import ARMS, Plan
from harness.plan.stages import Stage
from harness.record.generation import OfferedLoad
from reports import formatting
from reports.formatting import FormattedValue


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """One stage of one arm, its legs together; ``users`` is the most at work in any leg, of how many allowed."""

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
        """The row in one line, for a terminal."""
        return (
            f"{self.arm} {formatting.DOT} {self.stage} {self.rate}/s: {self.started} of {self.planned} begun "
            f"({self.share} %), {self.late} late, {self.dropped} dropped, at most {self.users} users at work"
        )


@dataclass(frozen=True, slots=True)
class ArrivalTable:
    """The stages of both arms in the order they ran; ``lag`` of each arm is the P99 of its worst leg."""

    rows: tuple[ArrivalRow, ...]
    lag: tuple[tuple[str, FormattedValue], ...]

    @property
    def sentences(self) -> list[str]:
        """Every stage and arm in a line, since what was planned is not what took place; then the lags."""
        return [*(row.sentence for row in self.rows), self.lags]

    @property
    def lags(self) -> str:
        """The schedule lags in one line."""
        said = ", ".join(f"{arm} {cell.text}" for arm, cell in self.lag)
        return f"schedule lag (P99 of the worst leg): {said}"


def arrival_table(plan: Plan, summary: Summary) -> ArrivalTable | None:
    """The table; ``None`` in a closed plan, or when no arrival was counted."""
    rows = tuple(row for stage in plan.stages for arm in ARMS for row in _row(summary, stage, arm))
    if not plan.open or not rows:
        return None
    return ArrivalTable(rows, tuple((arm, _lag(_legs(summary, arm))) for arm in ARMS))


def _legs(summary: Summary, arm: str) -> list[LegFacts]:
    return [leg for leg in summary.legs if leg.leg.arm == arm]


def _row(summary: Summary, stage: Stage, arm: str) -> Iterator[ArrivalRow]:
    """The row of a stage; none where no leg counted its arrivals."""
    found = [offered for leg in _legs(summary, arm) for offered in leg.offered if offered.stage == stage.title]
    if not found or stage.rate is None:
        return
    planned, started = sum(o.planned for o in found), sum(o.started for o in found)
    yield ArrivalRow(
        arm=arm,
        stage=formatting.plain(stage.title),
        rate=formatting.planned(stage.rate),
        planned=formatting.count(planned),
        started=formatting.count(started),
        share=formatting.in_percent(started / planned) if planned else "\N{EM DASH}",
        late=formatting.count(sum(o.late for o in found)),
        dropped=formatting.count(sum(o.dropped for o in found)),
        users=_users(found, stage),
    )


def _users(found: list[OfferedLoad], stage: Stage) -> str:
    return f"{formatting.count(max(o.most_users for o in found))} of {formatting.count(stage.users)}"


def _lag(legs: list[LegFacts]) -> FormattedValue:
    lags = [leg.schedule_lag_p99_ms for leg in legs if leg.schedule_lag_p99_ms is not None]
    return (
        FormattedValue(formatting.milliseconds(max(lags)))
        if lags
        else formatting.missing("no leg of this arm recorded it")
    )
