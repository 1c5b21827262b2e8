"""What one process and a master with workers share: the options of a leg, its stages, progress and last file."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import gevent

from harness.generator.schedule.arrivals import spawn_at, stage_at
from harness.plan.model import Plan
from harness.plan.stages import Stage
from harness.record.generation import Generation


@dataclass(frozen=True, slots=True)
class LegOptions:
    """The command-line options of one leg."""

    plan: Plan
    text: str  # of the plan file, which workers parse themselves
    base: Path
    files: tuple[Path, ...]  # the user files and their imports, sent to workers on other machines
    host: str
    seed: int
    arm: str
    out: Path  # the folder of the leg
    until: Path | None  # a file whose appearance ends the load; ``None``: the stages end it
    remote: int | None  # the number of workers on other machines; ``None``: the plan's processes run on this machine
    bind: str  # ``HOST:PORT`` that the master listens on; port 0 is any free port
    last: bool  # no further leg follows

    @property
    def workers(self) -> int:
        """Worker processes that make the load together."""
        return self.plan.load.processes if self.remote is None else self.remote


def stage_progress(stages: Sequence[Stage], second: float) -> dict[str, float | None]:
    """The ``stage`` (an index) and ``stage_second`` of a progress line; both ``None`` after the last stage."""
    index, seconds = stage_at(stages, second) or (None, None)
    return {"stage": index, "stage_second": seconds}


def write_generation(generation: Generation, out: Path) -> None:
    """Write the last file of a leg under another name, then rename it: a leg with this file is complete."""
    partial = out / "windows.json.partial"
    partial.write_text(json.dumps(asdict(generation), indent=1))
    partial.rename(out / "windows.json")


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
