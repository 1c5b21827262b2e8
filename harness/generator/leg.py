"""What one process and a master with workers share: the options of a leg, its progress lines, its last file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.generator.schedule.arrivals import stage_at
from harness.plan.model import Plan
from harness.plan.stages import Stage
from harness.record.generation import Generation


@dataclass(frozen=True, slots=True)
class LegOptions:
    """The command-line options of one leg.

    Attributes:
        text: the plan file's text, which workers parse themselves.
        files: the user files and their imports, sent to workers on other machines.
        out: the folder of the leg.
        until: a file whose appearance ends the load; ``None``: the stages end it.
        remote: the number of workers on other machines; ``None``: the plan's processes run on this machine.
        bind: ``HOST:PORT`` that the master listens on; port 0 is any free port.
        last: whether no further leg follows.
    """

    plan: Plan
    text: str
    base: Path
    files: tuple[Path, ...]
    host: str
    seed: int
    arm: str
    out: Path
    until: Path | None
    remote: int | None
    bind: str
    last: bool

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
