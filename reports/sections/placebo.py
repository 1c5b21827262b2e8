"""Placebo: what vacuuming and analysing did alone, beside what the migration did."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.change import Change
from harness.analysis.comparison import Pair
from harness.analysis.placebo import PlaceboEffect
from harness.metrics import HEADLINES
from reports import formatting
from reports.formatting import FormattedValue


@dataclass(frozen=True, slots=True)
class PlaceboRow:
    """One metric in one place: the change from before to the placebo, and from before to after, with intervals."""

    what: str
    where: str
    placebo: FormattedValue
    placebo_interval: str
    after: FormattedValue
    after_interval: str


def placebo_rows(treated: Sequence[PlaceboEffect]) -> tuple[PlaceboRow, ...]:
    """Every metric that was measured in all three arms."""
    return tuple(map(_row, treated))


def placebo_sentence(treated: Sequence[PlaceboEffect]) -> str:
    """What it comes to, by the P95 of all requests or what there is first; empty where nothing was measured."""
    if not treated:
        return ""
    first = next((one for one in treated if one.after.metric.name == HEADLINES[0]), treated[0])
    alone, whole = first.placebo.change, first.after.change
    if alone is None or whole is None:
        return ""
    where = formatting.plain(first.after.endpoint or "all requests")
    seen = _said(alone)
    return f"Of {where}, {first.after.metric.label} {seen} by vacuuming and analysing alone, and {_said(whole)} by all."


def _said(change: Change) -> str:
    if change.low is not None and change.high is not None and change.low <= 1 <= change.high:
        return f"did not change visibly ({formatting.change_interval(change)} %)"
    return f"changed by {formatting.change_with_unit(change)}"


def _row(one: PlaceboEffect) -> PlaceboRow:
    return PlaceboRow(
        one.after.metric.label,
        formatting.plain(one.after.endpoint or "all requests"),
        _change(one.placebo),
        _interval(one.placebo),
        _change(one.after),
        _interval(one.after),
    )


def _change(pair: Pair) -> FormattedValue:
    return (
        FormattedValue(formatting.change_with_unit(pair.change))
        if pair.change
        else formatting.missing("not measured in all blocks")
    )


def _interval(pair: Pair) -> str:
    return (formatting.change_interval(pair.change) if pair.change else None) or "\N{EM DASH}"
