"""Faults injected under load: failed requests, detection and recovery in each arm."""

from collections.abc import Iterable
from typing import NamedTuple

from harness.analysis.recovery import Recovery
from harness.analysis.summary import Summary
from harness.plan.faults import Fault
from harness.plan.model import ARMS, Plan
from reports import formatting
from reports.formatting import FormattedValue


class FaultRow(NamedTuple):
    """One fault in one arm, all legs together; ``calmed`` is when its signal had its old value again."""

    what: str
    at: str
    signal: str
    arm: str
    failures: str
    failed: FormattedValue
    detected: FormattedValue
    calmed: FormattedValue
    recovered: FormattedValue

    @property
    def sentence(self) -> str:
        parts = [f"{self.failures} failed"]
        if self.signal:
            parts.append(_reached("detected", "", self.detected))
        parts.append(_reached("recovered", " after its end", self.recovered))
        return f"{self.what} ({self.at}) {formatting.DOT} {self.arm}: {', '.join(parts)}"


def _reached(what: str, after: str, time: FormattedValue) -> str:
    if time.text.startswith(formatting.AT_LEAST):
        return f"not {what} within {time.text.removeprefix(formatting.AT_LEAST).strip()}"
    return f"{what} {time.text}{after}" if after else f"{what} after {time.text}"


def fault_rows(plan: Plan, summary: Summary) -> tuple[FaultRow, ...]:
    """Each fault that took place, in order of time, before and after."""
    return tuple(
        _row(fault, arm, found)
        for _, fault in plan.planned_faults
        for arm in ARMS
        if (found := [one for one in summary.recoveries if one.fault == fault and one.leg.arm == arm])
    )


def _row(fault: Fault, arm: str, found: list[Recovery]) -> FaultRow:
    unread = "its signal was not read" if fault.signal else "the plan names no signal of this fault"
    return FaultRow(
        what=formatting.plain(fault.title),
        at=formatting.plain(fault.at),
        signal=formatting.plain(fault.signal or ""),
        arm=arm,
        failures=formatting.count(sum(one.failures for one in found)),
        failed=_longest((one.failed_after for one in found), "no request failed"),
        detected=_longest((one.noticed_after for one in found), unread, exact=all(one.noticed for one in found)),
        calmed=_longest((one.calmed_after for one in found), "its signal did not change, or did not change back"),
        recovered=_longest((one.recovered_after for one in found), "", exact=all(one.recovered for one in found)),
    )


def _longest(values: Iterable[float | None], why: str, *, exact: bool = True) -> FormattedValue:
    """The maximum of some times, a lower bound unless ``exact``; ``why`` there is none."""
    known = [value for value in values if value is not None]
    if not known or exact:
        return formatting.value_or(max(known, default=None), formatting.duration, why)
    bound = f"{formatting.AT_LEAST} {formatting.duration(max(known))}"
    return FormattedValue(bound, "the load ended, or the next fault began, before that")
