"""Experiment: the story of a run, told once: up, arms, blocks, legs, down; on disk after every leg."""

import platform
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from harness import __version__
from harness.analysis import analyse
from harness.environment.processes import Process
from harness.environment.variables import expand_url
from harness.judging.forecast import decided
from harness.judging.noise import Noise
from harness.judging.stop import Stop
from harness.leg import Leg, Order
from harness.load import Job, Progress, Remote, ask, generate
from harness.objections.faults import UNNAMED
from harness.order import balanced_order, longer
from harness.parts.fault import Fault
from harness.plan import Plan
from harness.plan_file import fingerprint
from harness.probes.access import Cache, Database
from harness.probes.metrics import MetricsProbe
from harness.result import Result
from harness.running.beside import Beside, Probe, Reading
from harness.running.faults import Faults
from harness.running.interview import Interview, Listener
from harness.running.machine import host
from harness.running.rehearsing import Rehearsing
from harness.running.surveyor import Surveyor
from harness.setup import Setup, facts_of_setup
from harness.store import RunFolder, fingerprint_files
from harness.stores.certificate import CertificateStore
from harness.stores.noise import NoiseStore, machine_of
from harness.trial import Incident, Migration, Moment, Seal, Startup

MOST_AGAIN = 10
"""Blocks in which a failure is measured once more, at most."""


class Environment(AbstractContextManager["Environment"], Protocol):
    """What an experiment asks of the system under test."""

    seed_fingerprint: str | None
    row_counts: dict[str, int]

    @property
    def label(self) -> str:
        """What every process of the run carries in its environment."""

    def prepare(self) -> list[Migration]:
        """Start the servers, seed, and bring each arm to its revision."""

    def start(self, leg: Leg) -> Startup:
        """Reset and start an arm; returns where its services are once all are ready."""

    def check(self) -> None:
        """Raise when something that should be running is not."""

    def probe(self) -> Probe:
        """What reads the servers and services of the leg beside the load."""

    def databases(self) -> Sequence[Database]:
        """The databases of the leg that was started; empty where none is known."""

    def caches(self) -> Sequence[Cache]:
        """Its Redis servers; empty where none is known."""

    def migrating(self, database: Database, command: str, revision: str, name: str) -> Process:
        """Start to bring a database of the leg to a revision; who waits for its end may end it."""

    def statement_log(self) -> Path:
        """The log of the database server, which has the statements of migrations that were started so."""

    def strike(self, fault: Fault) -> Callable[[], None]:
        """Begin a fault of the plan; returns what ends it."""

    def stop(self) -> list[Incident]:
        """End the arm's services; returns what happened to them by itself meanwhile."""

    def versions(self) -> dict[str, str]:
        """Versions of the servers."""

    def settings(self) -> dict[str, str]:
        """Settings of the servers."""


class Observer(Listener, Protocol):
    """Who wants to know how a run goes."""

    def leg(self, leg: Leg, setup: Setup) -> None:
        """A leg has begun."""

    def noise(self, setup: Setup, noise: Noise) -> None:
        """What is known of the machine."""

    def progress(self, progress: Progress) -> None:
        """The generator reported."""


@dataclass(frozen=True, slots=True)
class Source:
    """A plan, its exact text, where it came from, and the files its users are made of."""

    plan: Plan
    text: str
    path: Path
    user_files: tuple[Path, ...] = ()

    @property
    def base(self) -> Path:
        """The folder that the plan's paths are relative to."""
        return self.path.resolve().parent


def measure(
    source: Source,
    folder: RunFolder,
    environment: Environment,
    observer: Observer,
    *,
    blocks: int | None = None,
    seconds: float | None = None,
    remote: Remote | None = None,
    ablate: bool = False,
    make_load: Callable[..., None] = generate,
    ask_arm: Callable[..., None] = ask,
) -> None:
    """Run a plan into a run folder; what was measured before an error or an interrupt stays there.

    A lost worker ends the run, as what follows could not mend it, and so does a broken limit of ``[[aborts]]``.
    ``blocks`` are instead of the plan's; with ``seconds`` further ones begin until these are over, or the targets are
    known as precisely as they need to be. ``remote`` are workers that make the load elsewhere. ``ablate``: in the end
    after is asked without each index of the migration.

    Raises:
        EnvironmentFailedError: when the system under test does not come up or stay up.
        MeasurementError: when the generator breaks.
    """
    plan = source.plan
    interview = Interview(plan, source.base, folder.path, ask_arm=ask_arm)
    surveyor = Surveyor(plan, source.base, folder, ask_arm=ask_arm)
    series = _Series(source, folder, environment, observer, remote, make_load, interview, surveyor)
    folder.write("plan.toml", source.text)
    arms, count = tuple(plan.arms_in_order), blocks or plan.load.blocks
    order = (arms,) * count if plan.sequential else balanced_order(count, plan.load.seed, arms)
    deadline = time.monotonic() + (seconds or 0.0)
    with environment:
        observer.say("preparing the environment")
        folder.write_migrations(environment.prepare())
        setup = _setup(source, order, environment, remote)
        folder.write_setup(setup)
        noise = NoiseStore(folder.path.parent, plan, setup).read()
        folder.write_noise(noise)
        observer.noise(setup, noise)
        if remote is None and (certificate := CertificateStore(folder.path.parent).read(machine_of(setup))):
            folder.write_certificate(certificate)
        whole = series.measure(setup.legs, setup)
        while whole and time.monotonic() < deadline and not _settled(plan, analyse(folder)):
            order = longer(setup.order, plan.load.seed)
            setup = replace(setup, order=order, legs_planned=sum(map(len, order)))
            folder.write_setup(setup)
            whole = series.measure(setup.legs[-len(arms) :], setup)
        if whole and ablate:
            surveyor.ablate(environment, observer)
        if whole:
            Rehearsing(plan, source.base, folder, environment, observer, make_load, interview).rehearse()


def _settled(plan: Plan, analysis: Result) -> bool:
    """Whether further blocks would add nothing: all is known well enough, or a guard broke, which they cannot mend."""
    return bool(analysis.verdict.breaches) or decided(plan, analysis.comparison)


def measure_again(
    source: Source,
    folder: RunFolder,
    environment: Environment,
    observer: Observer,
    *,
    make_load: Callable[..., None] = generate,
) -> None:
    """Measure before and after in as many blocks once more, in an environment that is started anew.

    Raises:
        EnvironmentFailedError: as from ``measure``.
        MeasurementError: as from ``measure``.
    """
    setup = folder.read_setup()
    blocks = min(len(setup.order), MOST_AGAIN)
    order = balanced_order(blocks, setup.order_seed + len(setup.order))
    setup = replace(setup, order=(*setup.order, *order), again=blocks)
    with environment:
        observer.say("measuring once more what failed: preparing a fresh environment")
        environment.prepare()
        folder.write_setup(setup)
        _Series(source, folder, environment, observer, None, make_load).measure(setup.legs_again, setup)


@dataclass(frozen=True, slots=True)
class _Series:
    """Legs that are measured one after the other, and what they have in common."""

    source: Source
    folder: RunFolder
    environment: Environment
    observer: Observer
    remote: Remote | None
    make_load: Callable[..., None]
    interview: Interview | None = None
    surveyor: Surveyor | None = None

    def measure(self, legs: Sequence[Leg], setup: Setup) -> bool:
        """Measure some legs; whether nothing ended them before the last."""
        folder, environment = self.folder, self.environment
        for leg in legs:
            if self.interview:
                self.interview.before(leg, environment, self.observer)
            if self.surveyor:
                self.surveyor.before(environment, self.observer)
            self.observer.leg(leg, setup)
            startup = environment.start(leg)
            folder.write_startup(leg, startup)
            if self.surveyor:
                self.surveyor.started(leg, environment)
            job = self._job(leg, startup, last=leg == setup.legs[-1])
            begun = _now()
            beside, faults = _load(job, startup, environment, self.observer, self.make_load)
            beside.write(leg, folder)
            folder.write_probe(leg, "faults", faults)
            ended = _now()
            folder.write_incidents(leg, environment.stop())
            folder.write_seal(Seal(leg.title, begun, ended, _facts_now(self.source)))
            if folder.read_losses([leg]):
                return False
            if aborted := folder.read_aborted([leg]):
                self.observer.say(f"aborted: {Stop.of(aborted[0]).said}")
                return False
        return True

    def _job(self, leg: Leg, startup: Startup, *, last: bool) -> Job:
        plan = self.source.plan
        return Job(
            plan=plan,
            plan_path=self.folder.path / "plan.toml",
            base=self.source.base,
            host=startup.host,
            urls=startup.urls,
            out=self.folder.trial_folder(leg),
            log=self.folder.logs / f"{leg.title}.generator.log",
            label=self.environment.label,
            seed=plan.load.seed + leg.block,
            remote=self.remote,
            last=last,
            arm=leg.arm,
        )


def _load(
    job: Job, startup: Startup, environment: Environment, observer: Observer, make_load: Callable[..., None]
) -> tuple[Beside, list[Reading]]:
    """Load one leg, with the faults of the plan; returns what was read beside it, and when the faults were."""
    plan = job.plan
    faults = Faults(plan.planned_faults, environment, observer.say)
    metrics = _metrics_probe(plan, startup)
    beside = Beside(environment.probe(), metrics, [*environment.databases()], [*environment.caches()])

    def follow(progress: Progress) -> None:
        faults.keep_time(progress.second)
        observer.progress(progress)

    def check() -> None:
        environment.check()
        faults.check()

    with beside, faults:
        make_load(job, on_progress=follow, check=check)
    faults.check()
    return beside, faults.rows


def _metrics_probe(plan: Plan, startup: Startup) -> MetricsProbe:
    """What reads the services' own metrics; nothing where the plan names none."""
    wanted = plan.environment.metrics
    if wanted is None:
        return MetricsProbe({}, ())
    urls = startup.urls or {UNNAMED: startup.host}
    found = {service: expand_url(url, service) + wanted.path for service, url in urls.items()}
    return MetricsProbe(found, wanted.read)


def _now() -> Moment:
    return Moment(time.time(), time.monotonic())


def _facts_now(source: Source) -> dict[str, str | int | float]:
    """The facts of a setup as they are at this moment."""
    there = all(path.is_file() for path in source.user_files)
    return facts_of_setup(host(), fingerprint_files(source.user_files) if there else "gone")


def _setup(source: Source, order: Order, environment: Environment, remote: Remote | None) -> Setup:
    plan = source.plan
    packages = ("locust", "gevent", "psycopg", "pyarrow")
    return Setup(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        plan_name=plan.name,
        plan_fingerprint=fingerprint(source.text),
        users_fingerprint=fingerprint_files(source.user_files),
        seed_fingerprint=environment.seed_fingerprint,
        order=order,
        order_seed=plan.load.seed,
        legs_planned=sum(map(len, order)),
        versions={
            "harness": __version__,
            "python": platform.python_version(),
            **environment.versions(),
            **{package: version(package) for package in packages},
        },
        host=host(),
        row_counts=environment.row_counts,
        settings=environment.settings(),
        profile=plan.profile,
        processes=remote.workers if remote else plan.load.processes,
        sequential=plan.sequential,
        sealed=True,
    )
