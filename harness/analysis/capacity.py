"""Capacity: how much load a leg held, from whether its stress stages, or the tries of its search, met the limits.

The load is the users of a closed stage, and the arrivals per second of an open one. What a try found is said here, to
the generator while it searches and to the analysis afterwards.
"""

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
    """One stress stage of one leg, and whether all limits held in it; ``rate`` is ``None`` in a closed plan."""

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
    """Whether a stage got its arrivals: what never began has no latency that a limit could see."""
    return all(part.started >= MIN_STARTED_SHARE * part.planned for part in offered if part.stage == stage)


def load_held(steps: Sequence[StressStep]) -> float | None:
    """The load of the largest step such that it and every step with as much or less of it held.

    Returns:
        0 when not even the smallest held, ``None`` when there are no steps. When every step held, a lower bound.
    """
    if not steps:
        return None
    broken = min((step.load for step in steps if not step.held), default=None)
    return max((step.load for step in steps if broken is None or step.load < broken), default=0.0)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What the search of one leg came to: the words are those that its samples say, whatever the generator went by."""

    leg: Leg
    stage: str
    tries: tuple[Try, ...]
    words: tuple[TryOutcome, ...]
    ended: Ending
    confirm: bool

    @property
    def bracket(self) -> Bracket:
        """Between which loads the capacity of the leg lies."""
        said = ((tried.load, word) for tried, word in zip(self.tries, self.words, strict=True))
        return bracket(said, confirm=self.confirm)

    @property
    def disputed(self) -> list[Try]:
        """The tries of which the samples say something else than the generator went by."""
        return [tried for tried, word in zip(self.tries, self.words, strict=True) if tried.word is not word]


def search_result(leg: Leg, searched: Searched, limits: Sequence[Expectation], answers: TryRequests) -> SearchResult:
    """Judge every try of a leg's search by its samples."""
    words = tuple(judge_try(limits, tried, answers) for tried in searched.tries)
    return SearchResult(leg, searched.stage, searched.tries, words, searched.ended, searched.confirm)


@dataclass(frozen=True, slots=True)
class MeasuredCapacity:
    """What one or several searches of an arm found.

    Attributes:
        held: the highest rate that held, 0 when not even the least did; of several legs the lower median.
        missed: the lowest rate that did not; ``None`` when none was found.
        at_least: whether ``held`` is a lower bound, as a leg that held as little or less found none that missed.
    """

    held: float
    missed: float | None
    at_least: bool


def capacity_of(searches: Sequence[SearchResult]) -> MeasuredCapacity | None:
    """The capacity that searches found; ``None`` when there are none, or all ended before they said anything."""
    brackets = [one.bracket for one in searches]
    told = [(known.low or 0.0, known.high) for known in brackets if known != Bracket(None, None)]
    if not told or len(told) < len(searches):
        return None
    held = median_low([low for low, _ in told])
    missed = [high for _, high in told if high is not None]
    return MeasuredCapacity(
        held=held,
        missed=median_high(missed) if len(missed) == len(told) else None,
        at_least=any(high is None and low <= held for low, high in told),
    )
