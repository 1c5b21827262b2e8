"""Capacity: how many users a leg held, from whether its stress stages met the limits."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.target import Expectation
from harness.trial import Leg


@dataclass(frozen=True, slots=True)
class Step:
    """One stress stage of one leg, and whether all limits held in it."""

    leg: Leg
    stage: str
    users: int
    held: bool


def holds(limits: Iterable[Expectation], value: Callable[[str], float | None]) -> bool:
    """Whether the values of a stage, by metric, are all within the limits; what was not measured is not."""
    found = ((limit, value(limit.metric.name)) for limit in limits)
    return all(measured is not None and limit.allows(measured) for limit, measured in found)


def users_held(steps: Sequence[Step]) -> int | None:
    """The users of the largest step such that it and every step with as many or fewer users held.

    Returns:
        0 when not even the smallest held, ``None`` when there are no steps. When every step held, a lower bound.
    """
    if not steps:
        return None
    broken = min((step.users for step in steps if not step.held), default=None)
    return max((step.users for step in steps if broken is None or step.users < broken), default=0)
