"""Settling: what is left out at the beginning of stages that were not steady yet, and the blocks that never were.

Beside the warm-up that a plan says, which is always left out. Looked at is the mean logarithm of the latencies of each
second, in the measured part of peak, sustain and endurance stages that are long enough, in which the load itself stands
still and no fault is planned. What one leg of a block needs is left out of all its legs, whichever arm needs it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.finding import Finding
from harness.plan.model import Plan
from harness.plan.stages import StageKind
from harness.record.leg import Leg, Window
from harness.record.samples import latency_ms
from harness.record.trial import Trial
from harness.statistics.steadiness import BATCH, FEWEST_BATCHES, trend, truncation_point

MIN_SECONDS = BATCH * FEWEST_BATCHES
"""Seconds; a shorter stage has its plan's warm-up and nothing else."""
MAX_SILENT_SHARE = 0.2
"""The share of the seconds that may be without a success."""
MIN_DIFFERENCE = math.log(1.05)
"""What is cut must be so much slower or faster than the rest: less is what noise does, and costs samples."""
MAX_TREND = math.log(1.1)
"""What is left may change by so much from its beginning to its end."""
INTERVAL_FACTOR = 1.5
"""So many times as wide as for 95 % is the interval of that change taken: a run asks of many legs, not of one."""
MAX_DROPPED_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Cut:
    """Seconds that are left out of a stage in all legs of a block, after its warm-up."""

    block: int
    stage: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Unsteady:
    """A leg whose latencies went on changing in a stage: by at least ``change``, a fraction, in what is left of it."""

    leg: Leg
    stage: str
    change: float


@dataclass(frozen=True, slots=True)
class Settling:
    """What is left out of a run; ``legs`` is the block of every leg that was looked at."""

    cuts: tuple[Cut, ...] = ()
    unsteady: tuple[Unsteady, ...] = ()
    legs: tuple[int, ...] = ()

    @property
    def blocks(self) -> int:
        """How many were looked at."""
        return len({*self.legs})

    @property
    def hopeless(self) -> bool:
        """Whether more than a fifth of the blocks, and more than one, or all of them, were unsteady."""
        count = len({one.leg.block for one in self.unsteady})
        return count > max(1, MAX_DROPPED_SHARE * self.blocks) or 0 < count == self.blocks

    @property
    def dropped(self) -> frozenset[int]:
        """The blocks that are left out; none where it is hopeless, so that there is something to look at."""
        return frozenset() if self.hopeless else frozenset(one.leg.block for one in self.unsteady)

    @property
    def dropped_legs(self) -> int:
        """How many legs the blocks that are left out have."""
        return sum(block in self.dropped for block in self.legs)

    def steady(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """The trials of the blocks that are kept, each with what is measured of its stages begun later."""
        later = {(cut.block, cut.stage): cut.seconds for cut in self.cuts}
        for trial in trials:
            if trial.leg.block not in self.dropped:
                windows = tuple(
                    replace(window, measured_from=window.measured_from + later.get((trial.leg.block, window.stage), 0))
                    for window in trial.generation.windows
                )
                yield replace(trial, generation=replace(trial.generation, windows=windows))


NO_SETTLING = Settling()


def find_settling(trials: Iterable[Trial], stages: frozenset[str]) -> Settling:
    """What to leave out of these trials, looking at the stages of these titles; the trials are taken one at a time."""
    legs: list[int] = []
    places: dict[tuple[int, str], _Place] = {}
    for trial in trials if stages else ():
        legs.append(trial.leg.block)
        for window, course in _courses(trial, stages):
            place = places.setdefault((trial.leg.block, window.stage), _Place(window.kind))
            place.courses.append((trial.leg, course))
    cuts = {key: place.cut for key, place in places.items()}
    unsteady = [
        Unsteady(leg, stage, change)
        for (block, stage), place in places.items()
        for leg, change in place.changes(cuts[block, stage])
    ]
    found = tuple(Cut(block, stage, seconds) for (block, stage), seconds in cuts.items() if seconds)
    return Settling(found, tuple(unsteady), tuple(legs))


def settling_caveat(settling: Settling) -> Finding:
    """The caveat that names what was left out of a run."""
    most: dict[str, int] = {}
    for cut in settling.cuts:
        if cut.block not in settling.dropped:
            most[cut.stage] = max(most.get(cut.stage, 0), cut.seconds)
    cuts = [f"up to {seconds} s after the warm-up of {stage}, of all arms alike" for stage, seconds in most.items()]
    dropped = sorted(settling.dropped)
    worst = max((one for one in settling.unsteady if dropped), key=lambda one: one.change, default=None)
    blocks = f"block{'s' if len(dropped) > 1 else ''} {' and '.join(map(str, dropped))}"
    gone = [f"all of {blocks}, where {_changing(worst)}"] if worst else []
    longer = " and ".join(f"that of {stage} by {seconds} s" for stage, seconds in most.items())
    return Finding(
        "NOT_STEADY_YET",
        f"latencies were not steady yet: left out are {'; '.join([*cuts, *gone])}",
        f"lengthen the warm-up, {longer}" if longer else "lengthen the warm-up or the stage",
    )


def unsteady_guard(settling: Settling) -> Finding:
    """The broken guard of a run in which too many blocks were unsteady."""
    count = len({one.leg.block for one in settling.unsteady})
    worst = max(settling.unsteady, key=lambda one: one.change)
    return Finding(
        "NEVER_STEADY",
        f"{count} of {settling.blocks} blocks never became steady, the worst where {_changing(worst)}",
        "lengthen the warm-up and the stage, or find what goes on growing: a cache, a table, a queue",
    )


def _changing(one: Unsteady) -> str:
    return f"latencies of {one.stage} went on changing by {one.change:.0%} or more in leg {one.leg.title}"


def settling_stages(plan: Plan) -> frozenset[str]:
    """The titles of the stages that are looked at: the load must stand still in what is measured of them."""
    struck = {fault.stage for fault in plan.faults}
    kinds = {StageKind.PEAK, StageKind.SUSTAIN, StageKind.ENDURANCE}
    return frozenset(
        stage.title
        for stage in plan.stages
        if stage.kind in kinds
        and stage.title not in struck
        and stage.ramp_seconds <= stage.warmup_seconds
        and stage.seconds - stage.warmup_seconds >= MIN_SECONDS
    )


@dataclass(slots=True)
class _Place:
    """One stage in one block: its kind, and the course of each leg."""

    kind: str
    courses: list[tuple[Leg, list[float]]] = field(default_factory=list)

    @property
    def cut(self) -> int:
        """Seconds that the leg that needs most needs."""
        return max((_needed(course) for _, course in self.courses), default=0)

    def changes(self, cut: int) -> Iterator[tuple[Leg, float]]:
        """The legs that are not steady after a cut; in endurance stages a slope is what is looked for."""
        for leg, course in self.courses if self.kind != StageKind.ENDURANCE else ():
            rest = course[cut:]
            surely = _sure_change(rest)
            if surely > MAX_TREND:
                yield leg, math.expm1(surely)


def _sure_change(rest: Sequence[float]) -> float:
    """The least change from beginning to end that is beyond doubt, up or down; 0 where there may be none."""
    slope = trend(rest)
    if slope is None:
        return 0.0
    rising, falling = slope.value - slope.low, slope.high - slope.value
    return len(rest) * max(slope.value - INTERVAL_FACTOR * rising, -slope.value - INTERVAL_FACTOR * falling, 0.0)


def _needed(course: Sequence[float]) -> int:
    """Seconds that are better left out of one leg: those that differ from the rest by more than chance and a little."""
    cut = truncation_point(course)
    if not cut:
        return 0
    batches = np.array(course[: len(course) // BATCH * BATCH]).reshape(-1, BATCH).mean(axis=1)
    first, rest = batches[: cut // BATCH], batches[cut // BATCH :]
    by_chance = 2 * float(rest.std(ddof=1)) * math.sqrt(1 / len(first) + 1 / len(rest))
    return cut if abs(float(first.mean() - rest.mean())) > MIN_DIFFERENCE + by_chance else 0


def _courses(trial: Trial, stages: frozenset[str]) -> Iterator[tuple[Window, list[float]]]:
    """The mean logarithm of the latency of the successes that were due in each second, of each stage looked at."""
    windows = [window for window in trial.generation.windows if window.stage in stages]
    if windows:
        good = pc.is_null(trial.samples["error"]).to_numpy(zero_copy_only=False)
        due = trial.samples["due_ns"].to_numpy()[good] / 1e9
        logs = np.log(np.maximum(latency_ms(trial.samples)[good], 1e-6))
        for window in windows:
            course = _by_second(due - window.measured_from, logs, math.floor(window.seconds))
            if course is not None:
                yield window, course


def _by_second(due: NDArray[np.float64], logs: NDArray[np.float64], seconds: int) -> list[float] | None:
    """Means by second; a silent one lies between its neighbours; ``None`` for few seconds or many silent ones."""
    inside = (due >= 0) & (due < seconds)
    second = due[inside].astype(np.int64)
    counts = np.bincount(second, minlength=seconds)
    heard = np.flatnonzero(counts)
    if seconds < MIN_SECONDS or len(heard) < (1 - MAX_SILENT_SHARE) * seconds:
        return None
    means = np.bincount(second, weights=logs[inside], minlength=seconds)[heard] / counts[heard]
    return [float(mean) for mean in np.interp(np.arange(seconds), heard, means)]
