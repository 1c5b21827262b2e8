"""Capacity by search: the rate held in each leg and arm, and the tries that led to it."""

from collections.abc import Iterator
from typing import NamedTuple

from harness.analysis.capacity import SearchResult
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.summary import Summary
from harness.metrics import held_metric
from harness.plan.model import ARMS, Plan
from harness.plan.search import Ending, TryOutcome
from reports import formatting
from reports.formatting import FormattedValue

RATE = held_metric(rates=True)
ENDED = {
    Ending.FOUND: "within the precision",
    Ending.MOST: "held the highest rate to try",
    Ending.LEAST: "did not hold the lowest rate to try",
    Ending.TIME: "no time left",
    Ending.GENERATOR: "the generator was the limit",
}


class SearchRow(NamedTuple):
    """The search of one leg; ``tries`` counts those held, not held and void."""

    block: str
    arm: str
    held: FormattedValue
    missed: FormattedValue
    tries: str
    seconds: str
    cpu: str
    ended: str


class ArmCapacity(NamedTuple):
    """The capacity of one arm with its interval."""

    arm: str
    held: FormattedValue
    interval: str


class SearchTable(NamedTuple):
    """All searches of before and after, and the capacity of each arm."""

    limits: str
    confirmed: bool
    arms: tuple[ArmCapacity, ...]
    change: str
    tally: str
    rows: tuple[SearchRow, ...]

    @property
    def sentence(self) -> str:
        arms = (f"{arm.arm} {arm.held.text}{f' ({arm.interval})' if arm.interval else ''}" for arm in self.arms)
        return f"{', '.join(arms)}{f': {self.change}' if self.change else ''}; {self.tally}"


def search_table(plan: Plan, summary: Summary, comparison: Comparison) -> SearchTable | None:
    """``None`` when no leg searched."""
    stage = plan.searched
    found = [one for one in summary.searches if one.leg.arm in ARMS]
    if plan.capacity is None or stage is None or stage.search is None or not found:
        return None
    pair = comparison.pair(RATE.name, None, None)
    tries = sum(len(one.tries) for one in found)
    return SearchTable(
        limits=formatting.listed([formatting.plain(text.strip()) for text in plan.capacity.limit]),
        confirmed=stage.search.confirm,
        arms=tuple(_arm(pair, arm) for arm in ARMS),
        change=formatting.factor(pair.change) if pair and pair.change else "",
        tally=f"{formatting.plural(tries, 'try')} in {formatting.plural(len(found), 'leg')}",
        rows=tuple(_row(one) for one in sorted(found, key=lambda one: (one.leg.block, ARMS.index(one.leg.arm)))),
    )


def _arm(pair: Pair | None, arm: str) -> ArmCapacity:
    if pair is None:
        return ArmCapacity(arm, formatting.missing("no leg of this arm has a result"), "")
    number = ARMS.index(arm)
    value, interval = (pair.before, pair.after)[number], (pair.before_interval, pair.after_interval)[number]
    if value is None:
        return ArmCapacity(arm, formatting.missing("no leg of this arm has a result"), "")
    held = FormattedValue(formatting.levels(pair)[number])
    return ArmCapacity(arm, held, formatting.value_interval(RATE, interval) if interval else "")


def _row(one: SearchResult) -> SearchRow:
    known = one.bracket
    end = max((tried.end for tried in one.tries), default=0.0)
    return SearchRow(
        block=formatting.count(one.leg.block),
        arm=one.leg.arm,
        held=formatting.value_or(known.low, formatting.planned, "no rate was held"),
        missed=formatting.value_or(known.high, formatting.planned, "every rate was held"),
        tries=", ".join(_tally(one)),
        seconds=formatting.duration(end - one.tries[0].start) if one.tries else formatting.DASH,
        cpu=formatting.in_percent(max((tried.cpu_share for tried in one.tries), default=0.0)),
        ended=ENDED[one.ended],
    )


def _tally(one: SearchResult) -> Iterator[str]:
    for outcome, name in ((TryOutcome.HELD, "held"), (TryOutcome.MISSED, "not held"), (TryOutcome.VOID, "void")):
        if count := one.words.count(outcome):
            yield f"{formatting.count(count)} {name}"
