"""Monitoring overhead: latency and throughput of a service with and without the probes, in alternating windows.

``python -m tests.benchmarks.probes --minutes 20 --rate 400`` says what they cost P95: visits arrive at a fixed rate.
``--minutes 10 --users 1000`` says what they cost the throughput: so many users, who think for less than half a second,
take all that two cores have. ``--times 4`` has the probes read four times as often, and divides what that costs by
four: the machine, which others share, makes more noise than the probes, and what waits in a queue grows faster than
what is put into it, so that this is rather too much than too little.

One service is under load all the time; the probes read in one second of each pair, chosen by dice, and rest in the
other. Legs of their own would differ by more than what is looked for: each starts the service anew.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from random import Random
from threading import Event, Thread

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.environment.local import LocalEnvironment
from harness.metrics import PERCENTILES
from harness.plan.file import parse_plan
from harness.probes import postgres, process, redis
from harness.probes.registry import probes_of
from harness.record.leg import Leg
from harness.record.samples import latency_ms, read_samples
from harness.run.generator_process import Job, generate
from harness.run.probes import Probes
from harness.statistics.percentiles import percentile
from tests.trials.signed_ranks import hodges_lehmann

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SECOND, LEAD = 1.02, 0.05
"""A second and somewhat more: what is read once a second is read once. The first reading's requests are in it."""
MOST, LEAST_MINUTES = 0.02, 1
WITH = ("with the probes", "without")
PLAN = """
schema = 1
name = "cost of the probes"
[environment]
kind = "local"
provides = ["postgres", "redis"]
seed = "python -m reference_app seed recommendation --scale {{scale}}"
seed_inputs = [
    "../reference_app/seeding.py",
    "../reference_app/seeds/recommendation.py",
    "../reference_app/migrations/recommendation/**/*.py",
]
migrate = "python -m reference_app migrate recommendation {{revision}}"
serve = "python -m reference_app serve recommendation --port {{port}}"
ready = "/health/ready"
[arms.before]
revision = "head"
env = {{ REFERENCE_RELEASE = "{release}" }}
[arms.after]
revision = "head"
env = {{ REFERENCE_RELEASE = "{release}", ONLY = "before is started" }}
[load]
users = ["demo.py"]
blocks = 1
[[stages]]
kind = "sustain"
seconds = {seconds}
{load}
warmup_seconds = 5
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the load on the wall clock, with the probes or without."""

    begun: float
    ended: float
    watched: bool


class Gate(Event):
    """What readers wait for between two readings; while it is closed they do not read."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = Event()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether all is over, once the time is up and the gate open."""
        return super().wait(timeout) or (self.opened.wait() and self.is_set())

    def set(self) -> None:
        """All is over."""
        super().set()
        self.opened.set()


class Switching(Thread):
    """Has the probes of a leg read and rest."""

    def __init__(self, environment: LocalEnvironment) -> None:
        super().__init__(daemon=True)
        self.windows, self.gate, self.over = list[Window](), Gate(), Event()
        self._probes = probes_of(environment.monitored())
        self._beside = Probes(self._probes)
        for probe in self._probes:
            probe._done = self.gate

    def told(self) -> str:
        """How often the processes were read in the windows with and without the probes."""
        moments = np.unique([at_ns / 1e9 for at_ns, *_ in self._probes[0].rows])
        read = [
            [
                int(((moments >= one.begun) & (moments < one.ended)).sum())
                for one in self.windows
                if one.watched == watched
            ]
            for watched in (True, False)
        ]
        return ", ".join(
            f"{sum(one)} readings in {len(one)} windows {how}" for one, how in zip(read, WITH, strict=True)
        )

    def run(self) -> None:
        """Pairs of windows until it is over."""
        dice = Random(7)
        with self._beside:
            due = time.monotonic()
            while not self.over.is_set():
                first = dice.random() < 0.5
                for watched in (first, not first):
                    begun = time.time()
                    if watched:
                        self.over.wait(LEAD)
                        self.gate.opened.set()
                    due += SECOND
                    self.over.wait(max(due - time.monotonic(), 0.0))
                    self.gate.opened.clear()
                    self.windows.append(Window(begun, time.time(), watched))


def hasten(times: float) -> None:
    """Make the probes read ``times`` as often, memory included."""
    process.INTERVAL_SECONDS /= times
    process.MEMORY_SECONDS /= 2 * times
    process.MEMORY_SHARE *= 2 * times
    postgres.INTERVAL_SECONDS /= times
    postgres.SAMPLE_SECONDS /= times
    redis.INTERVAL_SECONDS /= times


def main() -> None:
    """Print P95, the mean and the throughput with the probes ÷ without, each with its 95 % interval over pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    load = parser.add_mutually_exclusive_group()
    load.add_argument("--rate", type=int, default=200, help="visits that arrive per second")
    load.add_argument("--users", type=int, help="users, each of whom goes on when answered")
    parser.add_argument("--release", default="optimized", choices=["baseline", "optimized"])
    parser.add_argument("--times", type=float, default=1, help="have the probes read so many times as often")
    asked = parser.parse_args()
    if asked.minutes < LEAST_MINUTES:
        parser.error(f"argument --minutes: an interval needs {LEAST_MINUTES} or more")
    if not asked.times > 0:
        parser.error("argument --times: it has to be more than 0")
    hasten(asked.times)
    given = f"users = {asked.users}" if asked.users else f"rate = {asked.rate}\nusers = 400"
    text = PLAN.format(release=asked.release, load=given, seconds=asked.minutes * 60)
    plan = parse_plan(text)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        (folder / "logs").mkdir()
        (folder / "plan.toml").write_text(text)
        with LocalEnvironment(plan, SCENARIOS, folder / "logs", print) as environment:
            environment.prepare()
            startup = environment.start(Leg(1, 1, "before"))
            job = Job(
                plan=plan,
                plan_path=folder / "plan.toml",
                base=SCENARIOS,
                host=startup.host,
                urls=startup.urls,
                out=folder / "leg",
                log=folder / "generator.log",
                label=environment.label,
                seed=7,
            )
            switching = Switching(environment)
            switching.start()
            generate(job, on_progress=lambda _: None, check=environment.check)
            switching.over.set()
            switching.join()
            environment.stop()
        print(switching.told())
        for line in _told(folder / "leg", switching.windows, asked.times):
            print(line)


def _told(leg: Path, windows: list[Window], times: float) -> Iterator[str]:
    samples = read_samples(leg / "samples")
    recorded = json.loads((leg / "windows.json").read_text())
    origin = datetime.fromisoformat(recorded["origin"]).timestamp()
    (stage,) = recorded["windows"]
    good = pc.is_null(samples["error"]).to_numpy(zero_copy_only=False)
    due = samples["due_ns"].to_numpy()[good] / 1e9 + origin
    latency = latency_ms(samples)[good]
    whole = [
        pair
        for pair in zip(windows[::2], windows[1::2], strict=False)
        if pair[0].begun > origin + stage["measured_from"] and pair[1].ended < due.max()
    ]
    yield f"{len(samples):,} requests, {len(samples) - len(due):,} of them failed; {len(whole)} pairs of windows"
    values = [[_values(due, latency, window) for window in sorted(pair, key=attrgetter("watched"))] for pair in whole]
    for place, name in enumerate(("P95", "mean", "req/s")):
        logs = [math.log(with_[place] / without[place]) / times for without, with_ in values]
        interval = hodges_lehmann(logs)  # a burst on a shared machine spoils a pair, and may not spoil the rest
        assert interval is not None
        ratio, low, high = (math.exp(end) for end in (interval.value, interval.low, interval.high))
        without, with_ = (sum(pair[side][place] for pair in values) / len(values) for side in (0, 1))
        bound = 1 - low if name == "req/s" else high - 1
        known = "less" if bound < MOST else "not known to be less"
        yield f"{name:6} without {without:8.3f}  with {with_:8.3f}  ratio {ratio:.4f} [{low:.4f}, {high:.4f}]"
        yield f"       costs at most {bound:+.2%}: {known} than {MOST:.0%}"


def _values(due: NDArray[np.float64], latency: NDArray[np.float64], window: Window) -> tuple[float, float, float]:
    """P95 and mean of the requests that were due in a window, ms, and how many were answered in a second of it."""
    inside, answered = ((at >= window.begun) & (at < window.ended) for at in (due, due + latency / 1000))
    p95 = percentile(latency[inside], PERCENTILES["p95"]) or math.nan
    return p95, float(latency[inside].mean()), float(answered.sum()) / (window.ended - window.begun)


if __name__ == "__main__":
    main()
