"""The experiment: environment up, blocks of legs, environment down; every leg is on disk when it ends."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from harness import __version__
from harness.environment.variables import expand_url
from harness.plan.checks.faults import UNNAMED
from harness.plan.file import fingerprint
from harness.plan.model import Plan
from harness.probes.access import MetricsEndpoint
from harness.probes.process import usable_cores
from harness.probes.reader import Row
from harness.probes.registry import probes_of
from harness.record.leg import Leg, Order
from harness.record.noise import NoiseStore, machine_of
from harness.record.run_folder import fingerprint_files
from harness.record.selftest import CertificateStore
from harness.record.setup import Setup, facts_of_setup
from harness.record.trial import Moment, Seal, Startup
from harness.run.answers import ResponseComparison
from harness.run.catalogue import CatalogueReader, ablate_indexes
from harness.run.context import RunContext, Source
from harness.run.faults import Faults
from harness.run.generator_process import Job, Progress
from harness.run.migration import migrate_under_load
from harness.run.order import balanced_order, extended
from harness.run.probes import Probes
from harness.verdict.aborts import AbortedLeg
from harness.verdict.power import precise
from harness.verdict.result import Result, analyse

MAX_CONFIRMATION_BLOCKS = 10
RECORDED_PACKAGES = ("locust", "gevent", "psycopg", "pyarrow")
Readers = tuple[ResponseComparison, CatalogueReader]
"""What is read of the arms outside the load."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured, beyond what the plan says."""

    blocks: int | None = None  # ``None``: as many as in the plan
    seconds: float | None = None  # for further blocks, until every target is decided; ``None``: no further blocks
    confirm: bool = True  # measure again after a FAIL
    ablate: bool = False  # finally re-test after with each new index dropped in turn


def measure(context: RunContext, effort: Effort) -> None:
    """Run a plan into a run folder; complete legs stay there whatever ends the run: an error, an abort, a lost worker.

    Raises ``EnvironmentFailedError`` if the system does not come up or stay up, ``MeasurementError`` if the generator
    fails.
    """
    deadline = time.monotonic() + (effort.seconds or 0.0)
    readers = answers, _ = ResponseComparison(context), CatalogueReader(context)
    context.folder.write("plan.toml", context.source.text)
    with context.environment:
        setup = _prepare(context, effort)
        complete = _measure_legs(context, setup.legs, setup, readers)
        while complete and time.monotonic() < deadline and not _decided(context.plan, analyse(context.folder)):
            setup = _with_block(context, setup)
            complete = _measure_legs(context, setup.legs[-len(setup.order[-1]) :], setup, readers)
        if complete and effort.ablate:
            ablate_indexes(context)
        if complete:
            migrate_under_load(context, answers)


def measure_again(context: RunContext) -> None:
    """Measure before and after again, in as many blocks and a fresh environment; raises as ``measure``."""
    setup = context.folder.read_setup()
    blocks = min(len(setup.order), MAX_CONFIRMATION_BLOCKS)
    order = balanced_order(blocks, setup.order_seed + len(setup.order))
    setup = replace(setup, order=(*setup.order, *order), again=blocks)
    with context.environment:
        context.observer.say("confirming the FAIL: preparing a fresh environment")
        context.environment.prepare()
        context.folder.write_setup(setup)
        _measure_legs(context, setup.repeated_legs, setup)


def _prepare(context: RunContext, effort: Effort) -> Setup:
    """Prepare the environment, and record the setup of the run."""
    plan, folder = context.plan, context.folder
    arms, blocks = tuple(plan.arms_in_order), effort.blocks or plan.load.blocks
    order = (arms,) * blocks if plan.sequential else balanced_order(blocks, plan.load.seed, arms)
    context.observer.say("preparing the environment")
    folder.write_migrations(context.environment.prepare())
    setup = _setup(context, order)
    folder.write_setup(setup)
    noise = NoiseStore(folder.path.parent, plan, setup).read()
    folder.write_noise(noise)
    context.observer.noise(setup, noise)
    certificate = CertificateStore(folder.path.parent).read(machine_of(setup)) if context.remote is None else None
    if certificate:
        folder.write_certificate(certificate)
    return setup


def _with_block(context: RunContext, setup: Setup) -> Setup:
    """Add a block to the recorded setup."""
    order = extended(setup.order, context.plan.load.seed)
    setup = replace(setup, order=order, legs_planned=sum(map(len, order)))
    context.folder.write_setup(setup)
    return setup


def _decided(plan: Plan, result: Result) -> bool:
    """Whether further blocks change nothing: every target is decided, or a guard is broken."""
    return bool(result.verdict.breaches) or precise(plan, result.comparison)


def _measure_legs(context: RunContext, legs: Sequence[Leg], setup: Setup, readers: Readers | None = None) -> bool:
    """Measure legs; returns whether none was aborted and no worker was lost."""
    for leg in legs:
        if readers:
            readers[0].compare_before(leg)
            readers[1].read_plans()
        context.observer.leg(leg, setup)
        startup = context.environment.start(leg)
        context.folder.write_startup(leg, startup)
        if readers:
            readers[1].read_catalogue(leg)
        _measure_leg(context, leg, startup, last=leg == setup.legs[-1])
        if context.folder.read_losses([leg]):
            return False
        if aborted := context.folder.read_aborted([leg]):
            context.observer.say(f"aborted: {AbortedLeg.of(aborted[0]).summary}")
            return False
    return True


def _measure_leg(context: RunContext, leg: Leg, startup: Startup, *, last: bool) -> None:
    """Load a started arm, stop it, and seal the record of the leg."""
    folder = context.folder
    job = replace(context.job(leg, startup, folder.trial_folder(leg)), remote=context.remote, last=last)
    begun = _now()
    probes, faults = _load(context, job, startup)
    probes.write(leg, folder)
    folder.write_probe(leg, "faults", faults)
    ended = _now()
    folder.write_incidents(leg, context.environment.stop())
    folder.write_seal(Seal(leg.title, begun, ended, _facts_now(context.source)))


def _load(context: RunContext, job: Job, startup: Startup) -> tuple[Probes, list[Row]]:
    """Load one leg with the faults of the plan; returns its probes and the readings of the faults."""
    environment, observer = context.environment, context.observer
    faults = Faults(context.plan.planned_faults, environment, observer.say)
    probes = Probes(probes_of([*environment.monitored(), *_metrics_endpoints(context.plan, startup)]))

    def follow(progress: Progress) -> None:
        faults.keep_time(progress.second)
        observer.progress(progress)

    def check() -> None:
        environment.check()
        faults.check()

    with probes, faults:
        context.make_load(job, on_progress=follow, check=check)
    faults.check()
    return probes, faults.rows


def _metrics_endpoints(plan: Plan, startup: Startup) -> list[MetricsEndpoint]:
    """The metrics endpoints of the services; empty if the plan names no metrics."""
    metrics = plan.environment.metrics
    if metrics is None:
        return []
    urls = {name: expand_url(url, name) for name, url in (startup.urls or {UNNAMED: startup.host}).items()}
    return [MetricsEndpoint(name, url + metrics.path, metrics.read) for name, url in urls.items()]


def _now() -> Moment:
    return Moment(time.time(), time.monotonic())


def _facts_now(source: Source) -> dict[str, str | int | float]:
    """The present facts of the setup; a change during the run breaks a guard."""
    there = all(path.is_file() for path in source.user_files)
    return facts_of_setup(host(), fingerprint_files(source.user_files) if there else "gone")


def _setup(context: RunContext, order: Order) -> Setup:
    source, plan, environment = context.source, context.plan, context.environment
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
            **{package: version(package) for package in RECORDED_PACKAGES},
        },
        host=host(),
        row_counts=environment.row_counts,
        settings=environment.settings(),
        profile=plan.profile,
        processes=context.remote.workers if context.remote else plan.load.processes,
        sequential=plan.sequential,
        sealed=True,
    )


def host() -> dict[str, str | int | float]:
    """System, CPU, cores, memory in bytes, and the load average of the last minute."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "cpu": _cpu_name(),
        "cores": usable_cores(),
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
