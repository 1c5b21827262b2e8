"""Closed-loop stages: reach the users of each stage at the second it begins."""

from collections.abc import Callable, Sequence

import gevent

from harness.generator.schedule.arrivals import spawn_at
from harness.plan.stages import Stage


def run_stages(stages: Sequence[Stage], second: Callable[[], float], start: Callable[[int, float], None]) -> None:
    """Call ``start(users, users per second)`` at the start of each stage of a closed plan; return after the last.

    ``second`` returns seconds since the origin. Locust's own loop over a load shape drifts, is up to a second late at
    the end of a stage, and on a master waits for a ramp before it reads the time again.
    """
    goal, moving = None, None
    try:
        while (now := spawn_at(stages, second())) is not None:
            if now != goal:
                if moving is not None:
                    moving.kill()
                goal, moving = now, gevent.spawn(start, *now)
            gevent.sleep(1 - second() % 1)
    finally:  # also after an abort
        if moving is not None:
            moving.kill()


def wait_for_end(stages: Sequence[Stage], second: Callable[[], float]) -> None:
    """Wait for the end of the last stage."""
    gevent.sleep(max(sum(stage.seconds for stage in stages) - second(), 0))
