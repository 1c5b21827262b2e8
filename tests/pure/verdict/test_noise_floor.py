"""Targets of changes with a known noise floor, and failures that are measured twice."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from harness.analysis.comparison import Comparison, compare
from harness.analysis.summary import Summary, summarise
from harness.finding import Finding
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.noise import FOLDER, Noise, NoiseOfRun, NoiseRatios
from harness.record.outcome import Outcome
from harness.record.run_folder import RunFolder
from harness.run.campaign import run_campaign
from harness.run.context import RunContext, Source
from harness.run.experiment import Effort, measure_again
from harness.run.generator_process import Job
from harness.verdict.caveats import FAILED_ONCE, FEW_PAIRS, NO_NOISE_FLOOR
from harness.verdict.guards import GENERATOR_BUSY
from harness.verdict.judge import Measurement, Verdict, judge
from harness.verdict.result import analyse
from harness.verdict.rules import failures_to_confirm
from harness.verdict.targets import Check, Reason, Repeat
from tests.doubles import PLAN, FakeEnvironment, FakeLoad, synthetic_setup, synthetic_trials
from tests.pure.run.test_experiment import Nobody


def plan_of(expect: str, blocks: int = 8, arms: str = "") -> Plan:
    text = PLAN.replace("p95 falls by 50 %", expect).replace("blocks = 2", f"blocks = {blocks}")
    return parse_plan(text.replace("[arms.after]", f"{arms}\n[arms.after]"))


def known(*ratios: float, metric: str = "p95") -> Noise:
    return Noise(runs=(NoiseOfRun("earlier", (NoiseRatios(metric, "sustain", None, ratios),)),))


@cache
def measured(change: float, blocks: int = 8, *, control: bool = False) -> tuple[Summary, Comparison]:
    """The trials of a plan with this many blocks; they do not depend on its target."""
    plan = plan_of("p95 falls by 50 %", blocks, "[arms.control]" if control else "")
    summary = summarise(synthetic_trials(plan, change=change))
    return summary, compare(summary)


def judged(plan: Plan, change: float, noise: Noise | None = None, again: float | None = None) -> Verdict:
    summary, comparison = measured(change, plan.load.blocks, control="control" in plan.arms)
    repeat = None if again is None else Repeat(*measured(again, plan.load.blocks), complete=True)
    return judge(Measurement(plan, synthetic_setup(plan), summary, comparison, noise=noise, repeat=repeat))


def check(plan: Plan, change: float, noise: Noise | None = None, again: float | None = None) -> Check:
    (found,) = judged(plan, change, noise, again).checks
    return found


@pytest.mark.parametrize(
    ("expect", "change", "floor", "outcome", "reason"),
    [
        ("p95 rises by at most 30 %", 1.0, 0.1, Outcome.PASS, Reason.MET),
        ("p95 rises by at most 30 %", 1.0, 0.4, Outcome.INCONCLUSIVE, Reason.UNSTABLE),  # could not tell it apart
        ("p95 rises by at most 30 %", 2.0, 0.4, Outcome.FAIL, Reason.MISSED),  # beyond the A/A noise
        ("p95 rises by at most 30 %", 2.0, 1.5, Outcome.INCONCLUSIVE, Reason.IN_NOISE),
        ("p95 falls by 50 %", 0.25, 0.1, Outcome.PASS, Reason.MET),
        ("p95 falls by 20 %", 0.25, 0.4, Outcome.INCONCLUSIVE, Reason.UNSTABLE),
        ("p95 falls by 90 %", 0.25, 0.4, Outcome.FAIL, Reason.MISSED),  # improved by less than was claimed
        ("rps falls by at most 30 %", 1.0, 0.5, Outcome.INCONCLUSIVE, Reason.UNSTABLE),
        ("p95 < 1000 ms", 1.0, 9.0, Outcome.PASS, Reason.MET),  # a limit asks for no change
    ],
)
def test_a_change_is_compared_with_the_noise_floor(
    expect: str, change: float, floor: float, outcome: Outcome, reason: Reason
) -> None:
    noise = known(math.log1p(floor), metric=expect.split(maxsplit=1)[0])
    found = check(plan_of(expect), change, noise)
    assert (found.outcome, found.reason) == (outcome, reason)
    assert (found.floor is None) == ("<" in expect)


def test_the_floor_of_another_place_does_not_apply() -> None:
    noise = Noise(runs=(NoiseOfRun("earlier", (NoiseRatios("p95", "peak", None, (9.0,)),)),))
    assert check(plan_of("p95 rises by at most 30 %"), 1.0, noise).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("noise", "caveat", "said"),
    [
        (None, NO_NOISE_FLOOR, True),
        (known(0.01), NO_NOISE_FLOOR, False),
        (known(0.01), FEW_PAIRS, True),
        (known(*[0.01] * 59), FEW_PAIRS, False),
    ],
)
def test_a_provisional_floor_is_a_caveat(noise: Noise | None, caveat: Finding, said: bool) -> None:
    assert (caveat in judged(plan_of("p95 falls by 50 %"), 0.25, noise).caveats) == said


def test_the_control_arm_of_the_run_itself_counts() -> None:
    found = check(plan_of("p95 falls by 50 %", arms="[arms.control]"), 0.25)
    assert found.floor is not None
    assert found.floor.pairs == 8
    assert found.floor.provisional


@pytest.mark.parametrize(
    ("change", "again", "outcome", "reason"),
    [
        (2.0, 2.0, Outcome.FAIL, Reason.CONFIRMED),
        (2.0, 1.0, Outcome.INCONCLUSIVE, Reason.NOT_CONFIRMED),
        (1.0, 2.0, Outcome.PASS, Reason.MET),  # only what failed is looked at again
    ],
)
def test_a_failure_needs_two_measurements(change: float, again: float, outcome: Outcome, reason: Reason) -> None:
    found = check(plan_of("p95 rises by at most 30 %"), change, again=again)
    assert (found.outcome, found.reason) == (outcome, reason)
    assert (found.repeat is None) == (reason is Reason.MET)


def test_a_second_measurement_that_was_cut_short_confirms_nothing() -> None:
    plan = plan_of("p95 rises by at most 30 %")
    summary, comparison = measured(2.0)
    repeat = Repeat(summary, comparison, complete=False)
    verdict = judge(Measurement(plan, synthetic_setup(plan), summary, comparison, repeat=repeat))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.checks[0].reason is Reason.REPEAT_INCOMPLETE


def test_a_failure_of_a_limit_needs_no_second_measurement() -> None:
    assert judged(plan_of("p95 < 0.01 ms"), 1.0).outcome is Outcome.FAIL
    assert FAILED_ONCE not in judged(plan_of("p95 < 0.01 ms"), 1.0).caveats
    assert FAILED_ONCE in judged(plan_of("p95 rises by at most 30 %"), 2.0).caveats


def test_a_second_measurement_that_broke_breaks_the_run() -> None:
    plan = plan_of("p95 rises by at most 30 %")
    summary, comparison = measured(2.0)
    busy = [replace(t, generation=replace(t.generation, cpu_share=0.99)) for t in synthetic_trials(plan, change=2.0)]
    second = summarise(busy)
    repeat = Repeat(second, compare(second), complete=True)
    verdict = judge(Measurement(plan, synthetic_setup(plan), summary, comparison, repeat=repeat))
    assert verdict.outcome is Outcome.INVALID
    assert verdict.breaches == (GENERATOR_BUSY,)


@pytest.mark.parametrize(("pairs", "broken"), [(59, True), (58, False)])
def test_aa_differences_beyond_the_known_noise_break_the_run(pairs: int, broken: bool) -> None:
    """A provisional floor breaks no guard."""
    plan = plan_of("p95 falls by 50 %", arms="[arms.control]")
    slowness = {"before": 1.0, "control": 3.0, "after": 0.25}
    summary = summarise(list(synthetic_trials(plan, slowness=slowness)))
    noise = known(*[0.02] * pairs)
    verdict = judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary), noise=noise))
    assert (verdict.outcome is Outcome.INVALID) == broken
    assert [breach.code for breach in verdict.breaches] == ["ARMS_UNEQUAL"] * broken
    if broken:
        assert "p95 of sustain by +" in verdict.breaches[0].seen


@pytest.mark.parametrize(("floor", "outcome"), [(0.1, Outcome.PASS), (1.5, Outcome.INCONCLUSIVE)])
def test_an_unpaired_change_decides_beyond_three_times_the_floor(floor: float, outcome: Outcome) -> None:
    plan = plan_of("p95 falls by 50 %")
    summary, _ = measured(0.2)
    comparison = compare(summary, sequential=True)
    setup = replace(synthetic_setup(plan), sequential=True)
    verdict = judge(Measurement(plan, setup, summary, comparison, noise=known(math.log1p(floor))))
    assert verdict.outcome is outcome


# --- the whole run


class Loads:
    """Loads with a first and a second measurement that differ."""

    def __init__(self, log: list[str], first: float, second: float, blocks: int) -> None:
        self.first, self.second = FakeLoad(log, change=first), FakeLoad(log, change=second)
        self.legs, self.blocks = 0, blocks

    def __call__(self, job: Job, **rest: Callable[..., None]) -> None:
        self.legs += 1
        (self.first if self.legs <= 2 * self.blocks else self.second)(job, **rest)


def campaign(
    tmp_path: Path, expect: str, changes: Sequence[float], *, confirm: bool = True
) -> tuple[Verdict, list[str], RunFolder]:
    log: list[str] = []
    plan = plan_of(expect, blocks=4)
    text = PLAN.replace("p95 falls by 50 %", expect).replace("blocks = 2", "blocks = 4")
    folder = RunFolder.create(tmp_path / "runs", "run")
    load = Loads(log, changes[0], changes[-1], 4)
    analysis = run_campaign(
        RunContext(Source(plan, text, tmp_path / "plan.toml"), folder, FakeEnvironment(log), Nobody(), load),
        Effort(confirm=confirm),
        lambda _: FakeEnvironment(log),
    )
    return analysis.verdict, log, folder


def test_a_failure_is_measured_again_in_a_fresh_environment(tmp_path: Path) -> None:
    verdict, log, folder = campaign(tmp_path, "p95 rises by at most 30 %", [2.0, 2.0])
    assert verdict.outcome is Outcome.FAIL
    assert verdict.checks[0].reason is Reason.CONFIRMED
    assert [event for event in log if event in {"up", "down", "prepare"}] == ["up", "prepare", "down"] * 2
    assert sum(event.startswith("load") for event in log) == 16
    setup = folder.read_setup()
    assert (len(setup.order), setup.again, setup.legs_planned) == (8, 4, 8)
    assert analyse(folder).verdict == verdict  # from what is on disk


def test_a_failure_of_one_measurement_is_inconclusive(tmp_path: Path) -> None:
    verdict, _, _ = campaign(tmp_path, "p95 rises by at most 30 %", [2.0, 1.0])
    assert (verdict.outcome, verdict.checks[0].reason) == (Outcome.INCONCLUSIVE, Reason.NOT_CONFIRMED)


@pytest.mark.parametrize(
    ("expect", "changes", "confirm"),
    [
        ("p95 rises by at most 30 %", [1.0], True),  # nothing failed
        ("p95 < 0.01 ms", [1.0], True),  # a limit failed
        ("p95 rises by at most 30 %", [2.0], False),  # nobody wants to know
    ],
)
def test_a_pass_is_not_measured_again(tmp_path: Path, expect: str, changes: list[float], confirm: bool) -> None:
    _, log, folder = campaign(tmp_path, expect, changes, confirm=confirm)
    assert sum(event.startswith("load") for event in log) == 8
    assert folder.read_setup().again == 0


@pytest.mark.parametrize("leg", [1, 3])
def test_an_interrupted_confirmation_is_judged_as_such(tmp_path: Path, leg: int) -> None:
    _, _, folder = campaign(tmp_path, "p95 rises by at most 30 %", [2.0], confirm=False)
    plan, _ = folder.read_plan(folder.read_setup())
    source = Source(plan, "", tmp_path / "plan.toml")
    with pytest.raises(KeyboardInterrupt):
        measure_again(RunContext(source, folder, FakeEnvironment([]), Nobody(), Stops(leg)))
    verdict = analyse(folder).verdict
    assert (verdict.outcome, verdict.checks[0].reason) == (Outcome.INCONCLUSIVE, Reason.REPEAT_INCOMPLETE)


class Stops:
    """A load that is interrupted in one of its legs."""

    def __init__(self, leg: int) -> None:
        self.load, self.legs, self.leg = FakeLoad([], change=2.0), 0, leg

    def __call__(self, job: Job, **rest: Callable[..., None]) -> None:
        self.legs += 1
        if self.legs == self.leg:
            raise KeyboardInterrupt
        self.load(job, **rest)


def test_noise_that_cannot_be_stored_does_not_affect_the_verdict(tmp_path: Path) -> None:
    text = PLAN.replace("[arms.after]", "[arms.control]\n[arms.after]")
    folder, observer = RunFolder.create(tmp_path / "runs", "run"), Nobody()
    (tmp_path / "runs" / FOLDER).write_text("a file in the way")
    source = Source(parse_plan(text), text, tmp_path / "plan.toml")
    analysis = run_campaign(
        RunContext(source, folder, FakeEnvironment([]), observer, FakeLoad([])), Effort(), lambda _: FakeEnvironment([])
    )
    assert analysis.verdict.outcome is not Outcome.INVALID
    assert any("is not stored for later runs" in said and FOLDER in said for said in observer.heard)


def test_the_aa_noise_is_stored_for_later_runs(tmp_path: Path) -> None:
    text = PLAN.replace("[arms.after]", "[arms.control]\n[arms.after]")
    source = Source(parse_plan(text), text, tmp_path / "plan.toml")
    seen = []
    for name in ("first", "second"):
        folder = RunFolder.create(tmp_path / "runs", name)
        observer = Nobody()
        run_campaign(
            RunContext(source, folder, FakeEnvironment([]), observer, FakeLoad([])),
            Effort(),
            lambda _: FakeEnvironment([]),
        )
        seen.append([run.run for run in observer.known[1].runs])
        assert [run.run for run in (folder.read_noise() or Noise()).runs] == seen[-1]
    assert seen == [[], ["first"]]
    (kept,) = (tmp_path / "runs" / FOLDER).glob("*.json")
    assert '"second"' in kept.read_text()


def test_a_failed_advisory_target_is_not_measured_again() -> None:
    plan = plan_of('p95 rises by at most 30 %"\nseverity = "advisory')
    verdict = judged(plan, 2.0)
    assert verdict.checks[0].outcome is Outcome.FAIL
    assert failures_to_confirm(verdict.checks) == []
    assert FAILED_ONCE not in verdict.caveats
