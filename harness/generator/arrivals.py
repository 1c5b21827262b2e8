"""Arrivals: how many users run at second t. Arithmetic on stages; no clock inside."""

from collections.abc import Sequence

from harness.stage import Stage


def stage_at(stages: Sequence[Stage], second: float) -> tuple[int, float] | None:
    """The index of the stage that runs at ``second`` and the seconds it has run; ``None`` after the last."""
    start = 0.0
    for index, stage in enumerate(stages):
        if second < start + stage.seconds:
            return index, second - start
        start += stage.seconds
    return None


def users_at(stages: Sequence[Stage], second: float) -> float:
    """Users that should run at ``second``, a fraction while the number climbs; 0 after the last stage."""
    place = stage_at(stages, second)
    if place is None:
        return 0.0
    index, elapsed = place
    stage, before = stages[index], stages[index - 1].users if index else 0
    if elapsed >= stage.climb_seconds:
        return float(stage.users)
    return before + (stage.users - before) * elapsed / stage.climb_seconds


def spawn_at(stages: Sequence[Stage], second: float) -> tuple[int, float] | None:
    """What the load should head for at ``second``: users and the users per second to get there; ``None``: stop."""
    place = stage_at(stages, second)
    if place is None:
        return None
    index, _ = place
    stage, before = stages[index], stages[index - 1].users if index else 0
    change = abs(stage.users - before)
    rate = change / stage.climb_seconds if stage.climb_seconds else float(change)
    return stage.users, max(rate, 0.01)
