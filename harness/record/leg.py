"""Leg: one arm through all stages, its place in the order of a run, and the time windows of its stages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.plan.stages import Stage

Order = tuple[tuple[str, ...], ...]
"""The arms of each block, in the order of measurement."""


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
    """The legs of an order of blocks, numbered from 1.

    ``sequential`` measures all legs of an arm before those of the next; block k is then the k-th leg of each arm.
    """
    places = [(block, arm) for block, arms in enumerate(order, start=1) for arm in arms]
    if sequential:
        arms = list(order[0]) if order else []
        places.sort(key=lambda place: arms.index(place[1]))
    return [Leg(number, block, arm) for number, (block, arm) in enumerate(places, start=1)]


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a stage, in seconds since the leg's origin; the summary starts at ``measured_from``.

    ``rate`` is in arrivals per second, ``None`` in closed-loop stages; with a rate, ``users`` limits the concurrency.
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
        """The length of the summarised part."""
        return self.end - self.measured_from


def windows_of(stages: tuple[Stage, ...], until: float = math.inf) -> tuple[Window, ...]:
    """The windows of the stages, back to back from 0, cut where the load ended early.

    A search is not summarised: its loads differ between arms.
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
