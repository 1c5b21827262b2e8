"""Progress of a run: a live line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from harness.analysis.noise import floors_of
from harness.plan.model import Plan
from harness.record.leg import Leg
from harness.record.noise import Noise
from harness.record.setup import Setup
from harness.run.context import Observer
from harness.run.generator_process import Progress
from reports.progress import ProgressLine
from reports.sections.noise import foresee

PLAIN_SECONDS = 10.0
OVERHEAD_SECONDS = 4.0
"""Between two legs, for the estimate of the time left."""


class LineObserver(Observer):
    """Turns the events of a run into lines; a subclass shows them."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.place = plan, ""
        self._legs_left = 0
        self._step = ""

    def show(self, text: str, *, update: bool = False) -> None:
        """Show a line; ``update``: it only updates the last one."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        self._step = text
        self.show(text)

    def leg(self, leg: Leg, setup: Setup) -> None:
        again = "confirmation · " if leg in setup.repeated_legs else ""
        self.place = f"{again}block {leg.block} of {len(setup.order)} · {leg.arm}"
        self._legs_left = len(setup.legs) - leg.number
        services = len(self.plan.services)
        what = f"{services} services" if services > 1 else "the service"
        begun = "resetting and starting" if self.plan.environment.starts else "waiting for"
        self.show(f"{self.place} · {begun} {what}")

    def noise(self, setup: Setup, noise: Noise) -> None:
        """Show which changes the blocks can detect."""
        floors = floors_of(difference for run in noise.runs for difference in run.differences)
        for line in foresee(self.plan, len(setup.order), floors):
            self.show(line)

    def requested(self, arm: str, requests: int, wanted: int) -> None:
        self.show(f"{self._step or arm}: {requests} of {wanted} requests", update=True)

    def progress(self, progress: Progress) -> None:
        if progress.gathering:
            self.show(f"{self.place} · waiting for workers: {progress.workers} of {progress.wanted}")
            return
        if progress.stage is None or progress.stage_second is None:
            self.show(f"{self.place} · waiting for the last responses", update=True)
            return
        stage = self.plan.stages[progress.stage]
        left = self.plan.seconds - progress.second + self._legs_left * (self.plan.seconds + OVERHEAD_SECONDS)
        text = ProgressLine(
            place=self.place,
            stage=stage.title,
            stage_second=progress.stage_second,
            stage_seconds=stage.seconds,
            users=progress.users,
            rate=stage.rate if stage.search is None else None,
            rps=progress.rps,
            p95_ms=progress.p95_ms,
            failures=progress.failures,
            left_seconds=left,
        )
        self.show(str(text), update=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class LiveObserver(LineObserver):
    """One line on a terminal that keeps changing."""

    def __init__(self, plan: Plan, console: Console) -> None:
        super().__init__(plan)
        self.spinner = Spinner("dots", text="")
        self.live = Live(self.spinner, console=console, transient=True, refresh_per_second=8)

    def show(self, text: str, *, update: bool = False) -> None:  # noqa: ARG002 - the interface
        self.spinner.update(text=text)

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()


class PlainObserver(LineObserver):
    """A plain line for every event, and an update every ten seconds."""

    def __init__(self, plan: Plan, write: Callable[[str], None]) -> None:
        super().__init__(plan)
        self.write = write
        self._last = 0.0

    def show(self, text: str, *, update: bool = False) -> None:
        now = time.monotonic()
        if not update or now - self._last >= PLAIN_SECONDS:
            self.write(text)
            self._last = now
