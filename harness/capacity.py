"""Capacity: how much load a leg held, from whether its stress stages met the limits.

The load is the users of a closed stage, and the arrivals per second of an open one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.target import Expectation
from harness.trial import Leg, Offered

LEAST_STARTED = 0.99
"""Less of its planned arrivals, and a stage is not the stage that was planned."""


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
