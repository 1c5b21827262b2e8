"""Search: which load is tried next, what one try found, and between which loads the capacity is then known to lie.

Arithmetic on the tries so far; no clock inside. The generator asks it what to do, the analysis what it came to.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.plan.stages import Search

DIGITS = 4
"""Significant digits of the loads that are tried."""


class TryOutcome(StrEnum):
    """What one try says of its load."""

    HELD = "held"
    MISSED = "missed"
    VOID = "void"  # it missed, and the generator may be why


class Ending(StrEnum):
    """Why a search ended."""

    FOUND = "as near as asked"
    MOST = "the most that may be tried was held"
    LEAST = "the least that may be tried was not held"
    TIME = "its time was over"
    GENERATOR = "the generator was the limit"


@dataclass(frozen=True, slots=True)
class Try:
    """One load that was tried; times are seconds since the leg's origin.

    Attributes:
        load: in arrivals per second.
        attempt: 1, or 2 where it confirms a first one that missed.
        measured_from: what was due from then on, and before ``end``, counts.
        planned: arrivals that were due in that time.
        started: those that a user began with.
        unanswered: arrivals that were still at work when the next try could not wait for them any longer.
        cut: whether it was ended before its time, since the limits could not be met any more.
        users: how many users might be at work at once.
        most_users: how many were.
        cpu_share: CPU seconds per second of the generator in all of the try.
        lag_p99_ms: how late arrivals began for which a user was free; ``None`` when there was none.
        word: what the generator went by.
    """

    load: float
    attempt: int
    start: float
    measured_from: float
    end: float
    planned: int
    started: int
    unanswered: int
    cut: bool
    users: int
    most_users: int
    cpu_share: float
    lag_p99_ms: float | None
    word: TryOutcome

    @property
    def seconds(self) -> float:
        """How long what counts took."""
        return self.end - self.measured_from


@dataclass(frozen=True, slots=True)
class Searched:
    """A search as it was made: its stage, its tries in their order, and why it ended."""

    stage: str
    tries: tuple[Try, ...]
    ended: Ending
    confirm: bool = True


@dataclass(frozen=True, slots=True)
class Bracket:
    """What is known: ``low`` is the highest load that held, ``high`` the lowest that missed; ``None``: none did."""

    low: float | None
    high: float | None


def bracket(said: Iterable[tuple[float, TryOutcome]], *, confirm: bool) -> Bracket:
    """What tries, each a load and what was found, come to.

    A load is held when any of its tries held; it has missed when it missed twice, or once where nothing is confirmed.
    What held above a load that missed is luck and does not count.
    """
    found: dict[float, list[TryOutcome]] = {}
    for load, word in said:
        found.setdefault(load, []).append(word)
    needed = 2 if confirm else 1
    missed = [
        load
        for load, words in found.items()
        if TryOutcome.HELD not in words and words.count(TryOutcome.MISSED) >= needed
    ]
    high = min(missed, default=None)
    held = [load for load, words in found.items() if TryOutcome.HELD in words and (high is None or load < high)]
    return Bracket(max(held, default=None), high)


def next_load(search: Search, said: Sequence[tuple[float, TryOutcome]]) -> float | Ending:
    """The load to try after these, or why there is none.

    Doubling until one misses, then halving the logarithm of the bracket: both arms get loads of one grid, and the same
    answers give the same loads.
    """
    if not said:
        return search.from_
    last, word = said[-1]
    known = bracket(said, confirm=search.confirm)
    if word is TryOutcome.MISSED and known.high != last:
        return last  # to be confirmed
    if word is TryOutcome.VOID or known.low is None:
        return Ending.GENERATOR if word is TryOutcome.VOID else Ending.LEAST
    if known.high is None:
        return Ending.MOST if known.low >= search.to else min(_rounded(2 * known.low), search.to)
    middle = _rounded(math.sqrt(known.low * known.high))
    if known.high <= known.low * (1 + search.precision) or not known.low < middle < known.high:
        return Ending.FOUND
    return middle


def _rounded(load: float) -> float:
    return float(f"{load:.{DIGITS}g}")
