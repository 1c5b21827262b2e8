"""What the probes cost the users of a service: blocks with and without them, side by side, at a fixed open rate.

``python -m tests.benchmarks.probes --blocks 10 --seconds 40 --rate 40 --release optimized`` are its options.
"""

import argparse
import tempfile
from pathlib import Path

from harness.analysis import Analysis, analyse
from harness.check import Outcome
from harness.environment.access import Cache, Database
from harness.environment.local import LocalEnvironment
from harness.experiment import Source, measure
from harness.load import Progress
from harness.noise import Noise
from harness.plan_file import parse_plan
from harness.probes.process import ProcessProbe
from harness.store import RunFolder
from harness.trial import Leg, Setup, Startup

SCENARIOS = Path(__file__).parents[2] / "scenarios"
WITHOUT = "before"
"""The arm beside which nothing is read; the other one is the same service, with every probe."""
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
env = {{ REFERENCE_RELEASE = "{release}" }}
[load]
users = ["demo.py"]
blocks = {blocks}
[[stages]]
kind = "sustain"
seconds = {seconds}
rate = {rate}
users = 400
warmup_seconds = 5
"""


class Unwatched(LocalEnvironment):
    """Has nothing read beside the legs of one arm."""

    arm = ""

    def start(self, leg: Leg) -> Startup:
        """As ever, and remember whose leg it is."""
        self.arm = leg.arm
        return super().start(leg)

    def databases(self) -> list[Database]:
        """None in the legs without."""
        return [] if self.arm == WITHOUT else super().databases()

    def caches(self) -> list[Cache]:
        """None in the legs without."""
        return [] if self.arm == WITHOUT else super().caches()

    def probe(self) -> ProcessProbe:
        """Of nothing in the legs without."""
        return ProcessProbe({}) if self.arm == WITHOUT else super().probe()


class Printed:
    """Says which leg it is."""

    def say(self, text: str) -> None:
        """Print it."""
        print(text, flush=True)

    def leg(self, leg: Leg, setup: Setup) -> None:
        """Print its number."""
        what = "without" if leg.arm == WITHOUT else "with"
        print(f"leg {leg.number} of {len(setup.legs)}: {what}", flush=True)

    def noise(self, setup: Setup, noise: Noise) -> None:
        """Nothing to say."""

    def asked(self, arm: str, requests: int, wanted: int) -> None:
        """Nothing to say."""

    def progress(self, progress: Progress) -> None:
        """Nothing to say."""


def main() -> None:
    """Print P95, the mean and the throughput with the probes ÷ without, each with its 95 % interval over blocks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--rate", type=int, default=40, help="visits that arrive per second")
    parser.add_argument("--release", default="optimized", choices=["baseline", "optimized"])
    asked = parser.parse_args()
    text = PLAN.format(**vars(asked))
    source = Source(parse_plan(text), text, SCENARIOS / "probes.toml", (SCENARIOS / "demo.py",))
    with tempfile.TemporaryDirectory() as parent:
        folder = RunFolder.create(Path(parent), "probes")
        environment = Unwatched(source.plan, SCENARIOS, folder.logs, print)
        measure(source, folder, environment, Printed())
        _tell(analyse(folder))


def _tell(analysis: Analysis) -> None:
    if analysis.verdict.outcome is Outcome.INVALID:
        print("INVALID: " + "; ".join(breach.value[0] for breach in analysis.verdict.breaches))
    print(f"{'':14}{'without':>10}{'with':>10}{'ratio':>9}{'95 % interval':>20}{'worst pair':>12}")
    for name in ("p95", "mean", "rps"):
        pair = analysis.comparison.pair(name, None, None)
        if pair is None or pair.change is None or pair.before is None or pair.after is None:
            print(f"{name:14}nothing was measured")
            continue
        change = pair.change
        ends = "one block" if change.low is None else f"{change.low:.4f} to {change.high:.4f}"
        worst = f"{change.worst:.4f}" if change.worst is not None else ""
        print(f"{pair.metric.label:14}{pair.before:10.2f}{pair.after:10.2f}{change.value:9.4f}{ends:>20}{worst:>12}")
        bound = _worst_end(change.low, change.high, higher_is_better=name == "rps")
        if bound is not None:
            known = "less" if bound < MOST else "not known to be less"
            print(f"{'':14}costs at most {bound:+.2%}: {known} than {MOST:.0%}")
    for told in analysis.summary.servers:
        if told.source == "server:probes":
            seconds = told.levels["probe_seconds"]
            own, server = told.levels["probe_cpu_seconds"] / seconds, told.levels["probe_server_ms"] / 1000 / seconds
            print(f"asking took {own:.2%} of a core of the harness and {server:.2%} of one of PostgreSQL")


def _worst_end(low: float | None, high: float | None, *, higher_is_better: bool) -> float | None:
    """The most that the interval allows it to be worse; ``None`` of one block."""
    if low is None or high is None:
        return None
    return 1 - low if higher_is_better else high - 1


if __name__ == "__main__":
    main()
