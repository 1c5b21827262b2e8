"""Test doubles: a plan, synthetic trials, and an environment and a generator that do nothing."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.environment.base import Environment
from harness.plan.faults import Fault
from harness.plan.file import parse_plan
from harness.plan.model import COPIES, Plan
from harness.record.generation import Generation, OfferedLoad
from harness.record.leg import Leg, windows_of
from harness.record.samples import SCHEMA as SAMPLES
from harness.record.samples import write_part
from harness.record.setup import Setup
from harness.record.trial import Incident, Migration, Startup, Trial
from harness.run.generator_process import Job, Progress

CLIMB_POINTS = 101
READINGS = ("at_ns", "source", "name", "value")
PLAN = """\
schema = 1
name = "example"

[environment]
kind = "local"
serve = "serve --port {port}"

[arms.before]
[arms.after]

[load]
users = ["users.py"]
blocks = 2

[[stages]]
kind = "ramp"
seconds = 2
users = 5

[[stages]]
kind = "sustain"
seconds = 30
users = 10
warmup_seconds = 2

[[targets]]
expect = "p95 falls by 50 %"
stage = "sustain"
"""
CHAIN = """
[attribution]
steps = [
    { name = "queries", env = { RELEASE = "queries" } },
    { name = "cache", env = { RELEASE = "queries,cache", CACHE = "on" } },
    { name = "pool", env = { RELEASE = "all" } },
]
"""
OPEN_PLAN = PLAN.replace("users = 5\n", "rate = 20\n").replace("users = 10\n", "rate = 40\n")
CHAIN_PLAN = PLAN.replace("[arms.after]", '[arms.after]\nenv = { RELEASE = "all", CACHE = "on" }') + CHAIN


def synthetic_setup(plan: Plan) -> Setup:
    """A setup with constant facts, for reproducible reports."""
    arms = tuple(plan.arms_in_order)
    return Setup(
        started="2026-01-02T03:04:05+00:00",
        plan_name=plan.name,
        plan_fingerprint="0123456789ab",
        users_fingerprint="ba9876543210",
        seed_fingerprint="5eed5eed5eed",
        order=tuple(arms if block % 2 or plan.sequential else arms[::-1] for block in range(plan.load.blocks)),
        order_seed=plan.load.seed,
        legs_planned=len(arms) * plan.load.blocks,
        versions={"harness": "0.0.0", "locust": "2.0", "postgresql": "18.0", "python": "3.11.0"},
        host={"cores": 2, "cpu": "Example CPU", "memory_bytes": 8 * 2**30, "system": "Linux 6.1"},
        row_counts={"contents": 10_000, "users": 20_000},
        settings={"shared_buffers": "256MB"},
        profile=plan.profile,
        sequential=plan.sequential,
    )


def synthetic_trials(
    plan: Plan,
    *,
    change: float = 0.25,
    rps: float = 40.0,
    error_rate: float = 0.0,
    slowness: Mapping[str, float] | None = None,
) -> Iterator[Trial]:
    """Trials of every leg of a plan, with lognormal latencies.

    After takes ``change`` times as long as before, and steps are equal factors, unless ``slowness`` has the factor of
    each arm. In open-loop plans requests arrive as the stages plan, whatever ``rps``, a fraction of a ms late.
    """
    rng = np.random.default_rng(plan.load.seed)
    way = tuple(plan.way)
    slow = slowness or dict.fromkeys(COPIES, 1.0) | {arm: change ** (k / (len(way) - 1)) for k, arm in enumerate(way)}
    endpoints = ("GET /content/{id}", "GET /recommendations/{user_id}", "POST /interactions")
    write = len(endpoints) - 1
    for leg in synthetic_setup(plan).legs:
        arm = leg.arm
        due = (
            _arrivals(plan, rng)
            if plan.open
            else np.sort(rng.integers(0, int(plan.seconds * 1e9), int(plan.seconds * rps)))
        )
        n = len(due)
        kind = rng.integers(0, len(endpoints), n)
        median_ms = np.array([40.0, 200.0, 15.0])[kind] * slow[arm] * rng.lognormal(0, 0.05)
        hit = rng.random(n) < (0.9 if arm == "after" else 0.25)
        queries = np.where(hit, 0, 1 if arm == "after" else 11)
        failed = rng.random(n) < error_rate
        columns: dict[str, Any] = {
            "due_ns": due,
            "sent_ns": due + (rng.lognormal(np.log(0.1), 0.5, n) * 1e6).astype(np.int64) if plan.open else due,
            "duration_ns": (median_ms * rng.lognormal(0, 0.5, n) * 1e6).astype(np.int64),
            "endpoint": [endpoints[k] for k in kind],
            "status": np.where(failed, 500, 200),
            "size_bytes": np.full(n, 1200),
            "error": [("HTTP 500" if f else None) for f in failed],
            "cache": [("bypass" if k == write else "hit" if h else "miss") for k, h in zip(kind, hit, strict=True)],
            "queries": queries,
            "db_ms": queries * 1.5,
        }
        arrays = [pa.array(columns[field.name]).cast(field.type) for field in SAMPLES]
        readings = pa.table({name: pa.array([]) for name in READINGS})
        generation = Generation(
            "2026-01-02T03:04:05+00:00",
            n,
            0.2,
            1.0,
            windows_of(plan.stages),
            offered=tuple(_offered(plan, due, columns["duration_ns"])),
            schedule_lag_p99_ms=0.5 if plan.open else None,
            gc_pause_ms=1.5,
        )
        ready_seconds = (1.5 if arm == "before" else 2.0) + 0.05 * leg.block
        yield Trial(leg, generation, pa.table(arrays, schema=SAMPLES), readings, ready_seconds)


def _arrivals(plan: Plan, rng: np.random.Generator) -> NDArray[np.int64]:
    """Sorted due times in ns: a Poisson process with the arrivals of the stages."""
    seconds, cumulated, total, load = [0.0], [0.0], 0.0, 0.0
    for window, stage in zip(windows_of(plan.stages), plan.stages, strict=True):
        for fraction in np.linspace(0, 1, CLIMB_POINTS)[1:] if stage.climb_seconds else ():
            seconds.append(window.start + fraction * stage.climb_seconds)
            mean = load + (stage.load - load) * fraction / 2
            cumulated.append(total + mean * fraction * stage.climb_seconds)
        total += stage.load * stage.seconds - (stage.load - load) * stage.climb_seconds / 2
        load = stage.load
        seconds.append(window.end)
        cumulated.append(total)
    share = np.sort(rng.random(int(total))) * total
    return (np.interp(share, cumulated, seconds) * 1e9).astype(np.int64)


def _offered(plan: Plan, due: NDArray[np.int64], duration_ns: NDArray[np.int64]) -> Iterator[OfferedLoad]:
    """All arrivals of an open plan as started; users at work as many as Little's law says, twice over."""
    for window in windows_of(plan.stages) if plan.open else ():
        arrived = (due >= window.start * 1e9) & (due < window.end * 1e9)
        busy = float(duration_ns[arrived].sum()) / 1e9 / (window.end - window.start)
        count = int(arrived.sum())
        yield OfferedLoad(window.stage, count, count, 0, min(1 + int(2 * busy), window.users))


class FakeEnvironment(Environment):
    """An environment that only logs its calls; ``fail_at`` raises at the named event.

    Named services are at ``http://ARM/NAME``.
    """

    label = "fake"

    def __init__(
        self, log: list[str], fail_at: dict[str, BaseException] | None = None, services: Sequence[str] = ()
    ) -> None:
        super().__init__(parse_plan(PLAN), Path(), Path(os.devnull), print)
        self.log, self.fail_at, self.services = log, fail_at or {}, services

    def _note(self, event: str) -> None:
        self.log.append(event)
        if event in self.fail_at:
            raise self.fail_at[event]

    def __enter__(self) -> Self:
        self._note("up")
        return self

    def __exit__(self, *_: object) -> None:
        self._note("down")

    def prepare(self) -> list[Migration]:
        self._note("prepare")
        services = self.services or (None,)
        return [Migration(arm, None, 0.0, service=service) for arm in ("before", "after") for service in services]

    def start(self, leg: Leg) -> Startup:
        self._note(f"start {leg.title}")
        urls = {service: f"http://{leg.arm}/{service}" for service in self.services}
        return Startup(next(iter(urls.values()), f"http://{leg.arm}"), 0.25, urls)

    def check(self) -> None:
        pass

    def inject(self, fault: Fault) -> Callable[[], None]:
        self._note(f"inject {fault.service}")
        return lambda: self._note(f"end {fault.service}")

    def stop(self) -> list[Incident]:
        self._note("stop")
        return []

    def versions(self) -> dict[str, str]:
        return {}

    def settings(self) -> dict[str, str]:
        return {}


class FakeLoad:
    """A generator that writes synthetic samples instead of sending requests."""

    def __init__(self, log: list[str], *, change: float = 0.25, fail_at: str = "") -> None:
        self.log, self.change, self.fail_at = log, change, fail_at

    def __call__(self, job: Job, *, on_progress: Callable[[Progress], None], check: Callable[[], None]) -> None:
        """Write the synthetic trial of the leg that the job's folder is named after."""
        name = job.out.name
        self.log.append(f"load {name} at {job.host}")
        if name == self.fail_at:
            raise KeyboardInterrupt
        check()
        on_progress(Progress(1.0, 0, 1.0, 5, 10, 0, 10.0, 12.5))
        arm = name.partition("-")[2] or job.arm
        trial = next(t for t in synthetic_trials(job.plan, change=self.change) if t.leg.arm == arm)
        write_part(trial.samples, job.out / "samples", 1)
        generation = replace(trial.generation, origin=datetime.now(UTC).isoformat())
        (job.out / "windows.json").write_text(json.dumps(asdict(generation)))
