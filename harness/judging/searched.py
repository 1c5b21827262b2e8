"""Searched: what the searches of a run say of themselves: ends that were not the bracket asked for, and disputes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.leg import Leg
from harness.measures.capacity import Sought
from harness.measures.leg_facts import LegFacts
from harness.parts.search import Ending, Try, Word
from harness.plan import ARMS
from harness.summary import Summary

WORDS = {Word.HELD: "was held", Word.MISSED: "was not held", Word.VOID: "cannot be told"}
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


@dataclass(frozen=True, slots=True)
class SearchDisputed:
    """A broken guard: the samples of a try say something else than the search went by; reads like a ``Breach``."""

    leg: Leg
    tried: Try

    @property
    def name(self) -> str:
        """As of a member of ``Breach``."""
        return "SEARCH_DISPUTED"

    @property
    def value(self) -> tuple[str, str]:
        """What was seen, and what to do about it."""
        what = f"the search of leg {self.leg.title} went by it that {self.tried.load:.10g} a second"
        return (
            f"{what} {WORDS[self.tried.word]}, and its samples say something else: they are not those that it saw",
            "measure this run again",
        )


@dataclass(frozen=True, slots=True)
class SearchEnded:
    """A doubt with numbers: searches ended before their bracket was as narrow as asked; reads like a ``Doubt``."""

    ended: Ending
    legs: tuple[tuple[str, int, int], ...]
    """Of each arm, the legs whose search ended so, and all that searched."""

    @property
    def name(self) -> str:
        """As of a member of ``Doubt``."""
        return f"SEARCH_ENDED_{self.ended.name}"

    @property
    def value(self) -> tuple[str, str]:
        """What was seen, and what to do about it."""
        what, advice = ENDS[self.ended]
        counts = ", ".join(f"{arm} {count} of {legs} legs" for arm, count, legs in self.legs if count)
        return f"a search {what} ({counts})", advice


def disputes(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[SearchDisputed]:
    """The first try of some legs that is disputed."""
    known = {leg.leg for leg in legs}
    found = [SearchDisputed(one.leg, tried) for one in summary.searches if one.leg in known for tried in one.disputed]
    yield from found[:1]


def search_ends(summary: Summary) -> Iterator[SearchEnded]:
    """The ends of the searches of before and after, but those that found what was asked, each kind once."""
    for ended in ENDS:
        legs = tuple((arm, *_count(summary.searches, arm, ended)) for arm in ARMS)
        if any(count for _, count, _ in legs):
            yield SearchEnded(ended, legs)


def _count(searches: Sequence[Sought], arm: str, ended: Ending) -> tuple[int, int]:
    own = [one for one in searches if one.leg.arm == arm]
    return sum(one.ended is ended for one in own), len(own)
