"""Findings about capacity searches: disputed tries, and searches that ended without the planned bracket."""

from collections.abc import Iterator, Sequence

from harness.analysis.leg_facts import LegFacts
from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.plan.model import ARMS
from harness.plan.search import Ending, TryOutcome

TRY_OUTCOMES = {TryOutcome.HELD: "held", TryOutcome.MISSED: "not held", TryOutcome.VOID: "not decided"}
ENDS = {
    Ending.MOST: ("held the largest load allowed: a lower bound", "raise the to of the search"),
    Ending.LEAST: ("did not hold the smallest load allowed: an upper bound", "lower the from of the search"),
    Ending.TIME: (
        "ran out of time: the capacity is less precise than planned, or a lower bound",
        "raise the seconds of the stage, or lower its try_seconds",
    ),
    Ending.GENERATOR: (
        "was limited by the generator: the capacity is a lower bound, or less precise than planned",
        "give the generator cores of its own, or search at lower loads",
    ),
}


def search_disputes(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[Finding]:
    """The broken guard of the first try whose samples contradict the decision of the search, in some legs."""
    known = {leg.leg for leg in legs}
    found = [(one.leg, tried) for one in summary.searches if one.leg in known for tried in one.disputed]
    for leg, tried in found[:1]:
        decision = f"in leg {leg.title} the search counted {tried.load:.10g} per second as {TRY_OUTCOMES[tried.word]}"
        yield Finding("SEARCH_DISPUTED", f"{decision}, but its recorded samples differ", "measure this run again")


def search_ends(summary: Summary) -> Iterator[Finding]:
    """The caveats of searches of before and after that ended without the planned bracket, each ending once."""
    for ended, (what, advice) in ENDS.items():
        legs = {arm: [one.ended is ended for one in summary.searches if one.leg.arm == arm] for arm in ARMS}
        if listed := ", ".join(f"{arm} {sum(ends)} of {len(ends)} legs" for arm, ends in legs.items() if any(ends)):
            yield Finding(f"SEARCH_ENDED_{ended.name}", f"a search {what} ({listed})", advice)
