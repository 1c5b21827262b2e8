"""Leg: one measurement of one arm, its place in the order of a run, and when its stages ran."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.plan.stages import Stage

Order = tuple[tuple[str, ...], ...]
"""The arms of each block, in the order they are measured."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One measurement of one arm: its place in the order of the run."""

    number: int
    block: int
    arm: str

    @property
    def title(self) -> str:
        """The name of its folder, ``03-after``."""
        return f"{self.number:02d}-{self.arm}"


def legs_of(order: Sequence[Sequence[str]], *, sequential: bool = False) -> list[Leg]:
    """The legs of an order of blocks, numbered from 1 as they run.

    Block by block; ``sequential``, all legs of an arm before those of the next, a block being the k-th leg of each.
    """
    places = [(block, arm) for block, arms in enumerate(order, start=1) for arm in arms]
    if sequential:
        arms = list(order[0]) if order else []
        places.sort(key=lambda place: arms.index(place[1]))
    return [Leg(number, block, arm) for number, (block, arm) in enumerate(places, start=1)]


@dataclass(frozen=True, slots=True)
class Window:
    """When a stage ran, in seconds since the leg's origin; what is summarised starts at ``measured_from``.

    ``rate`` is in arrivals per second, ``None`` in a closed stage; in an open one ``users`` is the most at work.
    """

    stage: str
    kind: str
    start: float
    measured_from: float
    end: float
    users: int
    rate: float | None = None

    @property
    def seconds(self) -> float:
        """The length of what is summarised."""
        return self.end - self.measured_from


def windows_of(stages: tuple[Stage, ...], until: float = math.inf) -> tuple[Window, ...]:
    """The windows of the stages, back to back from 0, as planned, or as they were where the load ended early.

    Nothing of a search is summarised: its loads are others in each arm, and its tries speak for themselves.
    """
    windows, start = [], 0.0
    for stage in stages:
        if start >= until:
            break
        end = min(start + stage.seconds, until)
        measured_from = min(start + stage.warmup_seconds, end) if stage.search is None else end
        windows.append(Window(stage.title, stage.kind.value, start, measured_from, end, stage.users, stage.rate))
        start = end
    return tuple(windows)
