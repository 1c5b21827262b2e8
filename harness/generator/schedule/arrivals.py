"""Arrivals: users at second t, due time of arrival i, counts of arrivals. Arithmetic on stages; no clock inside."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.plan.stages import SLOWEST_CLIMB, Stage, StageKind

CHUNK = 8192

Times = NDArray[np.float64]
Share = tuple[int, int]
"""Index of a process, from 0, and the number of processes."""


def stage_at(stages: Sequence[Stage], second: float) -> tuple[int, float] | None:
    """The index of the stage that runs at ``second`` and the seconds since its start; ``None`` after the last."""
    start = 0.0
    for index, stage in enumerate(stages):
        if second < start + stage.seconds:
            return index, second - start
        start += stage.seconds
    return None


def spawn_at(stages: Sequence[Stage], second: float) -> tuple[int, float] | None:
    """The target of the load at ``second``: users, and users per second to get there; ``None`` after the last stage."""
    place = stage_at(stages, second)
    if place is None:
        return None
    index, _ = place
    stage, before = stages[index], stages[index - 1].users if index else 0
    change = abs(stage.users - before)
    rate = change / stage.climb_seconds if stage.climb_seconds else float(change)
    return stage.users, max(rate, SLOWEST_CLIMB)


@dataclass(frozen=True, slots=True)
class RateSegment:
    """A part of a stage in which the rate is constant or linear; ``expected`` arrivals come before it."""

    start: float
    seconds: float
    rate: float
    end_rate: float
    expected: float

    @property
    def count(self) -> float:
        """Expected arrivals in it: the integral of the rate."""
        return self.seconds * (self.rate + self.end_rate) / 2

    def times_of(self, numbers: Times) -> Times:
        """The times at which the integral of the rate reaches these numbers, all within this segment.

        With rate ``r + a x`` the integral is ``r x + a x²/2``, so ``x = 2m / (r + √(r² + 2 a m))``, which is also exact
        for a = 0 and for r = 0.
        """
        missing = numbers - self.expected
        slope = (self.end_rate - self.rate) / self.seconds
        root = np.sqrt(np.maximum(self.rate**2 + 2 * slope * missing, 0.0))
        after: Times = np.divide(2 * missing, self.rate + root, out=np.zeros_like(missing), where=missing > 0)
        return self.start + np.minimum(after, self.seconds)


def rate_segments(stages: Sequence[Stage]) -> list[RateSegment]:
    """The segments of open stages, one after the other from second 0."""
    found: list[RateSegment] = []
    start = before = expected = 0.0
    for stage in stages:
        for seconds, rate in ((stage.climb_seconds, before), (stage.seconds - stage.climb_seconds, stage.load)):
            if seconds:
                found.append(RateSegment(start, seconds, rate, stage.load, expected))
                expected += found[-1].count
                start += seconds
        before = stage.load
    return found


def due_times(
    stages: Sequence[Stage], spacing: str, seed: int | Sequence[int], share: Share = (0, 1), chunk: int = CHUNK
) -> Iterator[Times]:
    """Due times of the arrivals of open stages, in seconds since the leg's origin, ascending, ``chunk`` at a time.

    ``uniform``: arrival i, from 0, is due when the integral of the rate reaches i + ½. ``poisson``: independent
    arrivals at the same rate, whose numbers are sums of exponential gaps. Source: Cinlar (1975), Introduction to
    Stochastic Processes, section 4.7: inverse of the integrated rate.

    The same seed gives the same times. This process takes the arrivals k with ``k mod of == index`` of one sequence, so
    that the union over all processes is the planned one.
    """
    segments = rate_segments(stages)
    ends = np.array([segment.expected + segment.count for segment in segments])
    chance = np.random.default_rng(seed)
    (index, of), first, reached = share, 0, 0.0
    while reached < ends[-1]:
        if spacing == "uniform":
            numbers = np.arange(first, first + chunk) + 0.5
        else:
            numbers = reached + np.cumsum(chance.exponential(size=chunk))
        reached = float(numbers[-1])
        mine = numbers[(index - first) % of :: of]
        mine = mine[mine < ends[-1]]
        place = np.searchsorted(ends, mine, side="right")
        times = [segments[i].times_of(mine[place == i]) for i in np.unique(place)]
        if times:
            yield np.concatenate(times)
        first += chunk


def times_of_try(load: float, seconds: float, spacing: str, seed: int, attempt: int = 1) -> Times:
    """Due times of one try of a capacity search, in seconds since its start: the same ones in every arm."""
    stage = Stage(kind=StageKind.STRESS, seconds=math.ceil(seconds), users=1, rate=load)
    chunks = list(due_times([stage], spacing, (seed, round(load * 1e6), attempt)))
    times = np.concatenate(chunks) if chunks else np.empty(0)
    return times[times < seconds]


class ArrivalCounts:
    """Arrivals of a stage or a try, the most busy users (``limit`` may be), and a histogram of scheduling delays."""

    def __init__(self, stage: str, limit: int, lags: Counter[int]) -> None:
        self.stage, self.limit, self.lags = stage, limit, lags
        self.planned = self.started = self.late = self.max_busy = 0
