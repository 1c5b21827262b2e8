"""What the probes cost the users of a service: windows with and without them, side by side.

``python -m tests.benchmarks.probes --minutes 30 --rate 400`` says what they cost P95: visits arrive at a fixed rate,
and req/s is that rate whatever they cost. ``--minutes 10 --users 1000`` says what they cost the throughput: so many
users, who think for less than half a second, take all that two cores have.

One service is under load all the time; the probes come and go every few seconds, in random order within each pair of
windows. Legs of their own would differ by more than what is looked for: each starts the service anew.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from threading import Event, Thread

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.environment.local import LocalEnvironment
from harness.inference.ranks import hodges_lehmann
from harness.load import Job, generate
from harness.metric import PERCENTILES
from harness.plan_file import parse_plan
from harness.probes.metrics import MetricsProbe
from harness.running.beside import Beside
from harness.samples import latency_ms, read_samples
from harness.statistics import percentile
from harness.trial import Leg

SCENARIOS = Path(__file__).parents[2] / "scenarios"
WINDOW_SECONDS, SETTLING_SECONDS = 2.5, 0.5  # what is read once a second is read twice in what is left of a window
MOST = 0.02
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


class Switching(Thread):
    """Has the probes come and go beside a leg."""

    def __init__(self, environment: LocalEnvironment) -> None:
        super().__init__(daemon=True)
        self.environment, self.windows, self.over = environment, list[Window](), Event()

    def run(self) -> None:
        """Pairs of windows until it is over."""
        dice = Random(7)
        while not self.over.is_set():
            first = dice.random() < 0.5
            for watched in (first, not first):
                begun = time.time()
                if watched:
                    with self._probes():
                        self.over.wait(WINDOW_SECONDS)
                        ended = time.time()
                else:
                    self.over.wait(WINDOW_SECONDS)
                    ended = time.time()
                self.windows.append(Window(begun + SETTLING_SECONDS, ended, watched))

    def _probes(self) -> Beside:
        running = self.environment
        return Beside(running.probe(), MetricsProbe({}, ()), running.databases(), running.caches())


def main() -> None:
    """Print P95, the mean and the throughput with the probes ÷ without, each with its 95 % interval over pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    load = parser.add_mutually_exclusive_group()
    load.add_argument("--rate", type=int, default=200, help="visits that arrive per second")
    load.add_argument("--users", type=int, help="users, each of whom goes on when answered")
    parser.add_argument("--release", default="optimized", choices=["baseline", "optimized"])
    asked = parser.parse_args()
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
        for line in _told(folder / "leg", switching.windows):
            print(line)


def _told(leg: Path, windows: list[Window]) -> Iterator[str]:
    samples = read_samples(leg / "samples")
    origin = datetime.fromisoformat(json.loads((leg / "windows.json").read_text())["origin"]).timestamp()
    good = pc.is_null(samples["error"]).to_numpy(zero_copy_only=False)
    due = samples["due_ns"].to_numpy()[good] / 1e9 + origin
    latency = latency_ms(samples)[good]
    last = due.max()
    pairs = [sorted(pair, key=lambda one: one.watched) for pair in zip(windows[::2], windows[1::2], strict=False)]
    whole = [pair for pair in pairs if max(one.ended for one in pair) < last][1:]
    yield f"{len(samples):,} requests, {len(samples) - len(due):,} of them failed; {len(whole)} pairs of windows"
    values = [[_values(due, latency, window) for window in pair] for pair in whole]
    for place, name in enumerate(("P95", "mean", "req/s")):
        logs = [math.log(with_[place] / without[place]) for without, with_ in values]
        interval = hodges_lehmann(logs)  # a burst on a shared machine spoils a window, and may not spoil the rest
        assert interval is not None
        ratio, low, high = (math.exp(end) for end in (interval.value, interval.low, interval.high))
        without, with_ = (sum(pair[side][place] for pair in values) / len(values) for side in (0, 1))
        bound = 1 - low if name == "req/s" else high - 1
        known = "less" if bound < MOST else "not known to be less"
        yield f"{name:6} without {without:8.3f}  with {with_:8.3f}  ratio {ratio:.4f} [{low:.4f}, {high:.4f}]"
        yield f"       costs at most {bound:+.2%}: {known} than {MOST:.0%}"


def _values(due: NDArray[np.float64], latency: NDArray[np.float64], window: Window) -> tuple[float, float, float]:
    inside = latency[(due >= window.begun) & (due < window.ended)]
    p95 = percentile(inside, PERCENTILES["p95"]) or math.nan
    return p95, float(inside.mean()), len(inside) / (window.ended - window.begun)


if __name__ == "__main__":
    main()
