"""The trials: plans whose outcome is known, measured and judged like anybody's."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil

from harness import __version__
from harness.analysis import Analysis
from harness.campaign import Effort, carry_out
from harness.change import Change
from harness.environment.local import LocalEnvironment
from harness.environment.processes import LABEL
from harness.errors import MeasurementError
from harness.experiment import Source
from harness.judging.breach import WorkerLost
from harness.judging.certificate import MORE_WORK, Certificate, Delay, Equal, Freeze, Kill, Power
from harness.judging.check import Outcome
from harness.judging.noise import Noise
from harness.leg import Leg
from harness.load import Job, Progress, generate
from harness.plan import ARMS
from harness.plan_file import parse_plan
from harness.readings import FAULT
from harness.selftest import plans
from harness.selftest.plans import Size
from harness.setup import Setup
from harness.statistics.percentiles import percentile
from harness.store import RunFolder
from harness.stores.noise import machine_of

HERE = Path(__file__).parent
USERS = HERE / "users.py"
STAGE = "sustain"
WORK_MS = 3.0
"""How long one request is worked on."""


class Silent:
    """An observer that says nothing: of many small runs only the outcome is news."""

    def say(self, text: str) -> None:
        """Something outside a leg has begun."""

    def leg(self, leg: Leg, setup: Setup) -> None:
        """A leg has begun."""

    def noise(self, setup: Setup, noise: Noise) -> None:
        """What is known of the machine."""

    def asked(self, arm: str, requests: int, wanted: int) -> None:
        """So many requests of an arm's corpus are made."""

    def progress(self, progress: Progress) -> None:
        """The generator reported."""


@dataclass(slots=True)
class _Suites:
    """What a row of suites came to."""

    valid: list[Analysis] = field(default_factory=list)
    invalid: int = 0
    guards: set[str] = field(default_factory=set)


class Trials:
    """The trials of one selftest, in a folder that keeps the record of each; ``say`` is told how it goes."""

    def __init__(self, size: Size, seed: int, folder: Path, say: Callable[[str], None]) -> None:
        self.size, self.seed, self.folder, self.say = size, seed, folder, say

    def certificate(self) -> Certificate:
        """Run all trials, the shortest ones first.

        Raises:
            EnvironmentFailedError: when a process of the trials does not come up or stay up.
            MeasurementError: when the generator breaks.
        """
        date = datetime.now(UTC).isoformat(timespec="seconds")
        kill = self._kill()
        freeze = self._freeze()
        delay, machine = self._delay()
        rounds = rounds_of(WORK_MS)
        equal = self._suites("equal arms", self.size.suites, rounds, rounds)
        more = self._suites(_more(), self.size.power_suites, rounds, round(rounds * (1 + MORE_WORK)))
        return Certificate(
            machine=machine,
            date=date,
            version=__version__,
            seed=self.seed,
            blocks=self.size.blocks,
            equal=Equal(len(equal.valid), equal.invalid, *_counts(equal.valid)),
            power=Power(MORE_WORK, len(more.valid), more.invalid, sum(map(_found, more.valid))),
            delay=delay,
            freeze=freeze,
            kill=kill,
            guards=tuple(sorted(equal.guards | more.guards)),
        )

    def _suites(self, name: str, count: int, before: int, after: int) -> _Suites:
        suites = _Suites()
        for number in range(1, count + 1):
            title = f"{name}, suite {number} of {count}"
            _, analysis = self._run(
                f"{'equal' if before == after else 'more'}-{number}",
                plans.work_plan(title, self.size, self.seed + 1000 * number, before, after),
            )
            guards = [breach.name for breach in analysis.verdict.breaches]
            guards = guards or ([] if _change(analysis, "p95") else ["no change could be told"])
            suites.guards.update(guards)
            suites.invalid += bool(guards)
            if not guards:
                suites.valid.append(analysis)
            self.say(f"{title}: {', '.join(guards) or _seen(analysis, equal=before == after)}")
        return suites

    def _delay(self) -> tuple[Delay, dict[str, str]]:
        self.say("a delay that is known")
        waited = {arm: self.folder / f"waited-{arm}" for arm in ARMS}
        text = plans.delay_plan(self.size, self.seed, (str(waited["before"]), str(waited["after"])))
        _, analysis = self._run("delay", text)
        found = [_delay_of(analysis, arm, path) for arm, path in waited.items()]
        return max(found, key=lambda one: max(abs(one.p50_error_ms), abs(one.p95_error_ms))), machine_of(analysis.setup)

    def _freeze(self) -> Freeze:
        self.say("a service that freezes")
        folder, analysis = self._run("freeze", plans.freeze_plan(self.size, self.seed))
        valid = not analysis.verdict.breaches
        found = [
            Freeze(seconds, plans.frozen_p95_ms(self.size, seconds), _known(analysis, arm, "p95"), valid=valid)
            for arm, seconds in _frozen(folder, analysis.setup)
        ]
        return max(found, key=lambda one: abs(one.error))

    def _kill(self) -> Kill:
        self.say("a generator process that is killed")
        killed: list[int] = []
        _, analysis = self._run("kill", plans.kill_plan(self.size, self.seed), killing(self.size.kill_at, killed))
        lost = [breach.loss.worker for breach in analysis.verdict.breaches if isinstance(breach, WorkerLost)]
        named = any(f"pid {pid})" in worker for pid in killed for worker in lost)
        return Kill(analysis.verdict.outcome.value, named)

    def _run(self, name: str, text: str, make_load: Callable[..., None] = generate) -> tuple[RunFolder, Analysis]:
        plan = parse_plan(text, f"the plan of {name}")
        folder, observer = RunFolder.create(self.folder, name), Silent()
        analysis = carry_out(
            Source(plan, text, HERE / "plan.toml", (USERS,)),
            folder,
            lambda part: LocalEnvironment(part, HERE, folder.logs, observer.say),
            observer,
            Effort(confirm=False),
            make_load=make_load,
        )
        return folder, analysis


def rounds_of(ms: float) -> int:
    """How many rounds of hashing this processor does in so many ms when nothing else is at work."""
    rounds, took = 20_000, []
    for _ in range(9):
        begun = time.perf_counter()
        hashlib.pbkdf2_hmac("sha256", b"selftest", b"salt", rounds)
        took.append(time.perf_counter() - begun)
    return max(round(rounds * ms / 1000 / min(took)), 100)


def killing(second: int, killed: list[int]) -> Callable[..., None]:
    """A load of several processes in which one of them is killed; its id is then in ``killed``."""

    def make(job: Job, *, on_progress: Callable[[Progress], None], check: Callable[[], None]) -> None:
        def follow(progress: Progress) -> None:
            on_progress(progress)
            if not killed and progress.stage is not None and progress.second >= second:
                for victim in list(_workers(job.label))[:1]:
                    victim.kill()
                    killed.append(victim.pid)

        generate(job, on_progress=follow, check=check)

    return make


def _workers(label: str) -> Iterator[psutil.Process]:
    """The generator processes of a run that make its load, among the descendants of this process alone."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.cmdline()[1:4] == ["-m", "harness.generator", "work"] and process.environ().get(LABEL) == label:
                yield process


def _more() -> str:
    return f"{MORE_WORK:.0%} more work".replace("%", " %")


def _change(analysis: Analysis, metric: str) -> Change | None:
    pair = analysis.comparison.pair(metric, STAGE, None)
    return pair.change if pair and pair.change and pair.change.low is not None else None


def _holds(analysis: Analysis) -> bool:
    change = _change(analysis, "p95")
    return change is not None and (change.low or 0) <= 1 <= (change.high or 0)


def _found(analysis: Analysis) -> bool:
    changes = [_change(analysis, metric) for metric in ("p50", "p95")]
    return any(change is not None and (change.low or 0) > 1 for change in changes)


def _failed(analysis: Analysis) -> bool:
    return analysis.verdict.outcome is Outcome.FAIL


def _counts(suites: list[Analysis]) -> tuple[int, int]:
    return sum(map(_failed, suites)), sum(map(_holds, suites))


def _seen(analysis: Analysis, *, equal: bool) -> str:
    if not equal:
        return "found" if _found(analysis) else "not found"
    gate = "the gate failed" if _failed(analysis) else "the gate did not fail"
    return f'{gate}, the interval {"holds" if _holds(analysis) else "misses"} "no change"'


def _known(analysis: Analysis, arm: str, metric: str) -> float:
    row = analysis.summary.row(arm, None, STAGE, None)
    value = row.value(metric) if row else None
    if value is None:
        raise MeasurementError(f"no {metric} of {arm} was measured")
    return value


def _delay_of(analysis: Analysis, arm: str, noted: Path) -> Delay:
    waited = np.loadtxt(noted, ndmin=1)
    known = [percentile(waited, quantile) for quantile in (Fraction("0.5"), Fraction("0.95"))]
    row = analysis.summary.row(arm, None, STAGE, None)
    if known[0] is None or known[1] is None:
        raise MeasurementError(f"the service of {arm} was asked nothing")
    measured = (_known(analysis, arm, "p50"), _known(analysis, arm, "p95"))
    valid = not analysis.verdict.breaches
    return Delay(len(waited), row.requests if row else 0, known[0], known[1], *measured, valid=valid)


def _frozen(folder: RunFolder, setup: Setup) -> Iterator[tuple[str, float]]:
    """By arm, how many seconds its service was stopped, as whoever stopped it noted."""
    for trial in folder.read_trials(setup.legs):
        told = [row for row in trial.readings.to_pylist() if row["name"].startswith(FAULT)]
        begun, over = (min(row["at_ns"] for row in told if row["value"] == value) for value in (1, 0))
        yield trial.leg.arm, (over - begun) / 1e9
