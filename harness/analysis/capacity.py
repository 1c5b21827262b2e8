"""Capacity: the load that a leg held, from its stress stages or from the tries of its search.

The load is the users of a closed-loop stage, or the arrivals per second of an open-loop one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_high, median_low

from harness.plan.expectation import Expectation
from harness.plan.search import Bracket, Ending, Searched, Try, TryOutcome, bracket
from harness.record.capacity_tries import MIN_STARTED_SHARE, TryRequests, judge_try
from harness.record.generation import OfferedLoad
from harness.record.leg import Leg


@dataclass(frozen=True, slots=True)
class StressStep:
    """One stress stage of one leg, and whether it met all limits; ``rate`` is ``None`` in closed-loop plans."""

    leg: Leg
    stage: str
    users: int
    held: bool
    rate: float | None = None

    @property
    def load(self) -> float:
        """Arrivals per second, or users."""
        return float(self.users) if self.rate is None else self.rate


def arrivals_started(offered: Iterable[OfferedLoad], stage: str) -> bool:
    """Whether a stage started at least 99 % of its arrivals; those not started have no latency."""
    return all(part.started >= MIN_STARTED_SHARE * part.planned for part in offered if part.stage == stage)


def load_held(steps: Sequence[StressStep]) -> float | None:
    """The largest load that held, with every smaller one: 0 when not even the smallest held, ``None`` without steps."""
    broken = min((step.load for step in steps if not step.held), default=math.inf)
    return max((step.load for step in steps if step.load < broken), default=0.0) if steps else None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The capacity search of one leg; ``words`` are the outcomes of the tries by their samples."""

    leg: Leg
    stage: str
    tries: tuple[Try, ...]
    words: tuple[TryOutcome, ...]
    ended: Ending
    confirm: bool

    @property
    def bracket(self) -> Bracket:
        """The loads between which the capacity of the leg lies."""
        outcomes = ((tried.load, outcome) for tried, outcome in zip(self.tries, self.words, strict=True))
        return bracket(outcomes, confirm=self.confirm)

    @property
    def disputed(self) -> list[Try]:
        """Tries that the samples judge differently from the generator."""
        return [tried for tried, word in zip(self.tries, self.words, strict=True) if tried.word is not word]


def search_result(leg: Leg, searched: Searched, limits: Sequence[Expectation], answers: TryRequests) -> SearchResult:
    """Judge every try of a leg's search by its samples."""
    words = tuple(judge_try(limits, tried, answers) for tried in searched.tries)
    return SearchResult(leg, searched.stage, searched.tries, words, searched.ended, searched.confirm)


@dataclass(frozen=True, slots=True)
class MeasuredCapacity:
    """The capacity of an arm from its searches."""

    held: float  # the highest rate that held, 0 when none did; of several legs the lower median
    missed: float | None  # the lowest rate that missed; ``None`` without one
    at_least: bool  # whether ``held`` is a lower bound: a leg that held no more found no rate that missed


def capacity_of(searches: Sequence[SearchResult]) -> MeasuredCapacity | None:
    """The capacity from searches; ``None`` when one ended without a result."""
    brackets = [one.bracket for one in searches]
    known = [(one.low or 0.0, one.high) for one in brackets if one != Bracket(None, None)]
    if not known or len(known) < len(searches):
        return None
    held = median_low([low for low, _ in known])
    missed = [high for _, high in known if high is not None]
    highest = median_high(missed) if len(missed) == len(known) else None
    return MeasuredCapacity(held, highest, any(high is None and low <= held for low, high in known))
