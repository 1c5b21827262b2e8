"""Steady state: seconds left out at the start of stages that were not yet steady, and blocks that never became steady.

This is in addition to the warm-up of the plan. It uses the mean log latency of each second in the measured part of long
peak, sustain and endurance stages with constant load and no fault. A cut that one leg needs is applied to all legs of
its block.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from harness.finding import Finding
from harness.plan.model import Plan
from harness.plan.stages import StageKind
from harness.record.leg import Leg, Window
from harness.record.samples import latency_ms, succeeded
from harness.record.trial import Trial
from harness.statistics.time_series import BATCH, FEWEST_BATCHES, trend, truncation_point

MIN_SECONDS = BATCH * FEWEST_BATCHES  # shorter stages have only the warm-up of the plan
MAX_SILENT_SHARE = 0.2  # the largest share of seconds without a success
MIN_DIFFERENCE = math.log(1.05)  # a cut must differ from the rest by more than this, as a log ratio
MAX_TREND = math.log(1.1)  # the largest change of a steady stage from beginning to end, as a log ratio
INTERVAL_FACTOR = 1.5  # widens the 95 % interval of the trend, since a run tests many legs
MAX_DROPPED_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Cut:
    """Seconds left out of a stage in all legs of a block, after its warm-up."""

    block: int
    stage: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Unsteady:
    """A leg that never became steady in a stage: the trend of the rest is at least ``change``, a fraction."""

    leg: Leg
    stage: str
    change: float


@dataclass(frozen=True, slots=True)
class Settling:
    """The cuts and unsteady legs of a run; ``legs`` has the block of every leg examined."""

    cuts: tuple[Cut, ...] = ()
    unsteady: tuple[Unsteady, ...] = ()
    legs: tuple[int, ...] = ()

    @property
    def blocks(self) -> int:
        return len({*self.legs})

    @property
    def mostly_unsteady(self) -> bool:
        """Whether all blocks, or more than one and more than a fifth of them, were unsteady."""
        count = len({one.leg.block for one in self.unsteady})
        return count > max(1, MAX_DROPPED_SHARE * self.blocks) or 0 < count == self.blocks

    @property
    def dropped(self) -> frozenset[int]:
        """The blocks left out; none where the run is mostly_unsteady, so that the report shows something."""
        return frozenset() if self.mostly_unsteady else frozenset(one.leg.block for one in self.unsteady)

    @property
    def dropped_legs(self) -> int:
        return sum(block in self.dropped for block in self.legs)

    def steady(self, trials: Iterable[Trial]) -> Iterator[Trial]:
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
    """The cuts and unsteady legs in the stages of these titles; trials are consumed one at a time."""
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
    """The caveat that names what was left out."""
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
    """The broken guard of a run with too many unsteady blocks."""
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
    """The titles of the stages with constant load in their measured part."""
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
        """The largest cut that a leg needs, in seconds."""
        return max((_cut_seconds(course) for _, course in self.courses), default=0)

    def changes(self, cut: int) -> Iterator[tuple[Leg, float]]:
        """Legs with a trend after a cut; not in endurance stages, which are there to find trends."""
        for leg, course in self.courses if self.kind != StageKind.ENDURANCE else ():
            rest = course[cut:]
            surely = _sure_change(rest)
            if surely > MAX_TREND:
                yield leg, math.expm1(surely)


def _sure_change(rest: Sequence[float]) -> float:
    """The smallest change from beginning to end within the widened interval; 0 where it contains no change."""
    slope = trend(rest)
    if slope is None:
        return 0.0
    rising, falling = slope.value - slope.low, slope.high - slope.value
    return len(rest) * max(slope.value - INTERVAL_FACTOR * rising, -slope.value - INTERVAL_FACTOR * falling, 0.0)


def _cut_seconds(course: Sequence[float]) -> int:
    """The cut of one leg: where its mean differs from the rest by more than chance and ``MIN_DIFFERENCE``."""
    cut = truncation_point(course)
    if not cut:
        return 0
    batches = np.array(course[: len(course) // BATCH * BATCH]).reshape(-1, BATCH).mean(axis=1)
    first, rest = batches[: cut // BATCH], batches[cut // BATCH :]
    by_chance = 2 * float(rest.std(ddof=1)) * math.sqrt(1 / len(first) + 1 / len(rest))
    return cut if abs(float(first.mean() - rest.mean())) > MIN_DIFFERENCE + by_chance else 0


def _courses(trial: Trial, stages: frozenset[str]) -> Iterator[tuple[Window, list[float]]]:
    """The mean log latency of successes in each second, for each stage examined."""
    windows = [window for window in trial.generation.windows if window.stage in stages]
    if windows:
        good = succeeded(trial.samples)
        due = trial.samples["due_ns"].to_numpy()[good] / 1e9
        logs = np.log(np.maximum(latency_ms(trial.samples)[good], 1e-6))
        for window in windows:
            course = _by_second(due - window.measured_from, logs, math.floor(window.seconds))
            if course is not None:
                yield window, course


def _by_second(due: NDArray[np.float64], logs: NDArray[np.float64], seconds: int) -> list[float] | None:
    """Means by second, interpolated over silent ones; ``None`` with too few seconds or too many silent ones."""
    inside = (due >= 0) & (due < seconds)
    second = due[inside].astype(np.int64)
    counts = np.bincount(second, minlength=seconds)
    heard = np.flatnonzero(counts)
    if seconds < MIN_SECONDS or len(heard) < (1 - MAX_SILENT_SHARE) * seconds:
        return None
    means = np.bincount(second, weights=logs[inside], minlength=seconds)[heard] / counts[heard]
    return [float(mean) for mean in np.interp(np.arange(seconds), heard, means)]
