"""The placebo arm (VACUUM, ANALYZE alone) beside the migration."""

from collections.abc import Sequence
from typing import NamedTuple

from harness.analysis.change import Change
from harness.analysis.comparison import Pair
from harness.analysis.placebo import PlaceboEffect
from harness.metrics import HEADLINES
from reports import formatting, naming
from reports.formatting import FormattedValue


class PlaceboRow(NamedTuple):
    """One metric and endpoint: the change from before to the placebo, and from before to after, with intervals."""

    what: str
    where: str
    placebo: FormattedValue
    placebo_interval: str
    after: FormattedValue
    after_interval: str


def placebo_rows(treated: Sequence[PlaceboEffect]) -> tuple[PlaceboRow, ...]:
    """Each metric measured in all three arms."""
    return tuple(_row(one) for one in treated)


def placebo_sentence(treated: Sequence[PlaceboEffect]) -> str:
    """Both changes of P95 of all requests, or of the first metric there is; empty where nothing was measured."""
    first = next((one for one in treated if one.after.metric.name == HEADLINES[0]), next(iter(treated), None))
    if first is None or first.placebo.change is None or first.after.change is None:
        return ""
    place = f"{first.after.metric.label} of {naming.requests_of(first.after.endpoint)}"
    return f"{place}: {_words(first.placebo.change)} by VACUUM and ANALYZE alone, {_words(first.after.change)} in all."


def _row(one: PlaceboEffect) -> PlaceboRow:
    where = naming.requests_of(one.after.endpoint)
    return PlaceboRow(one.after.metric.label, where, *_change(one.placebo), *_change(one.after))


def _words(change: Change) -> str:
    if change.low is not None and change.high is not None and change.low <= 1 <= change.high:
        return f"no significant change ({formatting.change_interval(change)} %)"
    return formatting.change_with_unit(change)


def _change(pair: Pair) -> tuple[FormattedValue, str]:
    change = formatting.value_or(pair.change, formatting.change_with_unit, "not measured in all blocks")
    return change, (formatting.change_interval(pair.change) if pair.change else None) or formatting.DASH
