"""Experiment: the story of a run, told once: up, arms, blocks, legs, down; on disk after every leg."""

import os
import platform
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import Protocol

import psutil

from harness import __version__
from harness.attribution import Attribution, attribute
from harness.comparison import Comparison, compare
from harness.environment.variables import expand_url
from harness.fault import Fault
from harness.faults import Faults
from harness.load import Job, Progress, Remote, generate
from harness.plan import ARMS, Plan
from harness.plan_faults import UNNAMED
from harness.plan_file import fingerprint
from harness.probes.metrics import MetricsProbe
from harness.store import RunFolder, fingerprint_files
from harness.summary import Summary, summarise
from harness.trial import Incident, Leg, Migration, Setup, Startup, legs_of
from harness.verdict import Verdict, judge

Reading = tuple[int, str, str, float]
"""``(wall-clock ns, source, name, value)``."""


class Probe(AbstractContextManager["Probe"], Protocol):
    """What reads values beside the load."""

    rows: list[Reading]


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

    def strike(self, fault: Fault) -> Callable[[], None]:
        """Begin a fault of the plan; returns what ends it."""

    def stop(self) -> list[Incident]:
        """End the arm's services; returns what happened to them by itself meanwhile."""

    def versions(self) -> dict[str, str]:
        """Versions of the servers."""

    def settings(self) -> dict[str, str]:
        """Settings of the servers."""


class Observer(Protocol):
    """Who wants to know how a run goes."""

    def say(self, text: str) -> None:
        """Something outside a leg has begun."""

    def leg(self, leg: Leg, total: int) -> None:
        """A leg has begun."""

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


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything right of the run folder: a function of what is on disk and nothing else."""

    plan: Plan
    plan_text: str
    setup: Setup
    migrations: Sequence[Migration]
    summary: Summary
    comparison: Comparison
    verdict: Verdict
    attribution: Attribution | None


def balanced_order(blocks: int, seed: int, arms: Sequence[str] = ARMS) -> tuple[tuple[str, ...], ...]:
    """A random order of the arms for each block, in which every arm has every place equally often, give or take one."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    rows = list(islice(cycle(_williams(len(arms))), blocks))
    chance.shuffle(rows)
    names = arms if len(arms) == len(ARMS) else chance.sample(arms, len(arms))
    return tuple(tuple(names[index] for index in row) for row in rows)


def _williams(n: int) -> list[tuple[int, ...]]:
    """Orders of ``n`` things in which each also follows each other equally often: n rows, for an odd n twice as many.

    A row and its mirror image stand side by side where both are of the same square (even n), so that of any two things
    each comes first in half of the rows. Source: Williams (1949), Designs balanced for residual effects.
    """
    first = [(place + 1) // 2 if place % 2 else -place // 2 % n for place in range(n)]
    rows = [tuple((index + shift) % n for index in first) for shift in range(n)]
    if n % 2:
        return [*rows, *(row[::-1] for row in rows)]
    return [row for pair in zip(rows[: n // 2], rows[n // 2 :], strict=True) for row in pair]


def measure(
    source: Source,
    folder: RunFolder,
    environment: Environment,
    observer: Observer,
    *,
    blocks: int | None = None,
    remote: Remote | None = None,
    make_load: Callable[..., None] = generate,
) -> None:
    """Run a plan into a run folder; what was measured before an error or an interrupt stays there.

    A lost worker ends the run: what follows could not mend it. ``remote`` are workers that make the load elsewhere.

    Raises:
        EnvironmentFailedError: when the system under test does not come up or stay up.
        MeasurementError: when the generator breaks.
    """
    plan = source.plan
    folder.write("plan.toml", source.text)
    arms, count = tuple(plan.arms_in_order), blocks or plan.load.blocks
    order = (arms,) * count if plan.sequential else balanced_order(count, plan.load.seed, arms)
    legs = legs_of(order, sequential=plan.sequential)
    with environment:
        observer.say("preparing the environment")
        folder.write_migrations(environment.prepare())
        folder.write_setup(_setup(source, order, environment, remote))
        for leg in legs:
            observer.leg(leg, len(legs))
            startup = environment.start(leg)
            folder.write_startup(leg, startup)
            job = Job(
                plan=plan,
                plan_path=folder.path / "plan.toml",
                base=source.base,
                host=startup.host,
                urls=startup.urls,
                out=folder.trial_folder(leg),
                log=folder.logs / f"{leg.title}.generator.log",
                label=environment.label,
                seed=plan.load.seed + leg.block,
                remote=remote,
                last=leg == legs[-1],
            )
            for probe, rows in _load(job, startup, environment, observer, make_load).items():
                folder.write_probe(leg, probe, rows)
            folder.write_incidents(leg, environment.stop())
            if folder.read_losses([leg]):
                break


def _load(
    job: Job, startup: Startup, environment: Environment, observer: Observer, make_load: Callable[..., None]
) -> dict[str, list[Reading]]:
    """Load one leg, with the faults of the plan; returns what was read beside it, by what read it."""
    plan = job.plan
    faults = Faults(plan.planned_faults, environment, observer.say)
    metrics = _metrics_probe(plan, startup)

    def follow(progress: Progress) -> None:
        faults.keep_time(progress.second)
        observer.progress(progress)

    def check() -> None:
        environment.check()
        faults.check()

    with environment.probe() as probe, metrics, faults:
        make_load(job, on_progress=follow, check=check)
    faults.check()
    return {"processes": probe.rows, "metrics": metrics.rows, "faults": faults.rows}


def _metrics_probe(plan: Plan, startup: Startup) -> MetricsProbe:
    """What reads the services' own metrics; nothing where the plan names none."""
    wanted = plan.environment.metrics
    if wanted is None:
        return MetricsProbe({}, ())
    urls = startup.urls or {UNNAMED: startup.host}
    found = {service: expand_url(url, service) + wanted.path for service, url in urls.items()}
    return MetricsProbe(found, wanted.read)


def analyse(folder: RunFolder) -> Analysis:
    """Summarise, compare and judge what a run folder holds.

    Raises:
        RunFolderError: when something in it is missing or damaged.
    """
    setup = folder.read_setup()
    plan, text = folder.read_plan(setup)
    migrations = folder.read_migrations()
    summary = summarise(folder.read_trials(setup), migrations, plan.limits, [fault for _, fault in plan.planned_faults])
    comparison = compare(summary, sequential=setup.sequential)
    legs = setup.legs
    verdict = judge(plan, setup, summary, comparison, folder.read_losses(legs), incidents=folder.read_incidents(legs))
    attribution = attribute(plan, summary)
    return Analysis(plan, text, setup, migrations, summary, comparison, verdict, attribution)


def _setup(
    source: Source, order: tuple[tuple[str, ...], ...], environment: Environment, remote: Remote | None
) -> Setup:
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
        host=_host(),
        row_counts=environment.row_counts,
        settings=environment.settings(),
        profile=plan.profile,
        processes=remote.workers if remote else plan.load.processes,
        sequential=plan.sequential,
    )


def _host() -> dict[str, str | int | float]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_bytes": psutil.virtual_memory().total,
        "load_before": round(psutil.getloadavg()[0], 2),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
