"""Observers: the progress of a run, as a live line on a terminal or as plain lines in CI."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from harness.analysis.noise import Floor, floors_of
from harness.plan.model import Plan
from harness.record.leg import Leg
from harness.record.noise import ComparisonPlace, Noise
from harness.record.setup import Setup
from harness.run.generator_process import Progress

PLAIN_SECONDS = 10.0
OVERHEAD_SECONDS = 4.0

Line = Callable[..., object]
Foresight = Callable[[Plan, int, Mapping[ComparisonPlace, Floor]], Sequence[str]]
"""Lines on what so many blocks of a plan can detect, given the noise of the machine."""


class LineObserver:
    """Turns the events of a run into lines; a subclass shows them."""

    def __init__(self, plan: Plan, line: Line, foresee: Foresight = lambda *_: []) -> None:
        self.plan, self.line, self.foresee = plan, line, foresee
        self.place = ""
        self._legs_left = 0
        self._said = ""

    def show(self, text: str, *, news: bool) -> None:
        """Show a line; ``news`` is false where it only updates the last one."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Something outside a leg has begun."""
        self._said = text
        self.show(text, news=True)

    def leg(self, leg: Leg, setup: Setup) -> None:
        """A leg has begun."""
        again = "once more: " if leg in setup.repeated_legs else ""
        self.place = f"{again}block {leg.block} of {len(setup.order)} · {leg.arm}"
        self._legs_left = len(setup.legs) - leg.number
        services = len(self.plan.services)
        what = f"{services} services" if services > 1 else "the service"
        begun = "waiting for" if self.plan.environment.kind == "external" else "resetting and starting"
        self.show(f"{self.place} · {begun} {what}", news=True)

    def noise(self, setup: Setup, noise: Noise) -> None:
        """Show what the blocks can detect."""
        floors = floors_of(difference for run in noise.runs for difference in run.differences)
        for line in self.foresee(self.plan, len(setup.order), floors):
            self.show(line, news=True)

    def requested(self, arm: str, requests: int, wanted: int) -> None:
        """So many requests of an arm's corpus are made."""
        self.show(f"{self._said or arm}: {requests} of {wanted}", news=False)

    def progress(self, progress: Progress) -> None:
        """The generator reported."""
        if progress.gathering:
            self.show(f"{self.place} · waiting for workers: {progress.workers} of {progress.wanted}", news=True)
            return
        if progress.stage is None or progress.stage_second is None:
            self.show(f"{self.place} · waiting for the last answers", news=False)
            return
        stage = self.plan.stages[progress.stage]
        left = self.plan.seconds - progress.second + self._legs_left * (self.plan.seconds + OVERHEAD_SECONDS)
        text = self.line(
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
        self.show(str(text), news=False)


class LiveObserver(LineObserver):
    """One line on a terminal that keeps changing."""

    def __init__(self, plan: Plan, line: Line, console: Console, foresee: Foresight = lambda *_: []) -> None:
        super().__init__(plan, line, foresee)
        self.spinner = Spinner("dots", text="")
        self.live = Live(self.spinner, console=console, transient=True, refresh_per_second=8)

    def show(self, text: str, *, news: bool) -> None:  # noqa: ARG002 - the interface
        """Replace the line."""
        self.spinner.update(text=text)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the line."""
        self.live.stop()


class PlainObserver(LineObserver):
    """Plain lines: every piece of news, and an update every ten seconds."""

    def __init__(
        self, plan: Plan, line: Line, write: Callable[[str], None], foresee: Foresight = lambda *_: []
    ) -> None:
        super().__init__(plan, line, foresee)
        self.write = write
        self._last = 0.0

    def show(self, text: str, *, news: bool) -> None:
        """Write the line when it is due."""
        now = time.monotonic()
        if news or now - self._last >= PLAIN_SECONDS:
            self.write(text)
            self._last = now

    def __enter__(self) -> Self:
        """Nothing to begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""
