"""Searched: what the searches of a run say of themselves: ends that were not the bracket asked for, and disputes."""

from collections.abc import Iterator, Sequence

from harness.analysis.capacity import SearchResult
from harness.analysis.leg_facts import LegFacts
from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.plan.model import ARMS
from harness.plan.search import Ending, TryOutcome

WORDS = {TryOutcome.HELD: "was held", TryOutcome.MISSED: "was not held", TryOutcome.VOID: "cannot be told"}
ENDS = {
    Ending.MOST: ("held even the most that may be tried: that is a lower bound", "raise the to of the search"),
    Ending.LEAST: (
        "did not hold even the least that may be tried: that it holds less is all that is known",
        "lower the from of the search",
    ),
    Ending.TIME: (
        "had no time left: what is held is known less exactly than was asked, or is a lower bound",
        "raise the seconds of the stage, or lower its try_seconds",
    ),
    Ending.GENERATOR: (
        "ended where the generator was the limit: what is held is a lower bound, or known less exactly",
        "give the generator cores of its own, or try less",
    ),
}


def search_disputes(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[Finding]:
    """The broken guard of the first try of some legs whose samples say something else than the search went by."""
    known = {leg.leg for leg in legs}
    found = [(one.leg, tried) for one in summary.searches if one.leg in known for tried in one.disputed]
    for leg, tried in found[:1]:
        what = f"the search of leg {leg.title} went by it that {tried.load:.10g} a second {WORDS[tried.word]}"
        seen = f"{what}, and its samples say something else: they are not those that it saw"
        yield Finding("SEARCH_DISPUTED", seen, "measure this run again")


def search_ends(summary: Summary) -> Iterator[Finding]:
    """The caveats of searches of before and after that ended without the bracket that was asked for, each end once."""
    for ended, (what, advice) in ENDS.items():
        counts = [(arm, *_count(summary.searches, arm, ended)) for arm in ARMS]
        if listed := ", ".join(f"{arm} {count} of {legs} legs" for arm, count, legs in counts if count):
            yield Finding(f"SEARCH_ENDED_{ended.name}", f"a search {what} ({listed})", advice)


def _count(searches: Sequence[SearchResult], arm: str, ended: Ending) -> tuple[int, int]:
    own = [one for one in searches if one.leg.arm == arm]
    return sum(one.ended is ended for one in own), len(own)
