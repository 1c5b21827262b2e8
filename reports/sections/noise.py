"""A/A noise of this machine, the minimum detectable effect of a run, and the reason of a check with its numbers."""

from collections.abc import Mapping
from typing import NamedTuple

from harness.analysis.noise import Floor, place_of
from harness.plan.expectation import Form
from harness.plan.model import Plan
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace
from harness.verdict.judge import Verdict
from harness.verdict.power import log_values, minimum_detectable_effect, more_blocks
from harness.verdict.targets import Check, Reason, log_limit
from reports import formatting, naming

NAMED = 3


class NoiseRow(NamedTuple):
    """The noise floor in the place of a target, and the minimum detectable effect of the run there."""

    what: str
    where: str
    floor: str
    pairs: str
    detectable: str


def noise_rows(verdict: Verdict, blocks: int) -> tuple[NoiseRow, ...]:
    """A row for each place of a target of a change whose noise is known."""
    found = {place_of(check.target): check for check in verdict.checks if check.floor}
    return tuple(_row(check, check.floor, blocks) for check in found.values() if check.floor)


def _row(check: Check, floor: Floor, blocks: int) -> NoiseRow:
    effect = minimum_detectable_effect(floor.spread, blocks)
    return NoiseRow(
        what=check.target.expectation.metric.label,
        where=naming.where(check.target),
        floor=f"±{formatting.in_percent(floor.value)} %",
        pairs=f"{formatting.count(floor.pairs)}{', provisional' if floor.provisional else ''}",
        detectable=formatting.DASH if effect is None else f"{formatting.in_percent(effect)} %",
    )


def foresee(plan: Plan, blocks: int, floors: Mapping[ComparisonPlace, Floor]) -> list[str]:
    """The minimum detectable effect of ``blocks``, before they run; empty where no target is about a change."""
    targets = [target for target in plan.targets if target.expectation.form is not Form.ABSOLUTE]
    known = {place_of(target): (target, floors[place_of(target)]) for target in targets if place_of(target) in floors}
    if targets and not known:
        return ["no noise baseline yet: run once with --control"]
    return [_foreseen(target, floor, blocks) for target, floor in list(known.values())[:NAMED]]


def _foreseen(target: Target, floor: Floor, blocks: int) -> str:
    effect, label = minimum_detectable_effect(floor.spread, blocks), target.expectation.metric.label
    where = f" of {formatting.plain(target.stage)}" if target.stage else ""
    detectable = "none" if effect is None else f"{formatting.in_percent(effect)} % (80 % power)"
    noise = f"A/A noise up to {formatting.in_percent(floor.value)} % ({formatting.plural(floor.pairs, 'pair')})"
    return f"{formatting.plural(blocks, 'block')}: minimum detectable effect in {label}{where} {detectable}; {noise}"


def reason_of(check: Check) -> str:
    """The reason of a check with its numbers."""
    match check.reason:
        case Reason.UNSTABLE | Reason.IN_NOISE if check.floor:
            floor = f"±{formatting.in_percent(check.floor.value)} %, {formatting.plural(check.floor.pairs, 'pair')}"
            return f"{check.reason.value} ({floor})"
        case Reason.STRADDLES if more := _what_would_decide(check):
            return f"{check.reason.value}; {more}"
        case Reason.CONFIRMED | Reason.NOT_CONFIRMED if check.repeat and check.repeat.change:
            change = check.repeat.change
            interval = formatting.change_interval(change)
            bounds = f" ({interval})" if interval else ""
            return f"{check.reason.value}: {formatting.change_with_unit(change)}{bounds}"
    return check.reason.value


def _what_would_decide(check: Check) -> str:
    """How many more blocks of the same kind would decide a target whose interval contains its limit."""
    values = log_values(check.target, check.pair) if check.pair else None
    limit = log_limit(check.target, check.pair) if check.pair else None
    if not values or len(values) < 2 or limit is None:  # noqa: PLR2004 - one block has no spread
        return ""
    more = more_blocks(values, limit)
    if more is None:
        return "not even 100 such blocks would decide it"
    return f"{formatting.plural(more, 'more block')} of this kind would decide it" if more else ""
