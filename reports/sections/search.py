"""Search: the capacity that the searches of a run found, in each arm and leg, and how they came to it."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.capacity import SearchResult
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.summary import Summary
from harness.metrics import held_metric
from harness.plan.model import ARMS, Plan
from harness.plan.search import Ending, TryOutcome
from reports import formatting
from reports.formatting import FormattedValue

RATE = held_metric(rates=True)
LEAD = (
    "In each leg the service was asked at one rate after the other: twice as much until one was not held, then between "
    "what was held and what was not. A rate is held when {}{}. What is compared is the highest rate that was held, "
    "never how slow an arm is beyond it; the intervals contain what lies between that rate and the lowest that was not."
)
ENDED = {
    Ending.FOUND: "as near as asked",
    Ending.MOST: "held the most that may be tried",
    Ending.LEAST: "did not hold the least that may be tried",
    Ending.TIME: "its time was over",
    Ending.GENERATOR: "the generator was the limit",
}


@dataclass(frozen=True, slots=True)
class SearchRow:
    """The search of one leg; ``tries`` says how many held and how many did not."""

    block: str
    arm: str
    held: FormattedValue
    missed: FormattedValue
    tries: str
    seconds: str
    cpu: str
    ended: str


@dataclass(frozen=True, slots=True)
class ArmCapacity:
    """What the legs of one arm came to."""

    arm: str
    held: FormattedValue
    interval: str


@dataclass(frozen=True, slots=True)
class SearchTable:
    """All searches of before and after, and what they come to."""

    lead: str
    arms: tuple[ArmCapacity, ...]
    change: str
    tally: str
    rows: tuple[SearchRow, ...]

    @property
    def sentence(self) -> str:
        """The capacity of both arms in one line."""
        arms = (f"{arm.arm} {arm.held.text}{f' ({arm.interval})' if arm.interval else ''}" for arm in self.arms)
        return f"{', '.join(arms)}{f': {self.change}' if self.change else ''}; {self.tally}"


def search_table(plan: Plan, summary: Summary, comparison: Comparison) -> SearchTable | None:
    """The table; ``None`` when no leg searched."""
    stage = plan.searched
    found = [one for one in summary.searches if one.leg.arm in ARMS]
    if plan.capacity is None or stage is None or stage.search is None or not found:
        return None
    pair = comparison.pair(RATE.name, None, None)
    confirmed = "; what misses is tried once more" if stage.search.confirm else ""
    limits = formatting.listed([formatting.plain(text.strip()) for text in plan.capacity.limit])
    tries = sum(len(one.tries) for one in found)
    return SearchTable(
        lead=LEAD.format(limits, confirmed),
        arms=tuple(_arm(pair, arm) for arm in ARMS),
        change=_change(pair),
        tally=f"{formatting.plural(tries, 'try')} in {len(found)} legs".replace("trys", "tries"),
        rows=tuple(_row(one) for one in sorted(found, key=lambda one: (one.leg.block, ARMS.index(one.leg.arm)))),
    )


def _arm(pair: Pair | None, arm: str) -> ArmCapacity:
    if pair is None:
        return ArmCapacity(arm, formatting.missing("no leg of this arm found anything"), "")
    value, interval, at_least = (
        (pair.before, pair.before_interval, pair.before_at_least)
        if arm == ARMS[0]
        else (pair.after, pair.after_interval, pair.after_at_least)
    )
    if value is None:
        return ArmCapacity(arm, formatting.missing("no leg of this arm found anything"), "")
    between = formatting.value_interval(RATE, interval) if interval else ""
    return ArmCapacity(arm, FormattedValue(formatting.with_unit(RATE, value, at_least=at_least)), between)


def _change(pair: Pair | None) -> str:
    if pair is None or pair.change is None:
        return ""
    interval = formatting.times_interval(pair.change)
    return f"{formatting.times(pair.change)}{f' (95 % interval {interval})' if interval else ''}"


def _row(one: SearchResult) -> SearchRow:
    known = one.bracket
    nothing = formatting.missing("no rate that was tried was held")
    end = max((tried.end for tried in one.tries), default=0.0)
    return SearchRow(
        block=formatting.count(one.leg.block),
        arm=one.leg.arm,
        held=nothing if known.low is None else FormattedValue(formatting.planned(known.low)),
        missed=formatting.missing("no rate was found that is not held")
        if known.high is None
        else FormattedValue(formatting.planned(known.high)),
        tries=", ".join(_tally(one)),
        seconds=formatting.duration(end - one.tries[0].start) if one.tries else "\N{EM DASH}",
        cpu=formatting.in_percent(max((tried.cpu_share for tried in one.tries), default=0.0)),
        ended=ENDED[one.ended],
    )


def _tally(one: SearchResult) -> Iterator[str]:
    for word, said in ((TryOutcome.HELD, "held"), (TryOutcome.MISSED, "not held"), (TryOutcome.VOID, "void")):
        if count := one.words.count(word):
            yield f"{formatting.count(count)} {said}"
