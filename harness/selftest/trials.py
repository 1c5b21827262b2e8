"""Trials: plans with a known outcome, measured and judged like any other."""

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
from harness.analysis.change import Change
from harness.environment.base import Environment, create
from harness.environment.processes import LABEL
from harness.errors import MeasurementError
from harness.plan.file import parse_plan
from harness.plan.model import ARMS, Plan
from harness.record.noise import machine_of
from harness.record.outcome import Outcome
from harness.record.readings import FAULT
from harness.record.run_folder import RunFolder
from harness.record.selftest import MORE_WORK, Certificate, Delay, Equal, Freeze, Kill, Power
from harness.record.setup import Setup
from harness.run.campaign import run_campaign
from harness.run.context import Observer, RunContext, Source
from harness.run.experiment import Effort
from harness.run.generator_process import Job, Progress, generate
from harness.selftest import plans
from harness.selftest.plans import Size
from harness.statistics.percentiles import percentile
from harness.verdict.result import Result

HERE = Path(__file__).parent
USERS = HERE / "users.py"
STAGE = "sustain"
WORK_MS = 3.0
"""CPU time of one request, in ms."""


@dataclass(slots=True)
class _Suites:
    """Results of valid suites, the number of invalid ones, and their broken guards."""

    valid: list[Result] = field(default_factory=list)
    invalid: int = 0
    guards: set[str] = field(default_factory=set)


class Trials:
    """The trials of one selftest, each recorded in ``folder``; ``say`` shows a line of progress."""

    def __init__(self, size: Size, seed: int, folder: Path, say: Callable[[str], None]) -> None:
        self.size, self.seed, self.folder, self.say = size, seed, folder, say

    def certificate(self) -> Certificate:
        """Run all trials, the shortest first; raises ``EnvironmentFailedError`` or ``MeasurementError``."""
        date = datetime.now(UTC).isoformat(timespec="seconds")
        kill = self._kill()
        freeze = self._freeze()
        delay, machine = self._delay()
        rounds = rounds_of(WORK_MS)
        equal = self._suites("A/A", self.size.suites, rounds, rounds)
        more_rounds, title = round(rounds * (1 + MORE_WORK)), f"{100 * MORE_WORK:.0f} % more work"
        more = self._suites(title, self.size.power_suites, rounds, more_rounds)
        failed = sum(suite.verdict.outcome is Outcome.FAIL for suite in equal.valid)
        held = sum(map(_no_change_inside, equal.valid))
        return Certificate(
            machine=machine,
            date=date,
            version=__version__,
            seed=self.seed,
            blocks=self.size.blocks,
            equal=Equal(len(equal.valid), equal.invalid, failed, held),
            power=Power(MORE_WORK, len(more.valid), more.invalid, sum(map(_rise_found, more.valid))),
            delay=delay,
            freeze=freeze,
            kill=kill,
            guards=tuple(sorted(equal.guards | more.guards)),
        )

    def _suites(self, name: str, count: int, before: int, after: int) -> _Suites:
        suites = _Suites()
        for number in range(1, count + 1):
            title = f"{name}, suite {number} of {count}"
            _, result = self._run(
                f"{'equal' if before == after else 'more'}-{number}",
                plans.work_plan(title, self.size, self.seed + 1000 * number, before, after),
            )
            guards = [breach.code for breach in result.verdict.breaches]
            guards = guards or ([] if _change(result, "p95") else ["no change measured"])
            suites.guards.update(guards)
            suites.invalid += bool(guards)
            if not guards:
                suites.valid.append(result)
            self.say(f"{title}: {', '.join(guards) or _result_of(result, equal=before == after)}")
        return suites

    def _delay(self) -> tuple[Delay, dict[str, str]]:
        self.say("known delay")
        waited = {arm: self.folder / f"waited-{arm}" for arm in ARMS}
        text = plans.delay_plan(self.size, self.seed, (str(waited["before"]), str(waited["after"])))
        _, result = self._run("delay", text)
        found = [_delay_trial(result, arm, path) for arm, path in waited.items()]
        return max(found, key=lambda one: max(abs(one.p50_error_ms), abs(one.p95_error_ms))), machine_of(result.setup)

    def _freeze(self) -> Freeze:
        self.say("freeze")
        folder, result = self._run("freeze", plans.freeze_plan(self.size, self.seed))
        valid = not result.verdict.breaches
        found = [
            Freeze(seconds, plans.frozen_p95_ms(self.size, seconds), _measured_ms(result, arm, "p95"), valid=valid)
            for arm, seconds in _pauses(folder, result.setup)
        ]
        return max(found, key=lambda one: abs(one.error))

    def _kill(self) -> Kill:
        self.say("killed generator process")
        killed: list[int] = []
        _, result = self._run("kill", plans.kill_plan(self.size, self.seed), killing(self.size.kill_at, killed))
        lost = [breach.seen for breach in result.verdict.breaches if breach.code == "WORKER_LOST"]
        named = any(f"pid {pid}) was lost" in seen for pid in killed for seen in lost)
        return Kill(result.verdict.outcome.value, named)

    def _run(self, name: str, text: str, make_load: Callable[..., None] = generate) -> tuple[RunFolder, Result]:
        plan = parse_plan(text, f"the plan of {name}")
        folder, observer = RunFolder.create(self.folder, name), Observer()

        def environment(part: Plan) -> Environment:
            return create(part, HERE, folder.logs, observer.say)

        source = Source(plan, text, HERE / "plan.toml", (USERS,))
        context = RunContext(source, folder, environment(plan), observer, make_load)
        result = run_campaign(context, Effort(confirm=False), environment)
        return folder, result


def rounds_of(ms: float) -> int:
    """Rounds of hashing that this processor does in ``ms`` when it is idle."""
    rounds, took = 20_000, []
    for _ in range(9):
        begun = time.perf_counter()
        hashlib.pbkdf2_hmac("sha256", b"selftest", b"salt", rounds)
        took.append(time.perf_counter() - begun)
    return max(round(rounds * ms / 1000 / min(took)), 100)


def killing(second: int, killed: list[int]) -> Callable[..., None]:
    """Makes the load, and kills one of its processes in that second; appends its id to ``killed``."""

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
    """The generator workers of a run, among the descendants of this process."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.cmdline()[1:4] == ["-m", "harness.generator", "work"] and process.environ().get(LABEL) == label:
                yield process


def _change(result: Result, metric: str) -> Change | None:
    pair = result.comparison.pair(metric, STAGE, None)
    return pair.change if pair and pair.change and pair.change.low is not None else None


def _no_change_inside(result: Result) -> bool:
    change = _change(result, "p95")
    return change is not None and (change.low or 0) <= 1 <= (change.high or 0)


def _rise_found(result: Result) -> bool:
    changes = [_change(result, metric) for metric in ("p50", "p95")]
    return any(change is not None and (change.low or 0) > 1 for change in changes)


def _result_of(result: Result, *, equal: bool) -> str:
    if not equal:
        return "found" if _rise_found(result) else "not found"
    gate = "the gate failed" if result.verdict.outcome is Outcome.FAIL else "the gate did not fail"
    return f'{gate}, the interval {"contains" if _no_change_inside(result) else "excludes"} "no change"'


def _measured_ms(result: Result, arm: str, metric: str) -> float:
    row = result.summary.row(arm, None, STAGE, None)
    value = row.value(metric) if row else None
    if value is None:
        raise MeasurementError(f"no {metric} of {arm} was measured")
    return value


def _delay_trial(result: Result, arm: str, record: Path) -> Delay:
    waited = np.loadtxt(record, ndmin=1)
    known = [percentile(waited, quantile) for quantile in (Fraction("0.5"), Fraction("0.95"))]
    row = result.summary.row(arm, None, STAGE, None)
    if known[0] is None or known[1] is None:
        raise MeasurementError(f"the service of {arm} received no request")
    measured = (_measured_ms(result, arm, "p50"), _measured_ms(result, arm, "p95"))
    valid = not result.verdict.breaches
    return Delay(len(waited), row.requests if row else 0, known[0], known[1], *measured, valid=valid)


def _pauses(folder: RunFolder, setup: Setup) -> Iterator[tuple[str, float]]:
    """Each arm and the seconds that its service was paused, by the fault's readings."""
    for trial in folder.read_trials(setup.legs):
        faults = [row for row in trial.readings.to_pylist() if row["name"].startswith(FAULT)]
        begun, over = (min(row["at_ns"] for row in faults if row["value"] == value) for value in (1, 0))
        yield trial.leg.arm, (over - begun) / 1e9
