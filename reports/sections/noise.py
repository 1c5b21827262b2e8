"""Noise: what is known of a machine's noise, and what a number of blocks can therefore tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.noise import Floor, place_of
from harness.plan.expectation import Form
from harness.plan.model import Plan
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace
from harness.verdict.checks import Check, Reason, log_limit
from harness.verdict.judge import Verdict
from harness.verdict.power import log_values, minimum_detectable_effect, more_blocks
from reports import formatting

NAMED = 3


@dataclass(frozen=True, slots=True)
class NoiseRow:
    """What equal arms differ by in a place that a target speaks of, and what the blocks of this run can tell there."""

    what: str
    where: str
    floor: str
    pairs: str
    minimum_detectable_effect: str


def noise_rows(verdict: Verdict, blocks: int) -> tuple[NoiseRow, ...]:
    """A row for each place that a target of a change speaks of, and of which anything is known."""
    found = {place_of(check.target): check for check in verdict.checks if check.floor}
    return tuple(_row(check, check.floor, blocks) for check in found.values() if check.floor)


def _row(check: Check, floor: Floor, blocks: int) -> NoiseRow:
    seen = minimum_detectable_effect(floor.spread, blocks)
    provisional = ", provisional" if floor.provisional else ""
    return NoiseRow(
        what=check.target.expectation.metric.label,
        where=formatting.where(check.target),
        floor=f"±{formatting.in_percent(floor.value)} %",
        pairs=f"{formatting.count(floor.pairs)}{provisional}",
        minimum_detectable_effect="—" if seen is None else f"{formatting.in_percent(seen)} %",
    )


def foresee(plan: Plan, blocks: int, floors: Mapping[ComparisonPlace, Floor]) -> list[str]:
    """What so many blocks can tell, said before they are measured; nothing where no target asks for a change."""
    asked = [target for target in plan.targets if target.expectation.form is not Form.ABSOLUTE]
    if not asked:
        return []
    known = {place_of(target): (target, floors[place_of(target)]) for target in asked if place_of(target) in floors}
    if not known:
        return ["how noisy this machine is under this load is not known yet; a run with --control says it"]
    return list(_foreseen(list(known.values()), blocks))


def _foreseen(known: Sequence[tuple[Target, Floor]], blocks: int) -> Iterator[str]:
    for target, floor in known[:NAMED]:
        seen, label = minimum_detectable_effect(floor.spread, blocks), target.expectation.metric.label
        where = f" of {formatting.plain(target.stage)}" if target.stage else ""
        can = f"a change of {formatting.in_percent(seen)} %" if seen is not None else "no change at all"
        differ = (
            f"equal arms differ by up to {formatting.in_percent(floor.value)} % "
            f"({formatting.plural(floor.pairs, 'pair')})"
        )
        yield f"{formatting.plural(blocks, 'block')} can tell {can} in {label}{where}: {differ}"


def reason_of(check: Check) -> str:
    """Why a check came out as it did, with the numbers that say it."""
    match check.reason:
        case Reason.UNSTABLE | Reason.IN_NOISE if check.floor:
            floor = f"±{formatting.in_percent(check.floor.value)} %, {formatting.plural(check.floor.pairs, 'pair')}"
            return f"{check.reason.value} ({floor})"
        case Reason.STRADDLES if more := _what_would_decide(check):
            return f"{check.reason.value}; {more}"
        case Reason.CONFIRMED | Reason.NOT_CONFIRMED if check.repeat and check.repeat.change:
            change = check.repeat.change
            interval = formatting.change_interval(change)
            return f"{check.reason.value}: {formatting.change_with_unit(change)}" + (
                f" ({interval})" if interval else ""
            )
    return check.reason.value


def _what_would_decide(check: Check) -> str:
    """How many more blocks would decide a target that its interval straddles, if they are like these."""
    values = log_values(check.target, check.pair) if check.pair else None
    limit = log_limit(check.target, check.pair) if check.pair else None
    if not values or len(values) < 2 or limit is None:  # noqa: PLR2004 - one block has no spread
        return ""
    more = more_blocks(values, limit)
    if more is None:
        return "not even 100 blocks like these would"
    return f"{formatting.plural(more, 'block')} more like these would" if more else ""
