"""Faults: what was done to servers and services while the load ran, and what followed in each arm."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.analysis.recovery import Recovery
from harness.analysis.summary import Summary
from harness.plan.faults import Fault
from harness.plan.model import ARMS, Plan
from reports import formatting
from reports.formatting import FormattedValue

ABOUT = (
    "Times are those of the worst leg. Detected: from the beginning of a fault to the first change of its signal. "
    "Recovered: from the end of a fault to the end of the last second in which more requests failed than before it, or "
    "more than half of them took more than twice as long as 95 % did before."
)


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One fault in one arm, its legs together; ``calmed`` is when its signal was as before."""

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
        """The row in one line, for a terminal."""
        parts = [f"{self.failures} failed"]
        if self.signal:
            parts.append(_said("detected", "", self.detected))
        parts.append(_said("recovered", " after its end", self.recovered))
        return f"{self.what} ({self.at}) {formatting.DOT} {self.arm}: {', '.join(parts)}"


def _said(what: str, after: str, time: FormattedValue) -> str:
    if time.text.startswith(formatting.AT_LEAST):
        return f"not {what} in {time.text.removeprefix(formatting.AT_LEAST).strip()}"
    return f"{what} {time.text}{after}" if after else f"{what} after {time.text}"


def fault_rows(plan: Plan, summary: Summary) -> tuple[FaultRow, ...]:
    """Every fault that took place, in the order in which they began, before and after."""
    return tuple(_rows(plan, summary))


def _rows(plan: Plan, summary: Summary) -> Iterator[FaultRow]:
    for _, fault in plan.planned_faults:
        for arm in ARMS:
            found = [one for one in summary.recoveries if one.fault == fault and one.leg.arm == arm]
            if found:
                yield _row(fault, arm, found)


def _row(fault: Fault, arm: str, found: list[Recovery]) -> FaultRow:
    unread = "nobody read its signal" if fault.signal else "the plan names no signal of this fault"
    return FaultRow(
        what=formatting.plain(fault.title),
        at=formatting.plain(fault.at),
        signal=formatting.plain(fault.signal or ""),
        arm=arm,
        failures=formatting.count(sum(one.failures for one in found)),
        failed=_longest((one.failed_after for one in found), "nothing failed"),
        detected=_longest((one.noticed_after for one in found), unread, exact=all(one.noticed for one in found)),
        calmed=_longest((one.calmed_after for one in found), "its signal did not go back, or had not changed"),
        recovered=_longest((one.recovered_after for one in found), "", exact=all(one.recovered for one in found)),
    )


def _longest(values: Iterable[float | None], why: str, *, exact: bool = True) -> FormattedValue:
    """The longest of some times, ``why`` there is none; unless ``exact`` a lower bound, as the load was over before."""
    known = [value for value in values if value is not None]
    if not known:
        return formatting.missing(why)
    longest = formatting.duration(max(known))
    return (
        FormattedValue(longest)
        if exact
        else FormattedValue(f"{formatting.AT_LEAST} {longest}", "the load was over, or the next fault began")
    )
