"""Capacity: how much load a leg held, from whether its stress stages, or the tries of its search, met the limits.

The load is the users of a closed stage, and the arrivals per second of an open one. What a try found is said here, to
the generator while it searches and to the analysis afterwards.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median_high, median_low

import numpy as np
from numpy.typing import NDArray

from harness.metrics import METRICS, RequestCounts
from harness.plan.expectation import Expectation
from harness.plan.search import Bracket, Ending, Searched, Try, Word, bracket
from harness.record.generation import Offered
from harness.record.leg import Leg
from harness.statistics.percentiles import percentile

LEAST_STARTED = 0.99
"""Less of its planned arrivals, and a stage is not the stage that was planned."""
MOST_CPU_SHARE = 0.8
"""Of a generator whose work can be told from that of the system it asks."""


@dataclass(frozen=True, slots=True)
class Step:
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


def holds(limits: Iterable[Expectation], value: Callable[[str], float | None]) -> bool:
    """Whether the values of a stage, by metric, are all within the limits; what was not measured is not."""
    found = ((limit, value(limit.metric.name)) for limit in limits)
    return all(measured is not None and limit.allows(measured) for limit, measured in found)


def begun(offered: Iterable[Offered], stage: str) -> bool:
    """Whether a stage got its arrivals: what never began has no latency that a limit could see."""
    return all(part.started >= LEAST_STARTED * part.planned for part in offered if part.stage == stage)


def load_held(steps: Sequence[Step]) -> float | None:
    """The load of the largest step such that it and every step with as much or less of it held.

    Returns:
        0 when not even the smallest held, ``None`` when there are no steps. When every step held, a lower bound.
    """
    if not steps:
        return None
    broken = min((step.load for step in steps if not step.held), default=None)
    return max((step.load for step in steps if broken is None or step.load < broken), default=0.0)


@dataclass(frozen=True, slots=True)
class Answers:
    """Requests as parallel columns: when each was due and sent, how long it took, and whether it succeeded."""

    due_ns: NDArray[np.int64]
    sent_ns: NDArray[np.int64]
    duration_ns: NDArray[np.int64]
    ok: NDArray[np.bool_]

    def within(self, start: float, end: float) -> "Answers":
        """Those that were due from ``start`` on and before ``end``, in seconds since the origin."""
        inside = (self.due_ns >= round(start * 1e9)) & (self.due_ns < round(end * 1e9))
        return Answers(self.due_ns[inside], self.sent_ns[inside], self.duration_ns[inside], self.ok[inside])

    @property
    def punctual(self) -> "Answers":
        """The same as if each had been sent when it was due."""
        return replace(self, due_ns=self.sent_ns)

    def value(self, metric: str, seconds: float) -> float | None:
        """The value of a metric that a search can go by, over all of them in so many seconds; ``None``: not known."""
        said, successes = METRICS[metric], int(self.ok.sum())
        if said.counted is not None:
            return said.counted(
                RequestCounts(requests=len(self.ok), failures=len(self.ok) - successes, seconds=seconds)
            )
        waited_ns = 0 if said.from_sending else self.sent_ns - self.due_ns
        latency_ns = (waited_ns + self.duration_ns)[self.ok]
        if not len(latency_ns):
            return None
        if said.of_latencies is not None:
            return said.of_latencies(latency_ns)
        return percentile(latency_ns / 1e6, said.quantile) if said.quantile is not None else None


def word_of(limits: Iterable[Expectation], tried: Try, answers: Answers) -> Word:
    """What one try says of its load, from its own requests.

    A try that missed is void when the generator may be why: it was busy, it began less than 99 % of the arrivals
    although users were free, or the limits would have been met had every request been sent when it was due. A try that
    held is held even so: what the generator adds to a latency only lengthens it.
    """
    inside, limits = answers.within(tried.measured_from, tried.end), tuple(limits)
    enough = tried.started >= LEAST_STARTED * tried.planned

    def met(asked: Answers) -> bool:
        return holds(limits, lambda metric: asked.value(metric, tried.seconds))

    if enough and not tried.cut and not tried.unanswered and met(inside):
        return Word.HELD
    exhausted = tried.most_users >= tried.users
    if tried.cpu_share > MOST_CPU_SHARE or (not exhausted and not tried.unanswered and met(inside.punctual)):
        return Word.VOID
    return Word.MISSED if enough or exhausted or tried.cut else Word.VOID


@dataclass(frozen=True, slots=True)
class Sought:
    """What the search of one leg came to: the words are those that its samples say, whatever the generator went by."""

    leg: Leg
    stage: str
    tries: tuple[Try, ...]
    words: tuple[Word, ...]
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


def sought(leg: Leg, searched: Searched, limits: Sequence[Expectation], answers: Answers) -> Sought:
    """Judge every try of a leg's search by its samples."""
    words = tuple(word_of(limits, tried, answers) for tried in searched.tries)
    return Sought(leg, searched.stage, searched.tries, words, searched.ended, searched.confirm)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one or several searches of an arm found.

    Attributes:
        held: the highest rate that held, 0 when not even the least did; of several legs the lower median.
        missed: the lowest rate that did not; ``None`` when none was found.
        at_least: whether ``held`` is a lower bound, as a leg that held as little or less found none that missed.
    """

    held: float
    missed: float | None
    at_least: bool


def capacity_of(searches: Sequence[Sought]) -> Capacity | None:
    """The capacity that searches found; ``None`` when there are none, or all ended before they said anything."""
    brackets = [one.bracket for one in searches]
    told = [(known.low or 0.0, known.high) for known in brackets if known != Bracket(None, None)]
    if not told or len(told) < len(searches):
        return None
    held = median_low([low for low, _ in told])
    missed = [high for _, high in told if high is not None]
    return Capacity(
        held=held,
        missed=median_high(missed) if len(missed) == len(told) else None,
        at_least=any(high is None and low <= held for low, high in told),
    )
