"""Capacity search: the next load to try, the outcome of a try, and the bracket of the capacity.

Arithmetic on past tries without a clock, used by the generator during the search and by the analysis afterwards.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.plan.stages import Search

DIGITS = 4
"""Significant digits of the loads tried."""


class TryOutcome(StrEnum):
    """The outcome of one try; the values are in recorded runs."""

    HELD = "held"
    MISSED = "missed"
    VOID = "void"  # it missed, and the generator may be why


class Ending(StrEnum):
    """Why a search ended; the values are in recorded runs."""

    FOUND = "as near as asked"
    MOST = "the most that may be tried was held"
    LEAST = "the least that may be tried was not held"
    TIME = "its time was over"
    GENERATOR = "the generator was the limit"


@dataclass(frozen=True, slots=True)
class Try:
    """One load that was tried; times are seconds since the leg's origin."""

    load: float  # arrivals per second
    attempt: int  # 1, or 2 for the confirmation of a miss
    start: float
    measured_from: float  # requests due in ``[measured_from, end)`` count
    end: float
    planned: int  # arrivals due in that time
    started: int  # arrivals that a user started
    unanswered: int  # arrivals still unfinished at the start of the next try
    cut: bool  # ended early, because the limits could not be met any more
    users: int  # maximum concurrency
    most_users: int  # peak concurrency
    cpu_share: float  # CPU seconds per second of the generator in the whole try
    lag_p99_ms: float | None  # scheduling delay of arrivals with a free user; ``None`` without any
    word: TryOutcome  # the outcome by the generator

    @property
    def seconds(self) -> float:
        """The length of the measured time."""
        return self.end - self.measured_from


@dataclass(frozen=True, slots=True)
class Searched:
    """A completed search: its stage, its tries in order, and why it ended."""

    stage: str
    tries: tuple[Try, ...]
    ended: Ending
    confirm: bool = True


@dataclass(frozen=True, slots=True)
class Bracket:
    """``low`` is the highest load that held, ``high`` the lowest that missed; ``None`` without one."""

    low: float | None
    high: float | None


def bracket(tried: Iterable[tuple[float, TryOutcome]], *, confirm: bool) -> Bracket:
    """The bracket after tries, each a load and an outcome.

    A load is held when any of its tries held; it missed when it missed twice, or once without confirmation. Loads that
    held above a missed one do not count.
    """
    found: dict[float, list[TryOutcome]] = {}
    for load, outcome in tried:
        found.setdefault(load, []).append(outcome)
    needed = 2 if confirm else 1
    missed = [
        load
        for load, outcomes in found.items()
        if TryOutcome.HELD not in outcomes and outcomes.count(TryOutcome.MISSED) >= needed
    ]
    high = min(missed, default=None)
    held = [load for load, outcomes in found.items() if TryOutcome.HELD in outcomes and (high is None or load < high)]
    return Bracket(max(held, default=None), high)


def next_load(search: Search, tried: Sequence[tuple[float, TryOutcome]]) -> float | Ending:
    """The next load to try, or why the search ends.

    Loads double until one misses, then the bracket is halved on a logarithmic scale: both arms get loads of one grid,
    and equal outcomes give equal loads.
    """
    if not tried:
        return search.from_
    last, outcome = tried[-1]
    known = bracket(tried, confirm=search.confirm)
    if outcome is TryOutcome.MISSED and known.high != last:
        return last  # to be confirmed
    if outcome is TryOutcome.VOID or known.low is None:
        return Ending.GENERATOR if outcome is TryOutcome.VOID else Ending.LEAST
    if known.high is None:
        return Ending.MOST if known.low >= search.to else min(_rounded(2 * known.low), search.to)
    middle = _rounded(math.sqrt(known.low * known.high))
    if known.high <= known.low * (1 + search.precision) or not known.low < middle < known.high:
        return Ending.FOUND
    return middle


def _rounded(load: float) -> float:
    return float(f"{load:.{DIGITS}g}")
