"""What every step of a run needs: the plan, the run folder, the system under test and the observer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.environment.base import Environment
from harness.plan.model import Plan
from harness.record.leg import Leg
from harness.record.noise import Noise
from harness.record.run_folder import RunFolder
from harness.record.setup import Setup
from harness.record.trial import Startup
from harness.run import generator_process as load
from harness.run.generator_process import Job, OnRequest, Progress, Remote


class Observer:
    """Receives the progress of a run and shows nothing; subclasses show it."""

    def say(self, text: str) -> None:
        """A step outside the legs has begun."""

    def leg(self, leg: Leg, setup: Setup) -> None:
        """A leg of the run has begun."""

    def noise(self, setup: Setup, noise: Noise) -> None:
        """Earlier noise measurements of this machine were read."""

    def requested(self, arm: str, requests: int, wanted: int) -> None:
        """Some requests of the corpus have been sent to an arm."""

    def progress(self, progress: Progress) -> None:
        """The generator reported its progress."""


@dataclass(frozen=True, slots=True)
class Source:
    """A plan, its exact text, its path, and its user files with their imports."""

    plan: Plan
    text: str
    path: Path
    user_files: tuple[Path, ...] = ()

    @property
    def base(self) -> Path:
        """The folder of the plan, to which its paths are relative."""
        return self.path.resolve().parent


@dataclass(frozen=True, slots=True)
class RunContext:
    """What every step of a run takes; tests have doubles of ``make_load`` and ``request_answers``."""

    source: Source
    folder: RunFolder
    environment: Environment
    observer: Observer
    make_load: Callable[..., None] = load.generate
    request_answers: Callable[..., None] = load.request_answers
    remote: Remote | None = None  # the workers that generate the load; ``None``: this machine does

    @property
    def plan(self) -> Plan:
        return self.source.plan

    def job(self, leg: Leg, startup: Startup, out: Path) -> Job:
        """The job of a leg whose arm was started; the arms of a block have the same seed."""
        return Job(
            plan=self.plan,
            plan_path=self.folder.path / "plan.toml",
            base=self.source.base,
            host=startup.host,
            urls=startup.urls,
            out=out,
            log=self.folder.logs / f"{leg.title}.generator.log",
            label=self.environment.label,
            seed=self.plan.load.seed + leg.block,
            arm=leg.arm,
        )

    @contextmanager
    def started(self, arm: str, out: Path) -> Iterator[Job]:
        """Reset and start an arm outside the blocks, and stop it afterwards; yields the job of the corpus."""
        leg = Leg(0, 0, arm)
        startup = self.environment.start(leg)
        try:
            yield self.job(leg, startup, out)
        finally:
            for incident in self.environment.stop():
                self.observer.say(f"{incident.service} {incident.what} during the requests to {arm}")

    def request_corpus(self, job: Job, key: str, on_request: OnRequest | None = None) -> None:
        """Request the corpus once, as ``generator_process.request_answers``."""
        on_progress = partial(self.observer.requested, job.out.stem)
        self.request_answers(job, key, on_progress=on_progress, check=self.environment.check, on_request=on_request)
